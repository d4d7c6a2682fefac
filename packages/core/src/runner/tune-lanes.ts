import type { Backend, Threading } from '../backend';
import { messageOf, throwIfAborted } from '../errors';
import type { CallOptions } from '../lifecycle';
import type { Tensors } from '../tensor/tensor';
import { closeSlots, type Lane, openInlineLane, openWorkerLanes, warmLanes } from './lane';
import { rateOfLanes } from './lane-rate';
import { type Candidate, createLaneTrials, type LaneTrials, type MeasureLanes, type TuningParts } from './lane-trials';
import { inlineBudgetMs, type LaneTrial, type LaneTuning, rateOfBatch, reasonOfTuning } from './lane-tuning';
import { rememberedTuning } from './remembered-tuning';
import { timeBatch } from './time-batch';
import type { TuningRecord } from './tuning-store';
import { type WarmUpTime, zeros } from './warm-up';

/*
 * `lanes: 'auto'`: where a model computes, and with how many lanes and threads, by measurement. Imported when it is first
 * needed, since a page never needs it.
 */

/** Below this, waking threads costs about what they could save. */
const worthThreadsMs = 0.25;
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
/** Most lanes that are tried: with more, few of them would find a whole batch to compute. */
const mostLanes = 8;

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
 * It tries a model in a worker, where a slow one blocks nobody, on one thread. When a whole batch takes less than 2 ms it
 * belongs inline, with more threads where they make it markedly faster. Else lanes × threads that fill the cores are
 * tried one after another, every lane at work on whole batches, and the best is kept; of those within 1 % of the best, or 5 %
 * for a large model, the one with the fewest lanes.
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
    const tune = largest.computeMs < inlineBudgetMs ? tuneInline : tuneWorkers;
    return await tune(first, largest, trials, parts, options);
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

/** A model that belongs inline: with how many threads? They are tried in a worker as well, so that nothing waits. */
async function tuneInline(
  first: Lane,
  largest: WarmUpTime,
  trials: LaneTrials,
  parts: TuningParts,
  options: CallOptions,
): Promise<TunedLanes> {
  const { backend, clock } = parts;
  const { rows } = largest;
  const measure: MeasureLanes = async ([lane]) => {
    const { session } = lane as Lane;
    const { computeMs } = await timeBatch(session, zeros(session, largest) as Tensors, comparedMs, clock, options);
    return rateOfBatch({ rows, computeMs });
  };
  let best = trials.note({ lanes: 1, threads: first.threads, rowsPerSecond: rateOfBatch(largest) });
  await trials.keepOnly([]);
  for (const threads of largest.computeMs < worthThreadsMs ? [] : moreThreads(first, backend.threading)) {
    const [trial] = await trials.measure({ lanes: 1, threads }, largest.computeMs, measure);
    await trials.keepOnly([]);
    if (worthMoreThreads * rateOf(trial) < rateOf(best)) break;
    best = trial;
  }
  const tuning = tuningOf('inline', best.threads, first, largest, trials, parts);
  const lanes = [await openInlineLane(withThreads(backend, best.threads), parts, options)];
  if (parts.warmUp) await warmLanes(lanes, parts, options);
  return { lanes, reason: reasonOfTuning(tuning), tuning };
}

/** A model that belongs into workers: into how many, with how many threads each? */
async function tuneWorkers(
  first: Lane,
  largest: WarmUpTime,
  trials: LaneTrials,
  parts: TuningParts,
  options: CallOptions,
): Promise<TunedLanes> {
  const { lanes, trial } = await contest(first, trials, parts, options);
  await trials.keepOnly(lanes);
  const tuning = tuningOf(trial.lanes, trial.threads, first, largest, trials, parts);
  const cold = lanes.filter(({ warmUpTimes }) => warmUpTimes.length === 0);
  await warmLanes(cold, parts, options);
  return { lanes, reason: reasonOfTuning(tuning), tuning };
}

