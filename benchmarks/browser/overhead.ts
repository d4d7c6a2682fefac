import { compare } from '../lib/compare';
import { quantile } from '../lib/load';
import { median } from '../lib/statistics';
import type { Result, SuiteContext } from '../lib/suite';
import type { OpenedBrowser, Tab } from './open-browser';
import type { ContestantName, PageModel } from './page/contestants';
import { makeSizedModel, serveTiny } from './sized-model';

/** The runner, and what one writes in its place without it. */
interface Place {
  readonly label: string;
  readonly runner: ContestantName;
  readonly bare: ContestantName;
}

const places: readonly Place[] = [
  { label: 'in a worker', runner: 'runner in a worker', bare: 'bare worker' },
  { label: 'inline', runner: 'runner inline', bare: 'bare inline' },
];

const sizes = [
  { targetMs: 5, rows: 1 },
  { targetMs: 20, rows: 1 },
  { targetMs: 5, rows: 32 },
  { targetMs: 20, rows: 32 },
];
/** Until the browser has compiled the runtime's code for speed, in both. */
const warmUpMs = 3000;
const durationMs = 1500;
const tinyMs = 400;

/** What the runner adds to a lone request: one caller, who asks again as soon as he has his answer. */
export async function measureOverhead(context: SuiteContext, browser: OpenedBrowser): Promise<Result[]> {
  const { rounds, note } = context;
  const tab = await browser.openTab();
  const results: Result[] = [];
  try {
    for (const size of sizes) {
      const model = await makeSizedModel(tab, browser.site, size);
      note(`overhead: ${model.name}, ${size.rows} row(s), ${model.ms.toFixed(1)} ms a run`);
      for (const place of places) {
        const { ratio, fastRatio, difference, bareMs } = await besideBare(tab, model, place, size.rows, rounds);
        const label = `one caller ${place.label}, ${size.rows === 1 ? 'one row' : `${size.rows} rows`}, about ${size.targetMs} ms`;
        results.push(
          { name: `${label}: time of a run, of that without the runner`, value: ratio, unit: 'ratio', goal: '<= 1.05' },
          { name: `${label}: the same of the fastest tenth`, value: fastRatio, unit: 'ratio' },
          { name: `${label}: added`, value: difference * 1000, unit: 'µs' },
          { name: `${label}: without the runner`, value: bareMs, unit: 'ms' },
        );
      }
    }
    results.push(...(await measureTiny(tab, serveTiny(browser.site), context)));
  } finally {
    await tab.close();
  }
  return results;
}

/** A model that computes next to nothing shows what the runner does itself. By the mean: the clock of a page ticks every 5 µs. */
async function measureTiny(tab: Tab, tiny: PageModel, { rounds, note }: SuiteContext): Promise<Result[]> {
  const results: Result[] = [];
  for (const { label, runner, bare } of places) {
    note(`overhead: Gemm 4-3 ${label}`);
    const meanOf = async (contestant: ContestantName) => {
      const handle = await tab.call('open', contestant, tiny);
      return async () => 1e6 / (await tab.call('drive', handle, { callers: 1, rows: 1, durationMs: tinyMs })).perSecond;
    };
    const { difference, b } = await compare(await meanOf(runner), await meanOf(bare), { rounds });
    results.push(
      { name: `one caller ${label}, one row of Gemm 4-3: added`, value: difference, unit: 'µs' },
      { name: `one caller ${label}, one row of Gemm 4-3: without the runner`, value: b, unit: 'µs' },
    );
  }
  return results;
}

/** What a lone caller waits with the runner and without it. */
interface Beside {
  /** The median latency of the runner's requests by that of the bare runtime's. */
  readonly ratio: number;
  /** The same of the fastest tenth of each, which tells more where other work disturbs the machine. */
  readonly fastRatio: number;
  /** Milliseconds that the median grows by. */
  readonly difference: number;
  /** The median of the bare runtime, in milliseconds. */
  readonly bareMs: number;
}

async function besideBare(
  tab: Tab,
  model: PageModel,
  { runner, bare }: Place,
  rows: number,
  rounds: number,
): Promise<Beside> {
  const handles = [await tab.call('open', runner, model), await tab.call('open', bare, model)] as const;
  try {
    await tab.call('drivePair', handles, { rows, durationMs: warmUpMs });
    const pairs: (readonly [Float64Array, Float64Array])[] = [];
    for (let round = 0; round < rounds; round++) {
      const [a, b] = await tab.call('drivePair', handles, { rows, durationMs });
      pairs.push([Float64Array.from(a), Float64Array.from(b)]);
    }
    const ratioAt = (q: number): number => median(pairs.map(([a, b]) => quantile(a, q) / quantile(b, q)));
    return {
      ratio: ratioAt(0.5),
      fastRatio: ratioAt(0.1),
      difference: median(pairs.map(([a, b]) => quantile(a, 0.5) - quantile(b, 0.5))),
      bareMs: median(pairs.map(([, b]) => quantile(b, 0.5))),
    };
  } finally {
    for (const handle of handles) await tab.call('close', handle);
  }
}
