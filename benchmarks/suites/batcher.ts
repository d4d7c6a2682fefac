import { createRunner, type ModelRunner } from '@fairlead/core';
import { onnx } from '@fairlead/node';
import * as ort from 'onnxruntime-node';
import { compare } from '../lib/compare';
import { benchDevice } from '../lib/device';
import { loadDigits } from '../lib/digits';
import { drive, quantile } from '../lib/load';
import type { Result, Suite } from '../lib/suite';

const sessionOptions = { intraOpNumThreads: 1, extra: { session: { intra_op: { allow_spinning: '0' } } } };
const rowElements = 64;
const durationMs = 400;

/** The digits model through the batcher, beside the same callers on the bare runtime, with the same threads. */
export default {
  name: 'batcher',
  describe: 'Rows a second and latency of the batcher beside bare session.run, on the digits model.',
  async run({ rounds, note }) {
    const { bytes, path, rows } = await loadDigits('v2');
    const row = (index: number): Float32Array => rows[index % rows.length] as Float32Array;
    const device = benchDevice();
    note(`on ${device}`);
    const bare = await ort.InferenceSession.create(bytes, { ...sessionOptions, executionProviders: [device] });
    const runner = await createRunner({ model: path, backend: onnx({ device, threads: 1 }) });
    const results: Result[] = [];
    try {
      const viaRunner = (index: number) => runner.run({ pixels: row(index) });
      const viaBare = (index: number) => bare.run({ pixels: new ort.Tensor('float32', row(index), [1, rowElements]) });
      for (const callers of [64, 128]) {
        note(`${callers} callers, runner beside bare session.run, ${rounds} rounds`);
        const rate = (request: (index: number) => Promise<unknown>) => async () =>
          (await drive({ callers, durationMs, request })).perSecond;
        const { a, b, ratio } = await compare(rate(viaRunner), rate(viaBare), { rounds });
        results.push({
          name: `${callers} callers: against the same on bare session.run`,
          value: ratio,
          unit: 'ratio',
          goal: '>= 5',
        });
        results.push({ name: `${callers} callers: rows/s of the runner`, value: a, unit: 'rows/s' });
        results.push({ name: `${callers} callers: rows/s of bare session.run`, value: b, unit: 'rows/s' });
      }
      results.push(await besideRawBatches(bare, runner, row, rounds, note));
      results.push(...(await loneCaller(viaRunner, viaBare, rounds, note)));
      const { batching } = runner.describe();
      results.push({
        name: 'mean rows of a batch over the whole run',
        value: batching.rows / batching.batches,
        unit: 'rows',
      });
    } finally {
      await runner.close();
      await bare.release();
    }
    return results;
  },
} satisfies Suite;

/** What the runtime itself can do with batches of 64 whose rows are copied in from separate arrays. */
async function besideRawBatches(
  bare: ort.InferenceSession,
  runner: ModelRunner,
  row: (index: number) => Float32Array,
  rounds: number,
  note: (text: string) => void,
): Promise<Result> {
  const batchRows = 64;
  const batch = new Float32Array(batchRows * rowElements);
  const rawBatch = (index: number) => {
    for (let slot = 0; slot < batchRows; slot++) batch.set(row(index * batchRows + slot), slot * rowElements);
    return bare.run({ pixels: new ort.Tensor('float32', batch, [batchRows, rowElements]) });
  };
  note(`128 callers beside raw batches of ${batchRows}`);
  const { ratio } = await compare(
    async () =>
      (await drive({ callers: 128, durationMs, request: (index) => runner.run({ pixels: row(index) }) })).perSecond,
    async () => (await drive({ callers: 1, durationMs, request: rawBatch })).perSecond * batchRows,
    { rounds },
  );
  return { name: `128 callers: against raw batches of ${batchRows}`, value: ratio, unit: 'ratio' };
}

async function loneCaller(
  viaRunner: (index: number) => Promise<unknown>,
  viaBare: (index: number) => Promise<unknown>,
  rounds: number,
  note: (text: string) => void,
): Promise<Result[]> {
  note('one caller, added latency');
  const at = (request: (index: number) => Promise<unknown>, q: number) => async () =>
    quantile((await drive({ callers: 1, durationMs, request }, { latencies: true })).latencies, q) * 1000;
  const results: Result[] = [];
  for (const [label, q, goal] of [
    ['p50', 0.5, '<= 20'],
    ['p99', 0.99, undefined],
  ] as const) {
    const { a, b } = await compare(at(viaRunner, q), at(viaBare, q), { rounds });
    results.push({
      name: `one caller: ${label} added to bare session.run`,
      value: a - b,
      unit: 'µs',
      ...(goal && { goal }),
    });
  }
  return results;
}
