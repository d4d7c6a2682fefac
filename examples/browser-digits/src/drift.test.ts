import { readFile } from 'node:fs/promises';
import { fitReference } from '@fairlead/core/monitoring';
import { beforeAll, expect, test } from 'vitest';
import { type DriftWatch, watchDrift } from './drift';
import { changePixels } from './samples';

let training: Float32Array[];
let unseen: Float32Array[];

async function readRows(part: 'train' | 'test'): Promise<Float32Array[]> {
  const text = await readFile(new URL(`../../models/digits-${part}.csv`, import.meta.url), 'utf8');
  const [, ...lines] = text.trim().split('\n');
  return lines.map((line) => Float32Array.from(line.split(',').slice(0, 64), Number));
}

beforeAll(async () => {
  [training, unseen] = await Promise.all([readRows('train'), readRows('test')]);
});

async function startWatch(): Promise<DriftWatch> {
  return watchDrift(await fitReference(training, { inputs: ['pixels'] }));
}

test('nothing is compared before the first digits', async () => {
  const watch = await startWatch();
  const { pixels, groups, ...rest } = watch.summary();
  expect(rest).toMatchObject({ state: 'ok', rowsSeen: 0, windowRows: 0, trainingRows: 1257, alarmAtRow: undefined });
  expect(pixels.every(({ difference, moved }) => difference === 0 && !moved)).toBe(true);
  expect(groups.map(({ name, pixels: count }) => [name, count])).toEqual([
    ['Top rows', 18],
    ['Middle rows', 12],
    ['Bottom rows', 18],
    ['Side columns', 16],
  ]);
  await watch.close();
});

test('unseen digits are in line with the training digits: two hundred raise no alarm', async () => {
  const watch = await startWatch();
  for (const pixels of unseen.slice(0, 200)) watch.observe(pixels);
  const { state, rowsSeen, pixels } = watch.summary();
  expect({ state, rowsSeen }).toEqual({ state: 'ok', rowsSeen: 200 });
  expect(pixels.filter(({ moved }) => moved).length).toBeLessThan(8);
  await watch.close();
});

test('inverted digits drift at once, most at the sides, and the page can say where', async () => {
  const watch = await startWatch();
  for (const pixels of unseen.slice(0, 25)) watch.observe(changePixels(pixels, 'inverted'));
  const { state, evidence, alarmAtRow, pixels, groups } = watch.summary();
  expect(state).toBe('drift');
  expect(alarmAtRow).toBeLessThanOrEqual(25);
  expect(evidence).toBeLessThanOrEqual(1);
  // The upper left pixel is never inked in training, and always when inverted.
  expect(pixels[0]).toMatchObject({ row: 1, column: 1, difference: 1, moved: true });
  expect(groups.find(({ name }) => name === 'Side columns')).toMatchObject({ moved: 16, pixels: 16 });
  await watch.close();
});
