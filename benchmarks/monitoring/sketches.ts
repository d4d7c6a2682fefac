import { runChild } from '../lib/child';
import type { Result, SuiteContext } from '../lib/suite';
import { type SketchName, sketchSubjects } from './sketch-subjects';
import type { SketchFigures } from './sketches.process';

const file = new URL('./sketches.process.ts', import.meta.url);
/** So large that nothing is collected while allocations are counted. */
const roomyYoungGeneration = ['--min-semi-space-size=128', '--max-semi-space-size=128'];

/** What is held against a goal; the rest is for information. */
const goals: {
  readonly [Name in SketchName]?: { readonly ns?: string; readonly bytes?: string; readonly garbage?: string };
} = {
  'feature sketches, 64 features by 64 rows': { ns: '<= 50', bytes: '<= 3072' },
  // A bucket that is closed makes a few numbers on the heap, for its time; its values do not.
  'feature sketch in a window of ten buckets, columns of 64': { ns: '<= 50', garbage: '<= 0.1' },
};

/** Time, size and garbage of each sketch: each in a process of its own. */
export async function measureSketches({ rounds, note }: SuiteContext): Promise<Result[]> {
  const results: Result[] = [];
  for (const name of Object.keys(sketchSubjects) as SketchName[]) {
    const label = `sketches, ${name}`;
    note(label);
    const { ns, bytes, allocated } = await runChild<SketchFigures>(file, [name, String(rounds)], roomyYoungGeneration);
    const goal = goals[name];
    results.push(
      { name: `${label}: time of a value`, value: ns, unit: 'ns', ...(goal?.ns && { goal: goal.ns }) },
      { name: `${label}: one`, value: bytes, unit: 'bytes', ...(goal?.bytes && { goal: goal.bytes }) },
      { name: `${label}: allocated for a value`, value: allocated, unit: 'bytes', goal: goal?.garbage ?? '<= 0.01' },
    );
  }
  return results;
}
