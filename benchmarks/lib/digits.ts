import { readFile } from 'node:fs/promises';

/** A model of `examples/models` and its test rows. */
export async function loadDigits(
  version: 'v1' | 'v2',
): Promise<{ bytes: Uint8Array; path: string; rows: Float32Array[] }> {
  const folder = new URL('../../examples/models/', import.meta.url);
  const file = new URL(`digits-${version}.onnx`, folder);
  const csv = await readFile(new URL('digits-test.csv', folder), 'utf8');
  const rows = csv
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => Float32Array.from(line.split(',').slice(0, 64), Number));
  return { bytes: await readFile(file), path: file.pathname, rows };
}
