import { invalidArgument } from '../names';
import { batchLimits, checkEntityKey, checkText, checkWhole, lengths } from './limits';

/** A point of a metric. */
export interface MlflowMetric {
  readonly key: string;
  /** NaN and the infinities survive; of a zero the sign does not. */
  readonly value: number;
  /** Epoch milliseconds, whole. Fix it when you measure: what is sent again with the same time is kept once. */
  readonly timestamp: number;
  /** A whole number. @default 0 */
  readonly step?: number;
}

/** What is logged at once; it is split into as many requests as MLflow's limits ask for. */
export interface MlflowBatch {
  readonly metrics?: readonly MlflowMetric[];
  /** Each is written once; another value later is `INVALID_ARGUMENT`. */
  readonly params?: Readonly<Record<string, string>>;
  readonly tags?: Readonly<Record<string, string>>;
}

/** One request. */
export interface WireBatch {
  metrics: unknown[];
  params: unknown[];
  tags: unknown[];
}

type Kind = keyof WireBatch;

function metricEntry(metric: MlflowMetric, index: number): unknown {
  const field = `metrics[${index}]`;
  if (typeof metric !== 'object' || metric === null) throw invalidArgument(field, 'a metric', metric);
  const { key, value, timestamp, step = 0 } = metric;
  checkEntityKey(`${field}.key`, key);
  if (typeof value !== 'number') throw invalidArgument(`${field}.value`, 'a number', value);
  checkWhole(`${field}.timestamp`, timestamp, 0);
  checkWhole(`${field}.step`, step);
  // JSON has no word for these; MLflow reads them as texts.
  return { key, value: Number.isFinite(value) ? value : String(value), timestamp, step };
}

/** @throws FairleadError `INVALID_ARGUMENT`, `LIMIT_EXCEEDED`, before anything is sent */
function* entriesOf(batch: MlflowBatch): Generator<readonly [Kind, unknown], void, undefined> {
  const { metrics = [], params = {}, tags = {} } = batch;
  for (const [key, value] of Object.entries(params)) {
    checkEntityKey('param name', key);
    checkText(`params.${key}`, value, lengths.param, 'Log it as an artifact, and its SHA-256 as the parameter.');
    yield ['params', { key, value }];
  }
  for (const [key, value] of Object.entries(tags)) {
    checkEntityKey('tag name', key);
    checkText(`tags.${key}`, value, lengths.tag, 'Log it as an artifact.');
    yield ['tags', { key, value }];
  }
  for (const [index, metric] of metrics.entries()) yield ['metrics', metricEntry(metric, index)];
}

const encoder = new TextEncoder();
/** For the names of the fields and the id of the run. */
const envelopeBytes = 1000;

/**
 * Splits what is logged into requests that the server takes whole. Everything is checked before the first is made.
 * @throws FairleadError `INVALID_ARGUMENT`, `LIMIT_EXCEEDED`
 */
export function splitBatch(batch: MlflowBatch): readonly WireBatch[] {
  const batches: WireBatch[] = [];
  let current: WireBatch = { metrics: [], params: [], tags: [] };
  let bytes = envelopeBytes;
  let count = 0;
  for (const [kind, entry] of entriesOf(batch)) {
    const size = encoder.encode(JSON.stringify(entry)).byteLength + 1;
    const isFull = current[kind].length >= batchLimits[kind] || count >= batchLimits.all;
    if (isFull || bytes + size > batchLimits.bytes) {
      batches.push(current);
      current = { metrics: [], params: [], tags: [] };
      bytes = envelopeBytes;
      count = 0;
    }
    current[kind].push(entry);
    bytes += size;
    count++;
  }
  return count === 0 ? batches : [...batches, current];
}
