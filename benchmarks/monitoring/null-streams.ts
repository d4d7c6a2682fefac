import { createDriftMonitor, fitReference } from '@fairlead/core/monitoring';
import { createNormal, createRandom, type Random } from '../lib/random';
import type { Result, SuiteContext } from '../lib/suite';

const referenceSizes = [200, 1000, 10_000];
/** Rows of a stream, in units of that. */
const timesAsked = 10;
const streams = 200;
const batchRows = 250;
const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** What null streams are drawn from: fills rows of `features` values. */
interface Source {
  readonly name: string;
  readonly features: number;
  /** Rows between false alarms that are asked for. */
  readonly asked: number;
  /** Begins a stream. */
  readonly create: (random: Random) => (data: Float64Array) => void;
}

const correlation = 0.8;

const sources: readonly Source[] = [
  { name: '1 feature', features: 1, asked: 2000, create: independent },
  { name: '1 feature', features: 1, asked: 20_000, create: independent },
  { name: '20 features', features: 20, asked: 2000, create: independent },
  {
    name: `20 features correlated by ${correlation}`,
    features: 20,
    asked: 2000,
    create(random) {
      const normal = createNormal(random);
      return (data) => {
        for (let row = 0; row < data.length; row += 20) {
          const common = Math.sqrt(correlation) * normal();
          for (let i = 0; i < 20; i++) data[row + i] = common + Math.sqrt(1 - correlation) * normal();
        }
      };
    },
  },
  {
    name: '20 features of kinds: events, counts, heavy tails, mostly constant, with gaps',
    features: 20,
    asked: 2000,
    create(random) {
      const normal = createNormal(random);
      const kinds = [
        () => (random() < 0.2 ? 1 : 0),
        () => Math.floor(random() * 5),
        () => normal() / Math.max(1e-9, Math.abs(normal())),
        () => (random() < 0.999 ? 7 : 8),
        () => (random() < 0.1 ? Number.NaN : Math.exp(normal())),
      ];
      return (data) => {
        for (let i = 0; i < data.length; i++) data[i] = (kinds[i % kinds.length] as () => number)();
      };
    },
  },
];

function independent(random: Random): (data: Float64Array) => void {
  const normal = createNormal(random);
  return (data) => {
    for (let i = 0; i < data.length; i++) data[i] = normal();
  };
}

/**
 * The time between false alarms that the monitor keeps, of the time that was asked for: every stream has a reference of its own,
 * fitted from its own rows, and never drifts. Without a cool-down, which would only lengthen it. The seeds are fixed.
 */
export async function measureNullStreams({ note }: SuiteContext): Promise<Result[]> {
  const results: Result[] = [];
  for (const source of sources) {
    const { asked } = source;
    for (const referenceRows of referenceSizes) {
      const label = `${source.name}, reference of ${referenceRows} rows`;
      note(`false alarms: ${label}`);
      const alarms = await alarmsOf(source, referenceRows);
      const rows = streams * timesAsked * asked;
      const kept = rows / alarms / asked;
      // Alarms without a drift come as independent events: their number is a Poisson variable.
      const spread = Math.exp(1.96 / Math.sqrt(alarms));
      const name = `${label}: time between false alarms, of the ${asked} rows asked for`;
      results.push(
        { name, value: kept, unit: 'ratio', goal: '>= 1' },
        { name: `${name}, at most`, value: kept, unit: 'ratio', goal: '<= 5' },
        { name: `${name}, 95 % from`, value: kept / spread, unit: 'ratio' },
        { name: `${name}, 95 % to`, value: kept * spread, unit: 'ratio' },
      );
    }
  }
  return results;
}

async function alarmsOf(source: Source, referenceRows: number): Promise<number> {
  const { features, asked } = source;
  const tensorsOf = (data: Float64Array) => ({
    x: { dtype: 'float64' as const, shape: [data.length / features, features], data },
  });
  let alarms = 0;
  for (let stream = 0; stream < streams; stream++) {
    const fill = source.create(createRandom(1_000_003 * referenceRows + stream));
    const training = new Float64Array(referenceRows * features);
    fill(training);
    const monitor = createDriftMonitor({
      reference: await fitReference(tensorsOf(training)),
      meanTimeBetweenFalseAlarms: asked,
      cooldownRows: 0,
      maxCpuShare: 1,
      logger: silent,
    });
    const batch = new Float64Array(batchRows * features);
    for (let sent = 0; sent < timesAsked * asked; sent += batchRows) {
      fill(batch);
      monitor.observe(tensorsOf(batch));
    }
    alarms += monitor.snapshot().alarms;
    await monitor.close();
  }
  return alarms;
}
