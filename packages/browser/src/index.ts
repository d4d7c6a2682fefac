export { onnx } from './onnx/onnx';
export type { OnnxDevice, OnnxOptions } from './onnx/options';
export type { RecoveryOptions } from './recovery/options';
