export { onnx } from './onnx/onnx';
export type { OnnxDevice, OnnxOptions } from './onnx/options';
export type { TfjsDevice, TfjsOptions } from './tfjs/options';
export { tfjs } from './tfjs/tfjs';
