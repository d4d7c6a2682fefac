import type { Backend, LaneHost, Session, WorkerModule } from '../backend';
import type { LaneSlot } from '../batching/lane-slot';
import type { Clock } from '../clock';
import type { CallOptions } from '../lifecycle';
import type { LoadedModel } from '../model-source';
import { type WarmUpTime, warmUp } from './warm-up';

/**
 * Where a model computes: `inline` in this thread, in so many worker lanes, or `auto`: inline when a whole batch takes
 * less than 2 ms, since waking a thread would cost more than the work, else in one worker lane.
 */
export type LanesOption = 'auto' | 'inline' | number;

/** A batch that takes less than this is computed in this thread. */
export const inlineBudgetMs = 2;

/** The lanes of one model. */
export interface OpenLanes {
  readonly slots: readonly LaneSlot[];
  /** Why the lanes are what they are, for a person. */
  readonly reason: string;
  readonly warmUpTimes: readonly WarmUpTime[];
}

/** What opening lanes needs. */
export interface OpenLanesParts {
  readonly backend: Backend;
  readonly model: LoadedModel;
  readonly lanes: LanesOption;
  readonly maxBatchRows: number;
  readonly warmUp: boolean;
  /** Sizes of symbolic dimensions to warm up at; undefined where none are known. */
  readonly warmUpSizes: (session: Session) => readonly ReadonlyMap<string, number>[] | undefined;
  readonly clock: Clock;
  /** Called when the worker of a lane died without being closed. */
  readonly onLost: (slot: LaneSlot, error: unknown) => void;
}

interface WorkerLanes {
  readonly host: LaneHost;
  readonly module: WorkerModule;
}

/** Opens the lanes of a model and warms them up. When one fails, those already open are closed again. */
export async function openLanes(parts: OpenLanesParts, options: CallOptions): Promise<OpenLanes> {
  const { backend, lanes } = parts;
  const workers =
    backend.laneHost === undefined || backend.worker === undefined
      ? undefined
      : { host: backend.laneHost, module: backend.worker };
  if (lanes === 'inline') return openInline(parts, options, 'lanes: "inline" was asked for');
  if (workers === undefined) return openInline(parts, options, `backend "${backend.name}" has no worker lanes here`);
  if (lanes === 'auto') return openAuto(parts, workers, options);
  return openWorkers(parts, workers, lanes, options);
}

async function openInline(parts: OpenLanesParts, options: CallOptions, reason: string): Promise<OpenLanes> {
  const session = await parts.backend.doCreateSession(parts.model, options);
  const slot: LaneSlot = { name: 'inline', session, capacity: session.concurrency ?? 1, inFlight: 0, alive: true };
  const warmUpTimes = await warm([slot], parts, options);
  return { slots: [slot], reason, warmUpTimes };
}

async function openWorkers(
  parts: OpenLanesParts,
  workers: WorkerLanes,
  count: number,
  options: CallOptions,
): Promise<OpenLanes> {
  const slots: LaneSlot[] = [];
  try {
    for (let number = 1; number <= count; number++) {
      slots.push(await openWorkerSlot(parts, workers, `worker-${number}`, options));
    }
  } catch (error) {
    await closeSlots(slots);
    throw error;
  }
  const warmUpTimes = await warm(slots, parts, options);
  return { slots, reason: `${count} worker ${count === 1 ? 'lane was' : 'lanes were'} asked for`, warmUpTimes };
}

/** Tries the model in a worker, where a slow one blocks nobody, and brings it inline only if it proves fast. */
async function openAuto(parts: OpenLanesParts, workers: WorkerLanes, options: CallOptions): Promise<OpenLanes> {
  if (workers.host.staysInWorker) {
    return { ...(await openWorkers(parts, workers, 1, options)), reason: 'models stay in a worker on this platform' };
  }
  const trial = await openWorkers({ ...parts, warmUp: true }, workers, 1, options);
  const largest = trial.warmUpTimes.at(-1);
  if (largest === undefined)
    return { ...trial, reason: 'its shapes are not known ahead, so its cost was not measured' };
  const measured = `a batch of ${largest.rows} took ${largest.computeMs.toFixed(2)} ms`;
  if (largest.computeMs >= inlineBudgetMs) return { ...trial, reason: `${measured}, at least ${inlineBudgetMs} ms` };
  await closeSlots(trial.slots);
  return openInline(parts, options, `${measured}, less than ${inlineBudgetMs} ms`);
}

async function openWorkerSlot(
  parts: OpenLanesParts,
  workers: WorkerLanes,
  name: string,
  options: CallOptions,
): Promise<LaneSlot> {
  // A worker may die before its slot exists; openLane then rejects, so nothing is missed.
  let slot: LaneSlot | undefined;
  const session = await workers.host.openLane(workers.module, parts.model, {
    ...options,
    onLost: (error) => {
      if (slot !== undefined) parts.onLost(slot, error);
    },
  });
  slot = { name, session, capacity: session.concurrency ?? 1, inFlight: 0, alive: true };
  return slot;
}

/** Gives a lane whose worker died a new one. */
export async function reopenWorker(slot: LaneSlot, parts: OpenLanesParts, options: CallOptions): Promise<Session> {
  const { laneHost, worker } = parts.backend;
  // Only slots that a lane host opened can be lost.
  const host = laneHost as LaneHost;
  return host.openLane(worker as WorkerModule, parts.model, {
    ...options,
    onLost: (error) => parts.onLost(slot, error),
  });
}

/** Closes the sessions of lanes; the first failure is thrown after all were tried. */
export async function closeSlots(slots: readonly LaneSlot[]): Promise<void> {
  const results = await Promise.allSettled(slots.map((slot) => slot.session.close()));
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

async function warm(slots: readonly LaneSlot[], parts: OpenLanesParts, options: CallOptions): Promise<WarmUpTime[]> {
  if (!parts.warmUp) return [];
  // All of them are waited for, so that no session is closed under a batch that it computes.
  const results = await Promise.allSettled(
    slots.map(async ({ session }) =>
      warmUp(session, parts.maxBatchRows, parts.clock, options, parts.warmUpSizes(session)),
    ),
  );
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) {
    await closeSlots(slots.filter((slot) => slot.alive));
    throw failed.reason;
  }
  const [first] = results;
  return first?.status === 'fulfilled' ? first.value : [];
}
