import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Result, SuiteContext } from '../lib/suite';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Entries of `.size-limit.js`: the roots, as they are imported, and with what they load when a model is run. */
const entries = [
  { entry: '@fairlead/core', label: 'size: root of @fairlead/core with its dependencies', goal: '<= 20' },
  {
    entry: '@fairlead/core with @fairlead/browser',
    label: 'size: roots of @fairlead/core and @fairlead/browser with their dependencies',
    goal: '<= 24',
  },
  {
    entry: '@fairlead/core with all that a runner may fetch later: what runs a model, and every extra',
    label: 'size: @fairlead/core with all that it may load later',
  },
  {
    entry: '@fairlead/core with @fairlead/browser, and what they fetch to load a model in a worker or here',
    label: 'size: both, with what they load later to run a model, without the runtime',
  },
];

/** The names of those entries. */
export const sizedEntries = entries.map(({ entry }) => entry);

/** What size-limit prints of an entry. */
interface Measured {
  readonly name: string;
  /** Bytes, minified and gzipped. */
  readonly size: number;
}

/** The bytes of the root entries, as `npm run check:sizes` has them. */
export async function measureSizes({ note }: SuiteContext): Promise<Result[]> {
  note('sizes');
  return sizeResults(await runSizeLimit());
}

/**
 * The results that size-limit's output comes to.
 * @throws Error when an entry is missing
 */
export function sizeResults(measured: readonly Measured[]): Result[] {
  return entries.map(({ entry, label, goal }) => {
    const found = measured.find(({ name }) => name === entry);
    if (found === undefined) throw new Error(`.size-limit.js has no entry "${entry}", whose size is measured here.`);
    return { name: label, value: found.size / 1000, unit: 'kB', ...(goal !== undefined && { goal }) };
  });
}

async function runSizeLimit(): Promise<Measured[]> {
  const options = { cwd: root, maxBuffer: 2 ** 26 };
  const program = fileURLToPath(new URL('../../node_modules/size-limit/bin.js', import.meta.url));
  try {
    return JSON.parse((await promisify(execFile)(process.execPath, [program, '--json'], options)).stdout);
  } catch (error) {
    // It ends with 1 when any limit is exceeded, and prints the same.
    const { stdout } = error as { readonly stdout?: string };
    if (stdout?.trimStart().startsWith('[') !== true) throw error;
    return JSON.parse(stdout);
  }
}
