import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { runChild } from '../lib/child';
import { median } from '../lib/statistics';
import type { Result, SuiteContext } from '../lib/suite';
import { makeStore } from './made-store';
import type { SearchFigures } from './search.process';

const file = new URL('./search.process.ts', import.meta.url);

/** Search of 10,000 runs of 40 fields, by the first search of a process and later ones, and the opening of 100,000. */
export async function measureSearch({ rounds, note }: SuiteContext, folder: string): Promise<Result[]> {
  return [
    ...(await measure({ runs: 10_000, what: 'search', cold: '<= 500', warm: '<= 20' })),
    ...(await measure({ runs: 100_000, what: 'open', cold: '<= 3000' })),
  ];

  async function measure(subject: {
    readonly runs: number;
    readonly what: 'search' | 'open';
    readonly cold: string;
    readonly warm?: string;
  }): Promise<Result[]> {
    const { runs, what, cold, warm } = subject;
    const label = `${runs.toLocaleString('en')} runs of 40 fields`;
    const dir = join(folder, `runs-${runs}`);
    note(`making ${label}`);
    makeStore(dir, runs);
    try {
      note(`searching ${label}`);
      const scan = await runChild<SearchFigures>(file, [dir, what, '3']);
      const later: SearchFigures[] = [];
      for (let round = 0; round < Math.min(rounds, 5); round++)
        later.push(await runChild<SearchFigures>(file, [dir, what]));
      if ([scan, ...later].some(({ found }) => found !== 100))
        throw new Error(`A search of ${label} found too little.`);
      const of = (key: keyof SearchFigures) => median(later.map((figures) => figures[key]));
      const first = what === 'open' ? 'open and first page' : 'open and first search';
      return [
        { name: `${label}: ${first}, in a new process`, value: of('cold'), unit: 'ms', goal: cold },
        { name: `${label}: search, later`, value: of('warm'), unit: 'ms', ...(warm && { goal: warm }) },
        { name: `${label}: ${first}, without a snapshot`, value: scan.cold, unit: 'ms' },
        { name: `${label}: resident memory after searches`, value: of('rss') / 2 ** 20, unit: 'MiB' },
      ];
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  }
}
