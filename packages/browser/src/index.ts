export { type DeviceReport, detectDevices } from './devices/detect-devices';
export type { Feature } from './devices/feature';
export type { WebGpuFacts } from './devices/webgpu';
export { onnx } from './onnx/onnx';
export type { OnnxDevice, OnnxOptions } from './onnx/options';
export type { TfjsDevice, TfjsOptions } from './tfjs/options';
export { tfjs } from './tfjs/tfjs';
