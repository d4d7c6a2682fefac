import { createRunner, type LanesOption, type LocalRunner, sha256Hex } from '@fairlead/core';
import { createRegistry, instrumentRunner } from '@fairlead/core/metrics';
import { createDriftMonitor, fitReference } from '@fairlead/core/monitoring';
import { onnx } from '@fairlead/node';
import * as ort from 'onnxruntime-node';
import { compare } from '../lib/compare';
import { drive } from '../lib/load';
import { cnn, mlp } from '../lib/onnx/model';
import type { Result, Suite } from '../lib/suite';

const durationMs = 400;
const batchSizes = [16, 32, 64];
const distinctRows = 256;

interface Subject {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Shape of one row. */
  readonly shape: readonly number[];
  readonly lanes: LanesOption;
  readonly threads: number;
  readonly rows: readonly { readonly callers: number; readonly ofRaw?: string; readonly ofBare?: string }[];
}

const subjects: readonly Subject[] = [
  {
    name: 'MLP 784-512-512-10',
    bytes: mlp([784, 512, 512, 10]),
    shape: [784],
    lanes: 'auto',
    threads: 1,
    rows: [
      { callers: 64, ofRaw: '>= 0.8', ofBare: '>= 5' },
      { callers: 128, ofRaw: '>= 0.9' },
    ],
  },
  {
    name: 'MLP 784-2048-2048-10',
    bytes: mlp([784, 2048, 2048, 10]),
    shape: [784],
    lanes: 2,
    threads: 1,
    rows: [{ callers: 128, ofRaw: '>= 1.4' }],
  },
  {
    name: 'Gemm 4-3',
    bytes: mlp([4, 3]),
    shape: [4],
    lanes: 'auto',
    threads: 1,
    rows: [{ callers: 64, ofBare: '>= 15' }],
  },
  {
    name: 'CNN on 32 × 32 images',
    bytes: cnn([64, 128, 256]),
    shape: [3, 32, 32],
    lanes: 'auto',
    threads: 1,
    rows: [{ callers: 64, ofRaw: '>= 0.95' }],
  },
];

/** The runner beside one bare session of the same model, with as many threads a session. */
export default {
  name: 'runner',
  describe: 'Rows a second of the runner beside one raw session at its best fixed batch, and beside the same callers.',
  async run({ rounds, note }) {
    const results: Result[] = [];
    for (const subject of subjects) {
      note(subject.name);
      results.push(...(await measure(subject, rounds)));
    }
    return results;
  },
} satisfies Suite;

async function measure(subject: Subject, rounds: number): Promise<Result[]> {
  const { name, bytes, shape, lanes, threads } = subject;
  const elements = shape.reduce((product, size) => product * size, 1);
  const rows = Array.from({ length: distinctRows }, () => Float32Array.from({ length: elements }, Math.random));
  const row = (index: number): Float32Array => rows[index % distinctRows] as Float32Array;
  const model = { bytes, digest: await sha256Hex(bytes), name, version: '1', sidecar: async () => undefined };
  const backend = onnx({ device: 'cpu', threads });
  const runner = await createRunner({ model, backend, lanes });
  const watched = await createRunner({ model, backend, lanes });
  const stopWatching = await watch(watched, rows);
  const session = await ort.InferenceSession.create(bytes, {
    intraOpNumThreads: threads,
    extra: { session: { intra_op: { allow_spinning: '0' } } },
  });
  const tensor = (data: Float32Array, count: number) => new ort.Tensor('float32', data, [count, ...shape]);
  const bare = (index: number) => session.run({ x: tensor(row(index), 1) });
  const through = (target: LocalRunner) => (index: number) => target.run({ x: row(index) });
  const rate = (callers: number, request: (index: number) => Promise<unknown>) => async () =>
    (await drive({ callers, durationMs, request })).perSecond;

  /** The best of several fixed batch sizes, whose rows are copied in from separate arrays. */
  const raw = async (): Promise<number> => {
    let best = 0;
    for (const size of batchSizes) {
      const batch = new Float32Array(size * elements);
      const request = (index: number) => {
        for (let slot = 0; slot < size; slot++) batch.set(row(index * size + slot), slot * elements);
        return session.run({ x: tensor(batch, size) });
      };
      best = Math.max(best, size * (await drive({ callers: 1, durationMs, request })).perSecond);
    }
    return best;
  };

  const results: Result[] = [];
  try {
    for (const { callers, ofRaw, ofBare } of subject.rows) {
      const label = `${name}, ${callers} callers`;
      if (ofRaw !== undefined) {
        const { ratio } = await compare(rate(callers, through(runner)), raw, { rounds });
        results.push({ name: `${label}: of the raw best`, value: ratio, unit: 'ratio', goal: ofRaw });
      }
      if (ofBare !== undefined) {
        const { ratio } = await compare(rate(callers, through(runner)), rate(callers, bare), { rounds });
        results.push({ name: `${label}: of the same on bare session.run`, value: ratio, unit: 'ratio', goal: ofBare });
      }
      const { ratio } = await compare(rate(callers, through(watched)), rate(callers, through(runner)), { rounds });
      results.push({
        name: `${label}: with metrics and monitor, of itself without`,
        value: ratio,
        unit: 'ratio',
        goal: '>= 0.9',
      });
    }
  } finally {
    await stopWatching();
    await Promise.all([runner.close(), watched.close(), session.release()]);
  }
  return results;
}

/** Metrics and a drift monitor on a runner, at their defaults. */
async function watch(runner: LocalRunner, rows: readonly Float32Array[]): Promise<() => Promise<void>> {
  const instruments = instrumentRunner(createRegistry(), runner);
  const monitor = createDriftMonitor({ reference: await fitReference(rows, { inputs: ['x'], maxRows: rows.length }) });
  monitor.attach(runner);
  return async () => {
    await instruments.close();
    await monitor.close();
  };
}
