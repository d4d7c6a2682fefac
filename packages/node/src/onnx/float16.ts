import { FairleadError, messageOf } from '@fairlead/core';
import type { Runtime } from './runtime';
import { type Float16Way, toOrt } from './tensors';
import { float16TestModel } from './test-models';

/** -2.5, 1 and 65504 (the largest), as bits and as numbers. */
const bits = Uint16Array.of(0xc100, 0x3c00, 0x7bff);
const values = [-2.5, 1, 65504];

let finding: Promise<Float16Way> | undefined;

/**
 * Finds out, once in this thread, how float16 data reaches the runtime unharmed: some releases of it read none of the
 * bytes where JavaScript has a Float16Array (Node 23 and later).
 * @throws FairleadError `UNSUPPORTED` when no way works
 */
export function findFloat16Way(ort: Runtime): Promise<Float16Way> {
  finding ??= tryWays(ort);
  return finding;
}

async function tryWays(ort: Runtime): Promise<Float16Way> {
  const session = await ort.InferenceSession.create(float16TestModel(), { logSeverityLevel: 4, intraOpNumThreads: 1 });
  try {
    let problem = '';
    for (const way of ['plain', 'bits'] as const) {
      try {
        const { y } = await session.run(toOrt(ort, { x: { dtype: 'float16', shape: [3], data: bits } }, way));
        const answer = Array.from(y?.data as Float32Array).join(', ');
        if (answer === values.join(', ')) return way;
        problem = `it read ${answer} for ${values.join(', ')}`;
      } catch (error) {
        problem = messageOf(error);
      }
    }
    throw new FairleadError(
      'UNSUPPORTED',
      `onnxruntime-node cannot read float16 inputs on Node ${process.versions.node} (${problem}). Use Node 20 or 22, or a model with float32 inputs.`,
    );
  } finally {
    await session.release();
  }
}
