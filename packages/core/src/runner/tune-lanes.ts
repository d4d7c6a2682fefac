import type { Backend } from '../backend';
import { messageOf, throwIfAborted } from '../errors';
import type { CallOptions } from '../lifecycle';
import type { Tensors } from '../tensor/tensor';
import { closeSlots, type Lane, openInlineLane, openWorkerLanes, warmLanes } from './lane';
import { candidatesFor, moreThreads } from './lane-candidates';
import { rateOfLanes } from './lane-rate';
import { type Candidate, createLaneTrials, type LaneTrials, type MeasureLanes, type TuningParts } from './lane-trials';
import {
  inlineBudgetMs,
  type LaneTrial,
  type LaneTuning,
  rateOfBatch,
  reasonOfTuning,
  wakingMs,
  worthWorkers,
} from './lane-tuning';
import { rememberedTuning } from './remembered-tuning';
import { timeBatch } from './time-batch';
import type { TuningRecord } from './tuning-store';
import { type WarmUpTime, zeros } from './warm-up';

/*
 * `lanes: 'auto'`: where a model computes, and with how many lanes and threads, by measurement. Imported when it is first
 * needed, since a page never needs it.
 */

/** More threads inline must bring a batch down to this share of its time: they are taken from the rest of the process. */
const worthMoreThreads = 0.85;
/** Of lanes that reach this share of the best, the fewest are taken, since each costs a copy of the model: of a small one … */
const asGood = 0.99;
/** … and of one from so many bytes on. */
const asGoodWhereLarge = 0.95;
const largeBytes = 64 * 2 ** 20;
/** Lanes are compared at the largest batch that takes no longer than this, so that several can be tried in time. */
const comparedMs = 60;
/** From here on, a batch of the warm-up tells how fast its lane is: messages are a trifle beside it. */
const tellingMs = 20;

/** What tuning came to. */
export interface TunedLanes {
  readonly lanes: readonly Lane[];
  readonly reason: string;
  /** Undefined where nothing could be measured. */
  readonly tuning: LaneTuning | undefined;
}

/** Lanes × threads in the running. */
interface Contender {
  readonly trial: LaneTrial;
  readonly lanes: readonly Lane[];
}

/**
 * Chooses lanes by what was measured, now or at an earlier time, and opens them.
 *
 * It tries a model in a worker, where a slow one blocks nobody, on one thread. When a whole batch takes less than 0.25 ms it
 * belongs inline, and when it takes 2 ms or more into workers: lanes × threads that fill the cores are tried one after
 * another, every lane at work on whole batches, and the best is kept; of those within 1 % of the best, or 5 % for a large
 * model, the one with the fewest lanes. In between, both are tried, with more threads inline where they make a batch
 * markedly faster, and workers are taken when two or more of them do at least 1.25 times as many rows a second.
 *
 * It takes the warm-up of one lane on one thread, 2 s at most for the trials, and the warm-up of the lanes that were
 * chosen. What would not fit into the 2 s is not tried, and the tuning says so.
 */
export async function tuneLanes(parts: TuningParts, options: CallOptions): Promise<TunedLanes> {
  const remembered = rememberedTuning(parts);
  const record = await remembered.read();
  const again = record === undefined ? undefined : await openAgain(record, parts, options);
  if (again !== undefined) return again;
  const tuned = await measureLanes(parts, options);
  if (tuned.tuning !== undefined) {
    const { source: _, ...fresh } = tuned.tuning;
    await remembered.write(fresh);
  }
  return tuned;
}

/** Opens the lanes that were chosen at an earlier time; undefined where they cannot be had any more. */
async function openAgain(
  record: TuningRecord,
  parts: TuningParts,
  options: CallOptions,
): Promise<TunedLanes | undefined> {
  const { lanes: count, threads, device } = record;
  const backend = withThreads(parts.backend, threads);
  let lanes: readonly Lane[];
  try {
    lanes =
      count === 'inline'
        ? [await openInlineLane(backend, parts, options)]
        : await openWorkerLanes(count, backend, parts, options);
  } catch (error) {
    throwIfAborted(options.signal, 'Loading the model');
    const what = `The lanes that were best for ${parts.model.name} at an earlier time cannot be opened`;
    parts.logger.warn({ error }, `${what}, so others are measured: ${messageOf(error)}`);
    return undefined;
  }
  if (lanes.some(({ session }) => session.device !== device)) {
    await closeSlots(lanes);
    return undefined;
  }
  if (parts.warmUp) await warmLanes(lanes, parts, options);
  const tuning: LaneTuning = { source: 'remembered', ...record };
  return { lanes, reason: reasonOfTuning(tuning), tuning };
}

