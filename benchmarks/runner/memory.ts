import { runChild } from '../lib/child';
import type { Result, SuiteContext } from '../lib/suite';
import type { CycleFigures, RequestFigures } from './memory.process';

const file = new URL('./memory.process.ts', import.meta.url);
/**
 * V8 enlarges its young generation, by some 16 MiB, when it sees fit, and that would look like a leak. So it has its full
 * size from the start; what it comes to without is shown beside it.
 */
const fixedYoungGeneration = ['--min-semi-space-size=16', '--max-semi-space-size=16'];
/**
 * glibc gives each new thread an arena of the heap, and keeps in each what was freed there: of threads that come and go more and
 * more is held for later, though nothing is lost. So there is one arena for all, and what it comes to without is shown beside it.
 */
const oneArena = { MALLOC_ARENA_MAX: '1' };
const MiB = 2 ** 20;

/** Whether memory stays level over a million requests and over 200 runners: each in a process of its own, after `gc()`. */
export async function measureMemory({ note }: SuiteContext): Promise<Result[]> {
  return [
    ...(await overRequests(note)),
    ...(await overRunners('inline', note)),
    ...(await overRunners('in a worker', note)),
  ];
}

async function overRequests(note: SuiteContext['note']): Promise<Result[]> {
  const label = 'memory, a million requests';
  note(label);
  const measure = async (flags: readonly string[]) => {
    const { rss } = await runChild<RequestFigures>(file, ['requests'], flags);
    const [first] = rss as [number];
    return { first, last: (rss.at(-1) as number) / first, most: Math.max(...rss.slice(5)) / first };
  };
  const { first, last, most } = await measure(fixedYoungGeneration);
  const asIs = await measure([]);
  const goal = '<= 1.05';
  return [
    { name: `${label}: at the end, of the level after the first tenth`, value: last, unit: 'ratio', goal },
    { name: `${label}: most of the second half, of the same`, value: most, unit: 'ratio', goal },
    { name: `${label}: level after the first tenth`, value: first / MiB, unit: 'MiB' },
    { name: `${label}: at the end, where V8 may enlarge its young generation`, value: asIs.last, unit: 'ratio' },
  ];
}

async function overRunners(where: 'inline' | 'in a worker', note: SuiteContext['note']): Promise<Result[]> {
  const label = `memory, 200 runners opened and closed ${where}`;
  note(label);
  const mode = where === 'inline' ? 'inline' : 'worker';
  const measure = (variables?: Readonly<Record<string, string>>) =>
    runChild<CycleFigures>(file, ['cycles', mode], fixedYoungGeneration, variables);
  const figures = await measure(oneArena);
  const asIs = await measure();
  const handles = figures.lastHandles - figures.earlyHandles;
  const level = `${label}: least from 160 to 200, of that from 50 to 90`;
  const growth = ({ lastRss, earlyRss }: CycleFigures) => lastRss / earlyRss;
  return [
    { name: level, value: growth(figures), unit: 'ratio', goal: '<= 1.05' },
    { name: `${level}, where each thread has an arena`, value: growth(asIs), unit: 'ratio' },
    { name: `${label}: handles after 200 more than after 50`, value: handles, unit: 'handles', goal: '<= 0' },
    { name: `${label}: time of one`, value: figures.cycleMs, unit: 'ms' },
  ];
}
