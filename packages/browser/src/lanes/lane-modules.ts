/**
 * Names the backend of `onnx()` to a lane's worker. No URL of a file would do: bundlers know the worker as an entry, and
 * a module that they do not see from there would be missing in what they emit.
 */
export const onnxLaneModule = 'fairlead:onnxruntime-web';

/** Names the backend of `tfjs()`, in the same way. */
export const tfjsLaneModule = 'fairlead:tensorflow.js';