async function measureLanes(parts: TuningParts, options: CallOptions): Promise<TunedLanes> {
  const { backend, clock } = parts;
  const openedAt = clock.now();
  const [first] = (await openWorkerLanes(1, withThreads(backend, 1), parts, options)) as [Lane];
  const openMs = clock.now() - openedAt;
  await warmLanes([first], parts, options);
  const largest = first.warmUpTimes.at(-1);
  if (largest === undefined) return withoutMeasuring(first, parts, options);
  const trials = createLaneTrials(parts, first, openMs, options);
  try {
    return await tuneFor(largest.computeMs)({ first, largest, trials, parts, options });
  } catch (error) {
    await trials.keepOnly([]);
    throw error;
  }
}

/** A model whose shapes are not known ahead computes in one worker, with all the threads that there are. */
async function withoutMeasuring(first: Lane, parts: TuningParts, options: CallOptions): Promise<TunedLanes> {
  const { backend } = parts;
  const rest = {
    reason: 'its shapes are not known ahead, so its cost was not measured',
    tuning: undefined,
  };
  if (first.threads === undefined || first.threads === backend.threading?.threads) return { lanes: [first], ...rest };
  await closeSlots([first]);
  return { lanes: await openWorkerLanes(1, backend, parts, options), ...rest };
}

/** A model that was warmed up in its first lane, and is to be tried in others. */
interface Tryout {
  readonly first: Lane;
  /** The largest batch of the warm-up. */
  readonly largest: WarmUpTime;
  readonly trials: LaneTrials;
  readonly parts: TuningParts;
  readonly options: CallOptions;
}

type Tune = (tryout: Tryout) => Promise<TunedLanes>;

function tuneFor(batchMs: number): Tune {
  if (batchMs < wakingMs) return tuneInline;
  return batchMs < inlineBudgetMs ? tuneEither : tuneWorkers;
}

/** A model that belongs inline. */
const tuneInline: Tune = (tryout) => {
  const { first, largest, trials } = tryout;
  return goInline(trials.note({ lanes: 1, threads: first.threads, rowsPerSecond: rateOfBatch(largest) }), tryout);
};

/** A model that may compute inline, since it blocks little, or in workers if they get more done. */
const tuneEither: Tune = async (tryout) => {
  const { first, largest, parts, options } = tryout;
  const inline = await contestInline(tryout);
  const candidates = candidatesFor(first, parts.backend.threading).filter(({ lanes }) => lanes > 1);
  const measure: MeasureLanes = (lanes) => rateOfLanes(lanes, largest, parts.clock, options);
  const workers = await bestOf(candidates, undefined, largest.computeMs, measure, tryout);
  const areWorthIt = workers !== undefined && rateOf(workers.trial) >= worthWorkers * rateOf(inline);
  return areWorthIt ? goToWorkers(workers, tryout) : goInline(inline, tryout);
};

/** A model that belongs into workers, since it would block its owner: into how many, with how many threads each? */
const tuneWorkers: Tune = async (tryout) => goToWorkers(await contest(tryout), tryout);

/** How many threads are best inline? They are tried in a worker as well, so that nothing waits; the first lane stays open. */
async function contestInline({ first, largest, trials, parts, options }: Tryout): Promise<LaneTrial> {
  const { backend, clock } = parts;
  const { rows } = largest;
  const measure: MeasureLanes = async ([lane]) => {
    const { session } = lane as Lane;
    const { computeMs } = await timeBatch(session, zeros(session, largest) as Tensors, comparedMs, clock, options);
    return rateOfBatch({ rows, computeMs });
  };
  let best = trials.note({ lanes: 1, threads: first.threads, rowsPerSecond: rateOfBatch(largest) });
  for (const threads of moreThreads(first, backend.threading)) {
    const [trial] = await trials.measure({ lanes: 1, threads }, largest.computeMs, measure);
    await trials.keepOnly([first]);
    if (worthMoreThreads * rateOf(trial) < rateOf(best)) break;
    best = trial;
  }
  return best;
}

