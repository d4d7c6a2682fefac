import type { WebGpuFacts } from '../devices/webgpu';

/**
 * Why a model cannot run on an adapter, as far as its file tells; undefined where nothing is against it. The runtime
 * would create a session all the same, and fail in its first run.
 */
export async function misfitOf(model: Uint8Array, adapter: WebGpuFacts): Promise<string | undefined> {
  const { shaderF16, maxBufferSize } = adapter;
  // Most models and adapters need no closer look, nor the code for it.
  if (shaderF16.available && model.length <= maxBufferSize) return undefined;
  const { graphNeedsOf } = await import('@fairlead/core/onnx');
  const { elementTypes, largestWeightBytes } = graphNeedsOf(model);
  if (!shaderF16.available && elementTypes.has('float16')) {
    return `the model computes with float16, and ${shaderF16.reason}; serve a float32 variant to such devices`;
  }
  if (largestWeightBytes > maxBufferSize) {
    return `the model has a weight of ${largestWeightBytes} bytes, and a buffer of this WebGPU adapter holds ${maxBufferSize} at most; use a smaller or quantised model`;
  }
  return undefined;
}
