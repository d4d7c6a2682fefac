import type { Backend } from '../backend';
import { FairleadError, messageOf, throwIfAborted } from '../errors';
import type { CallOptions } from '../lifecycle';
import type { Logger } from '../logger';
import { type Lane, type LaneParts, openWorkerLanes } from './lane';
import { measuringMs } from './lane-rate';
import type { LaneTrial } from './lane-tuning';
import type { TuningStore } from './tuning-store';

/** Milliseconds after the first lane's warm-up within which other lanes and threads are tried. */
const budgetMs = 2000;

/** What tuning needs. */
export interface TuningParts extends LaneParts {
  /** A backend that has worker lanes. */
  readonly backend: Backend;
  /** Whether lanes are warmed up that need not be measured. */
  readonly warmUp: boolean;
  readonly logger: Logger;
  /** Where what was measured is kept. @default the memory of the process */
  readonly tuning: TuningStore | undefined;
  /** Most bytes of copies of the model that are tried, one a lane. @default 1073741824 (1 GiB) */
  readonly maxCopiesBytes?: number;
}

/** Lanes × threads that may do better than one lane of one thread. */
export interface Candidate {
  readonly lanes: number;
  readonly threads: number;
}

/** The rows a second of lanes that are open. */
export type MeasureLanes = (lanes: readonly Lane[]) => Promise<number>;

/** Where candidates are tried: knows what is open, what was measured and how much time is left. */
export interface LaneTrials {
  /** What was tried, in order. */
  readonly trials: readonly LaneTrial[];
  /** Milliseconds since the trials began. */
  spentMs(): number;
  /** Whether there is time to measure lanes whose batches take so long. */
  hasTimeFor(batchMs: number): boolean;
  /** Notes what the first lane did. */
  note(trial: LaneTrial): LaneTrial;
  /** Opens the lanes of a candidate and measures them; one that cannot be had is noted with the reason. */
  measure(candidate: Candidate, batchMs: number, measure: MeasureLanes): Promise<[LaneTrial, readonly Lane[]]>;
  /** Opens lanes; the first lane is one of them if it is open and has as many threads. */
  open(candidate: Candidate): Promise<readonly Lane[]>;
  /** Closes every lane but these. */
  keepOnly(lanes: readonly Lane[]): Promise<void>;
}

/**
 * Begins trials.
 * @param first a warm lane, which the trials own from now on
 * @param openMs milliseconds that opening it took
 */
export function createLaneTrials(parts: TuningParts, first: Lane, openMs: number, options: CallOptions): LaneTrials {
  const { backend, clock, model, maxCopiesBytes = 2 ** 30 } = parts;
  const startedAt = clock.now();
  const trials: LaneTrial[] = [];
  const open = new Set([first]);

  const spentMs = (): number => clock.now() - startedAt;
  const hasTimeFor = (batchMs: number): boolean => spentMs() + openMs + measuringMs(batchMs) <= budgetMs;

  const obstacleTo = (lanes: number, batchMs: number): string | undefined => {
    const bytes = model.bytes.byteLength;
    if (lanes > 1 && lanes * bytes > maxCopiesBytes) {
      return `since ${lanes} copies of its ${Math.ceil(bytes / 2 ** 20)} MiB are too many to try`;
    }
    return hasTimeFor(batchMs) ? undefined : `since the ${budgetMs / 1000} s for it were spent`;
  };

  const openLanes = async ({ lanes, threads }: Candidate): Promise<readonly Lane[]> => {
    const known = open.has(first) && first.threads === threads ? [first] : [];
    const made = backend.threading?.withThreads?.(threads) ?? backend;
    const opened = await openWorkerLanes(lanes - known.length, made, parts, options, known.length + 1);
    for (const lane of opened) open.add(lane);
    return [...known, ...opened];
  };

  const note = (trial: LaneTrial): LaneTrial => {
    trials.push(trial);
    return trial;
  };

  return {
    trials,
    spentMs,
    hasTimeFor,
    note,
    open: openLanes,
    async measure({ lanes, threads }, batchMs, measure) {
      throwIfAborted(options.signal, 'Tuning the lanes');
      const refuse = (reason: string): [LaneTrial, readonly Lane[]] => [
        note({ lanes, threads, rowsPerSecond: undefined, reason }),
        [],
      ];
      const obstacle = obstacleTo(lanes, batchMs);
      if (obstacle !== undefined) return refuse(obstacle);
      try {
        const opened = await openLanes({ lanes, threads });
        return [note({ lanes, threads, rowsPerSecond: await measure(opened) }), opened];
      } catch (error) {
        // The first lane has worked; when it is gone, or the caller, there is nothing left to choose from.
        if ((open.has(first) && !first.alive) || FairleadError.isInstance(error, 'ABORTED')) throw error;
        return refuse(`since it failed: ${messageOf(error)}`);
      }
    },
    async keepOnly(lanes) {
      const closing = [...open].filter((lane) => !lanes.includes(lane));
      for (const lane of closing) open.delete(lane);
      // A worker that was only tried and does not end cleanly is no reason not to load the model.
      await Promise.allSettled(closing.map(({ session }) => session.close()));
    },
  };
}