/** Opens a model inline as a trial had it. */
async function goInline({ threads }: LaneTrial, tryout: Tryout): Promise<TunedLanes> {
  const { trials, parts, options } = tryout;
  await trials.keepOnly([]);
  const tuning = tuningOf('inline', threads, tryout);
  const lanes = [await openInlineLane(withThreads(parts.backend, threads), parts, options)];
  if (parts.warmUp) await warmLanes(lanes, parts, options);
  return { lanes, reason: reasonOfTuning(tuning), tuning };
}

/** Keeps the workers that did best. */
async function goToWorkers({ lanes, trial }: Contender, tryout: Tryout): Promise<TunedLanes> {
  const { trials, parts, options } = tryout;
  await trials.keepOnly(lanes);
  const tuning = tuningOf(trial.lanes, trial.threads, tryout);
  const cold = lanes.filter(({ warmUpTimes }) => warmUpTimes.length === 0);
  await warmLanes(cold, parts, options);
  return { lanes, reason: reasonOfTuning(tuning), tuning };
}

async function contest(tryout: Tryout): Promise<Contender> {
  const { first, trials, parts, options } = tryout;
  const { threading } = parts.backend;
  const times = first.warmUpTimes;
  const compared = times.findLast(({ computeMs }) => computeMs <= comparedMs) ?? (times[0] as WarmUpTime);
  const { computeMs } = compared;
  const measure: MeasureLanes = (lanes) => rateOfLanes(lanes, compared, parts.clock, options);
  const candidates = candidatesFor(first, threading);

  const isTold = computeMs >= tellingMs || candidates.length === 0;
  const rowsPerSecond = isTold ? rateOfBatch(compared) : await measure([first]);
  const alone: Contender = {
    trial: trials.note({ lanes: 1, threads: first.threads, rowsPerSecond }),
    lanes: [first],
  };
  if (!trials.hasTimeFor(computeMs) && threading?.withThreads !== undefined && candidates.length > 0) {
    // Too slow to be compared: all cores on one batch answer soonest, and take the memory of one model.
    await trials.keepOnly([]);
    const whole = { lanes: 1, threads: threading.cores };
    const trial = { ...whole, rowsPerSecond: undefined, reason: 'since trying it would take too long' };
    return { trial: trials.note(trial), lanes: await trials.open(whole) };
  }
  return (await bestOf(candidates, alone, computeMs, measure, tryout)) ?? alone;
}

/** The best of some candidates, and of one before them if there was one; undefined where none could be measured. */
async function bestOf(
  candidates: readonly Candidate[],
  before: Contender | undefined,
  batchMs: number,
  measure: MeasureLanes,
  { trials, parts }: Tryout,
): Promise<Contender | undefined> {
  const asGoodShare = parts.model.bytes.byteLength < largeBytes ? asGood : asGoodWhereLarge;
  let best = before;
  let top = before === undefined ? 0 : rateOf(before.trial);
  for (const candidate of candidates) {
    const [trial, lanes] = await trials.measure(candidate, batchMs, measure);
    top = Math.max(top, rateOf(trial));
    if (lanes.length > 0 && isBetter(trial, best?.trial, top * asGoodShare)) best = { trial, lanes };
    await trials.keepOnly(best?.lanes ?? []);
  }
  return best;
}

/** Whether a trial is to be taken in place of the best before it, when so many rows a second are good enough. */
function isBetter(trial: LaneTrial, best: LaneTrial | undefined, goodEnough: number): boolean {
  if (rateOf(trial) < goodEnough) return false;
  return best === undefined || rateOf(best) < goodEnough || trial.lanes < best.lanes;
}

function withThreads(backend: Backend, threads: number | undefined): Backend {
  return threads === undefined ? backend : (backend.threading?.withThreads?.(threads) ?? backend);
}

/** 0 where it was not measured. */
function rateOf({ rowsPerSecond = 0 }: LaneTrial): number {
  return rowsPerSecond;
}

function tuningOf(
  lanes: 'inline' | number,
  threads: number | undefined,
  { first, largest, trials, parts }: Tryout,
): LaneTuning {
  return {
    source: 'measured',
    lanes,
    threads,
    device: first.session.device,
    cores: parts.backend.threading?.cores,
    batch: largest,
    trials: trials.trials,
    tookMs: trials.spentMs(),
  };
}
