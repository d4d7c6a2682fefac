import { readFileSync } from 'node:fs';
import { InferenceSession, Tensor } from 'onnxruntime-node';

const models = new URL('../../examples/models/', import.meta.url);

/** Pixels of one digit. */
export const pixelsPerRow = 64;

/** Rows of digits, and what onnxruntime-node makes of them. */
export interface Digits {
  readonly pixels: number[];
  readonly labels: number[];
  readonly probabilities: number[];
}

/** The first rows of the test data, computed by onnxruntime-node. */
export async function computeDigits(model: string, rows: number): Promise<Digits> {
  const pixels = readRows(rows);
  const session = await InferenceSession.create(readFileSync(new URL(model, models)));
  try {
    const { label, probabilities } = await session.run({
      pixels: new Tensor('float32', Float32Array.from(pixels), [rows, pixelsPerRow]),
    });
    return {
      pixels,
      labels: Array.from(label?.data as BigInt64Array, Number),
      probabilities: Array.from(probabilities?.data as Float32Array),
    };
  } finally {
    await session.release();
  }
}

function readRows(rows: number): number[] {
  const [, ...lines] = readFileSync(new URL('digits-test.csv', models), 'utf8').trim().split('\n');
  return lines.slice(0, rows).flatMap((line) => line.split(',').slice(0, pixelsPerRow).map(Number));
}

/** Largest absolute difference of two lists of one length. */
export function largestDifference(actual: readonly number[], expected: readonly number[]): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  return actual.reduce((worst, value, index) => Math.max(worst, Math.abs(value - (expected[index] as number))), 0);
}