async function contest(first: Lane, trials: LaneTrials, parts: TuningParts, options: CallOptions): Promise<Contender> {
  const { threading } = parts.backend;
  const times = first.warmUpTimes;
  const compared = times.findLast(({ computeMs }) => computeMs <= comparedMs) ?? (times[0] as WarmUpTime);
  const { computeMs } = compared;
  const measure: MeasureLanes = (lanes) => rateOfLanes(lanes, compared, parts.clock, options);
  const candidates = candidatesFor(first, threading);

  const isTold = computeMs >= tellingMs || candidates.length === 0;
  const rowsPerSecond = isTold ? rateOfBatch(compared) : await measure([first]);
  let best: Contender = {
    trial: trials.note({ lanes: 1, threads: first.threads, rowsPerSecond }),
    lanes: [first],
  };
  if (!trials.hasTimeFor(computeMs) && threading?.withThreads !== undefined && candidates.length > 0) {
    // Too slow to be compared: all cores on one batch answer soonest, and take the memory of one model.
    await trials.keepOnly([]);
    const alone = { lanes: 1, threads: threading.cores };
    const trial = { ...alone, rowsPerSecond: undefined, reason: 'since trying it would take too long' };
    return { trial: trials.note(trial), lanes: await trials.open(alone) };
  }
  const asGoodShare = parts.model.bytes.byteLength < largeBytes ? asGood : asGoodWhereLarge;
  let top = rowsPerSecond;
  for (const candidate of candidates) {
    const [trial, lanes] = await trials.measure(candidate, computeMs, measure);
    top = Math.max(top, rateOf(trial));
    if (isBetter(trial, best.trial, top * asGoodShare)) best = { trial, lanes };
    await trials.keepOnly(best.lanes);
  }
  return best;
}

/** Whether a trial is to be taken in place of the best before it, when so many rows a second are good enough. */
function isBetter(trial: LaneTrial, best: LaneTrial, goodEnough: number): boolean {
  if (rateOf(trial) < goodEnough) return false;
  return rateOf(best) < goodEnough || trial.lanes < best.lanes;
}

/**
 * Lanes × threads that fill the cores: one core a lane, then half as many lanes of twice the threads, and so on to one
 * lane that has them all. Without a choice of threads, as many lanes as the cores hold.
 */
function candidatesFor(first: Lane, threading: Threading | undefined): readonly Candidate[] {
  if (threading === undefined || first.threads === undefined) return [];
  const { cores } = threading;
  if (threading.withThreads === undefined) {
    const lanes = Math.min(mostLanes, Math.floor(cores / first.threads));
    return lanes > 1 ? [{ lanes, threads: first.threads }] : [];
  }
  const candidates: Candidate[] = [];
  let lanes = Math.min(mostLanes, cores);
  for (; lanes >= 1; lanes = previousPowerOfTwo(lanes)) {
    const threads = Math.floor(cores / lanes);
    // With as many threads, the lanes before it were more.
    if (candidates.at(-1)?.threads !== threads && lanes * threads > 1) candidates.push({ lanes, threads });
  }
  return candidates;
}

/** The greatest power of two below a number; 0 below 1. */
function previousPowerOfTwo(value: number): number {
  return value <= 1 ? 0 : 2 ** Math.floor(Math.log2(value - 1));
}

/** 2, 4, 8 … threads, and as many as there are cores. */
function moreThreads(first: Lane, threading: Threading | undefined): readonly number[] {
  if (first.threads === undefined || threading?.withThreads === undefined || threading.cores === 1) return [];
  const counts: number[] = [];
  for (let threads = 2; threads < threading.cores; threads *= 2) counts.push(threads);
  return [...counts, threading.cores];
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
  first: Lane,
  batch: WarmUpTime,
  trials: LaneTrials,
  { backend }: TuningParts,
): LaneTuning {
  return {
    source: 'measured',
    lanes,
    threads,
    device: first.session.device,
    cores: backend.threading?.cores,
    batch,
    trials: trials.trials,
    tookMs: trials.spentMs(),
  };
}
