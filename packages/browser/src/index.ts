export { onnx } from './onnx/onnx';
export type { OnnxDevice, OnnxOptions } from './onnx/options';
