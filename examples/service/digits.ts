import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const folder = new URL('../models/', import.meta.url);

/** Pixels of a digit: 8 × 8, each 0 (white) to 16 (black). */
export const pixelCount = 64;

/** Where the model lies. */
export const modelFile = fileURLToPath(new URL('digits-v2.onnx', folder));

/** Pictures of handwritten digits: those that the model was trained on, or those that it has not seen. */
export async function readRows(part: 'train' | 'test'): Promise<readonly Float32Array[]> {
  const lines = (await readFile(new URL(`digits-${part}.csv`, folder), 'utf8')).trim().split('\n').slice(1);
  return lines.map((line) => Float32Array.from(line.split(',').slice(0, pixelCount), Number));
}
