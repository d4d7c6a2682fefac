import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { openTracker } from '@fairlead/tracking';
import { exportTensorBoard } from '@fairlead/tracking/export';
import { describe, expect, onTestFinished, test } from 'vitest';
import { prepareTensorBoard } from './setup';

const python = prepareTensorBoard();

type Events = [step: number, wallTime: number, value: string][];
type Found = Record<string, { scalars: Record<string, Events>; tensors: Record<string, Events>; plugin: string[] }>;

async function readByTensorBoard(command: string, folder: string): Promise<Found> {
  const script = fileURLToPath(new URL('tensorboard_read.py', import.meta.url));
  const { stdout } = await promisify(execFile)(command, [script, folder], { maxBuffer: 1 << 28 });
  return JSON.parse(stdout) as Found;
}

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'fairlead-tensorboard-'));
  onTestFinished(() => rm(made, { recursive: true, force: true }));
  return made;
}

/** A number as Python writes it. */
function fromPython(text: string): number {
  if (text === 'nan') return Number.NaN;
  if (text.endsWith('inf')) return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return Number(text);
}

describe.skipIf(python.missing !== undefined)("TensorBoard's own reader", () => {
  const command = python.missing === undefined ? python.command : '';

  test('reads every point of every run from our event files', { timeout: 120_000 }, async () => {
    const tracker = await openTracker({ dir: await folder() });
    onTestFinished(() => tracker.close());
    const numbers = [
      0.1,
      -0,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      1e-320,
      3e38,
      1e300,
      -1.5,
    ];
    const ids = [];
    for (const name of ['first', 'second/größe']) {
      ids.push(
        await tracker.withRun({ experiment: 'digits', name }, (run) => {
          for (const [index, value] of numbers.entries()) {
            run.log({ 'val/loss': value }, { step: index - 2, timestamp: 1_700_000_000_123 + index });
          }
          for (let step = 0; step < 20_000; step++)
            run.log({ größe: Math.sqrt(step) }, { step, timestamp: step * 1000 });
          // A step before the others, as after a resumption: nothing of what came before may be dropped.
          run.log({ größe: 7 }, { step: 3, timestamp: 30_000_000 });
          return run.id;
        }),
      );
    }
    for (const precision of ['single', 'double'] as const) {
      const dir = await folder();
      const { points } = await exportTensorBoard(tracker, { dir, precision });
      expect(points).toBe(2 * (numbers.length + 20_001));
      const found = await readByTensorBoard(command, dir);
      expect(Object.keys(found).sort()).toEqual(
        [`digits/first-${ids[0]?.slice(-8)}`, `digits/second_größe-${ids[1]?.slice(-8)}`].sort(),
      );
      for (const { scalars, tensors, plugin } of Object.values(found)) {
        const [mine, others] = precision === 'single' ? [scalars, tensors] : [tensors, scalars];
        expect(others).toEqual({});
        expect(plugin).toEqual(precision === 'single' ? [] : ['größe', 'val/loss']);
        const round = precision === 'single' ? Math.fround : (value: number) => value;
        expect(mine['val/loss']?.map(([step, time, text]) => [step, time, fromPython(text)])).toEqual(
          numbers.map((value, index) => [index - 2, (1_700_000_000_123 + index) / 1000, round(value)]),
        );
        expect(mine.größe).toHaveLength(20_001);
        for (const [index, [step, time, text]] of (mine.größe ?? []).entries()) {
          const expected = index === 20_000 ? [3, 30_000, 7] : [index, index, round(Math.sqrt(index))];
          if (step !== expected[0] || time !== expected[1] || fromPython(text) !== expected[2]) {
            throw new Error(`point ${index} is ${step}, ${time}, ${text}, not ${expected}`);
          }
        }
      }
    }
  });
});
