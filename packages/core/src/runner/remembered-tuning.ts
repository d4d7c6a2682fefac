import type { Backend } from '../backend';
import type { Clock } from '../clock';
import { messageOf } from '../errors';
import type { Logger } from '../logger';
import type { LoadedModel } from '../model-source';
import type { TuningRecord, TuningStore } from './tuning-store';

/** Most records that a process keeps by itself. */
const mostRecords = 256;

/** By clock: what one clock measured says nothing to another. */
const memories = new WeakMap<Clock, TuningStore>();

/** The store of this process, which forgets the record that was written longest ago when it is full. */
function memoryOf(clock: Clock): TuningStore {
  const known = memories.get(clock);
  if (known !== undefined) return known;
  const records = new Map<string, TuningRecord>();
  const memory: TuningStore = {
    read: (key) => records.get(key),
    write(key, record) {
      records.delete(key);
      records.set(key, record);
      for (const oldest of records.keys()) {
        if (records.size <= mostRecords) break;
        records.delete(oldest);
      }
    },
  };
  memories.set(clock, memory);
  return memory;
}

/** What remembering needs. */
export interface RememberedParts {
  readonly backend: Backend;
  readonly model: LoadedModel;
  readonly maxBatchRows: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** @default one in the memory of the process */
  readonly tuning: TuningStore | undefined;
}

/** What was measured for one model, on one backend and these cores. */
export interface RememberedTuning {
  /** What was remembered and still fits; undefined where nothing does. Never throws. */
  read(): Promise<TuningRecord | undefined>;
  /** Remembers a record. Never throws. */
  write(record: TuningRecord): Promise<void>;
}

/** Finds what was measured before. */
export function rememberedTuning(parts: RememberedParts): RememberedTuning {
  const { backend, model, maxBatchRows, clock, logger, tuning: store = memoryOf(clock) } = parts;
  const { threading } = backend;
  const threads = threading?.withThreads === undefined ? threading?.threads : 'any';
  const facts = [`cores ${threading?.cores}`, `threads ${threads}`, `rows ${maxBatchRows}`];
  const key = [model.digest, backend.name, ...facts].join(', ');
  const warn = (what: string, error: unknown): void => {
    logger.warn({ error }, `What was measured for the lanes of ${model.name} ${what}: ${messageOf(error)}`);
  };
  return {
    async read() {
      try {
        const record: unknown = await store.read(key);
        return record === undefined || fits(record, backend) ? record : undefined;
      } catch (error) {
        warn('could not be read, so they are measured', error);
        return undefined;
      }
    },
    async write(record) {
      try {
        await store.write(key, record);
      } catch (error) {
        warn('could not be kept', error);
      }
    },
  };
}

/** Whether a record is one, and can be followed on the cores that there are now. A store may answer anything. */
function fits(value: unknown, { threading }: Backend): value is TuningRecord {
  const { lanes, threads, device, cores, batch, trials, tookMs } = (value ?? {}) as Partial<TuningRecord>;
  const count = lanes === 'inline' ? 1 : lanes;
  if (!isCount(count) || !isCount(threads ?? 1) || typeof device !== 'string' || cores !== threading?.cores)
    return false;
  if (!isNumber(batch?.rows) || !isNumber(batch.computeMs) || !isNumber(tookMs) || !Array.isArray(trials)) return false;
  if (!trials.every(isTrial)) return false;
  if (threads === undefined || threading === undefined) return true;
  // More threads than cores only where the user wants them.
  return threading.withThreads === undefined ? threads === threading.threads : count * threads <= threading.cores;
}

function isTrial(value: unknown): boolean {
  const { lanes, threads, rowsPerSecond, reason } = (value ?? {}) as Record<string, unknown>;
  const isMeasured = isNumber(rowsPerSecond) || typeof reason === 'string';
  return isCount(lanes) && isCount(threads ?? 1) && isMeasured;
}

function isCount(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 1024;
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && value >= 0;
}
