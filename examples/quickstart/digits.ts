import { readFile } from 'node:fs/promises';

/** Pixels of a digit: 8 × 8, each 0 (white) to 16 (black). */
export const pixelCount = 64;
const darkest = 16;

/** Rows of handwritten digits with what they show. */
export interface Digits {
  readonly rows: readonly Float32Array[];
  readonly labels: readonly number[];
}

/** A model that `examples/models/train.py` made, as its manifest describes it. */
export interface TrainedModel {
  readonly name: string;
  readonly version: string;
  readonly file: string;
  readonly sha256: string;
  readonly params: Readonly<Record<string, string | number | boolean | readonly number[]>>;
  readonly metrics: Readonly<Record<string, number>>;
  readonly history?: { readonly loss: readonly number[] };
}

const folder = new URL('../models/', import.meta.url);

/** Where a file of `examples/models` lies. */
export function modelFile(name: string): URL {
  return new URL(name, folder);
}

/** Reads one of the two parts of the data. */
export async function readDigits(part: 'train' | 'test'): Promise<Digits> {
  const lines = (await readFile(modelFile(`digits-${part}.csv`), 'utf8')).trim().split('\n').slice(1);
  const table = lines.map((line) => line.split(',').map(Number));
  return {
    rows: table.map((numbers) => Float32Array.from(numbers.slice(0, pixelCount))),
    labels: table.map((numbers) => numbers[pixelCount] as number),
  };
}

/** Reads what is known of the two models. */
export async function readModels(): Promise<readonly TrainedModel[]> {
  const manifest = JSON.parse(await readFile(modelFile('digits.json'), 'utf8')) as { models: TrainedModel[] };
  return manifest.models;
}

/** The digits as another camera would see them: paler ink, and noise. The same seed gives the same rows. */
export function shift(rows: readonly Float32Array[], seed = 7): Float32Array[] {
  const random = seededRandom(seed);
  const clip = (value: number): number => Math.min(darkest, Math.max(0, value));
  return rows.map((row) => row.map((pixel) => clip(pixel * 0.6 + 2 * gaussian(random))));
}

/** A standard normal number by the Box–Muller transform. */
function gaussian(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** Seeded numbers in [0, 1) by a linear congruence modulo 2³²; good enough for noise on pictures. */
function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
