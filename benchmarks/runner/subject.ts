import { availableParallelism } from 'node:os';
import { createRunner, type LanesOption, type LoadedModel, type LocalRunner, sha256Hex } from '@fairlead/core';
import { onnx } from '@fairlead/node';
import * as ort from 'onnxruntime-node';
import { benchDevice } from '../lib/device';
import { cnn, mlp } from '../lib/onnx/model';

/** Most rows of a batch, of the runner and of the bare session that it is held against. */
export const maxBatchRows = 64;

/** A model that is measured: one float32 input `x` and one float32 output `y`, the rows along axis 0. */
export interface Subject {
  readonly name: string;
  /** Shape of one row of `x`. */
  readonly shape: readonly number[];
  /** Makes the ONNX file. */
  readonly bytes: () => Uint8Array;
}

/** A request of one row; `index` says which. */
export type Request = (index: number) => Promise<unknown>;

function perceptron(...sizes: readonly [number, ...number[]]): Subject {
  return { name: `MLP ${sizes.join('-')}`, shape: [sizes[0]], bytes: () => mlp(sizes) };
}

/** Models of all sizes, from next to nothing to 20 ms a batch. */
export const subjects = {
  tiny: { ...perceptron(4, 3), name: 'Gemm 4-3' },
  medium: perceptron(784, 512, 512, 10),
  large: perceptron(784, 2048, 2048, 10),
  cnn: {
    name: 'CNN on 32 × 32 images',
    shape: [3, 32, 32],
    bytes: () =>
      cnn([
        [64, 64, 64],
        [128, 128],
        [256, 256],
      ]),
  },
} satisfies Record<string, Subject>;

/** Elements of one row. */
export function rowElements({ shape }: Subject): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Random rows, each in an array of its own. */
export function rowsOf(subject: Subject, count = 256): (index: number) => Float32Array {
  const length = rowElements(subject);
  const rows = Array.from({ length: count }, () => Float32Array.from({ length }, Math.random));
  return (index) => rows[index % count] as Float32Array;
}

/** The model of a subject, as a runner takes it. */
export async function modelOf({ name, bytes }: Subject): Promise<LoadedModel> {
  const file = bytes();
  return { bytes: file, digest: await sha256Hex(file), name, version: '1', sidecar: async () => undefined };
}

/** How a runner is opened for a measurement. */
export interface OpenOptions {
  readonly lanes: LanesOption;
  /** Threads of each lane. @default what the backend chooses */
  readonly threads?: number;
  readonly maxBatchRows?: number;
}

/** Opens a runner, on the CPU unless FAIRLEAD_BENCH_DEVICE names another device. */
export async function openRunner(subject: Subject, options: OpenOptions): Promise<LocalRunner> {
  const { lanes, threads } = options;
  return createRunner({
    model: await modelOf(subject),
    backend: onnx({ device: benchDevice(), ...(threads !== undefined && { threads }) }),
    lanes,
    batching: { maxBatchRows: options.maxBatchRows ?? maxBatchRows },
  });
}

/** How many threads all lanes of a runner have together: what a bare session may have, to be their equal. */
export function threadsOf(runner: LocalRunner, given: number | undefined): number {
  const { slots } = runner.describe().lanes;
  return slots.reduce((sum, slot) => sum + (slot.threads ?? given ?? availableParallelism()), 0);
}

/** A bare session of the runtime, with the settings that the runner's sessions have. */
export interface BareSession {
  /** Runs one row. */
  readonly one: Request;
  /** Runs a batch of so many rows, copied in from their own arrays; the batch's memory is made once. */
  batchesOf(rows: number): Request;
  close(): Promise<void>;
}

/** Opens a bare session, on the device that runners have. */
export async function openBare(
  subject: Subject,
  row: (index: number) => Float32Array,
  threads: number,
): Promise<BareSession> {
  const session = await ort.InferenceSession.create(subject.bytes(), {
    executionProviders: [benchDevice()],
    intraOpNumThreads: threads,
    extra: { session: { intra_op: { allow_spinning: '0' } } },
  });
  const elements = rowElements(subject);
  const tensor = (data: Float32Array, rows: number) => new ort.Tensor('float32', data, [rows, ...subject.shape]);
  return {
    one: (index) => session.run({ x: tensor(row(index), 1) }),
    batchesOf(rows) {
      const batch = new Float32Array(rows * elements);
      return (index) => {
        for (let slot = 0; slot < rows; slot++) batch.set(row(index * rows + slot), slot * elements);
        return session.run({ x: tensor(batch, rows) });
      };
    },
    close: () => session.release(),
  };
}
