export { nodeLaneHost } from './lanes/node-lane-host';
export { type FileModelOptions, fileModel } from './models/file-model';
export { onnx } from './onnx/onnx-backend';
export type { GraphOptimization, OnnxDevice, OnnxOptions } from './onnx/options';
export type { TfjsDevice, TfjsOptions } from './tfjs/options';
export { tfjs } from './tfjs/tfjs-backend';
export { type FileTuningOptions, fileTuning } from './tuning/file-tuning';
