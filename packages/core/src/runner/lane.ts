import type { Backend, LaneEventMap, LaneHost, Session, WorkerModule } from '../backend';
import type { LaneSlot } from '../batching/lane-slot';
import type { Clock } from '../clock';
import type { CallOptions } from '../lifecycle';
import type { LoadedModel } from '../model-source';
import { createLaneMeter, type LaneLoad, type LaneMeter } from './lane-meter';
import { type WarmUpTime, warmUp } from './warm-up';

/** A lane as its owner knows it. */
export interface Lane extends LaneSlot {
  /** What makes its sessions, with the threads that it was given. */
  readonly backend: Backend;
  /** Threads that its session computes with; undefined where that is unknown or another device than the CPU computes. */
  readonly threads: number | undefined;
  warmUpTimes: readonly WarmUpTime[];
  readonly meter: LaneMeter;
  /** How often its worker was replaced. */
  restarts: number;
  /** Whether it is bringing itself back: not alive, yet still to be closed. */
  recovering: boolean;
}

/** A lane as `describe()` shows it. */
export interface LaneState extends LaneLoad {
  /** `inline`, `worker-1`, `worker-2`, … */
  readonly name: string;
  /** The device that computes, or did before it was lost. */
  readonly device: string;
  /** Threads that its session computes with; undefined where that is unknown or another device than the CPU computes. */
  readonly threads: number | undefined;
  /** Batches that it has at this moment. */
  readonly inFlight: number;
  /** Whether it takes batches; `false` while its worker is being replaced. */
  readonly alive: boolean;
  /** How often its worker died and was replaced. */
  readonly restarts: number;
}

/** What opening lanes of a model needs. */
export interface LaneParts {
  readonly model: LoadedModel;
  readonly maxBatchRows: number;
  /** Sizes of symbolic dimensions to warm up at; undefined where none are known. */
  readonly warmUpSizes: (session: Session) => readonly ReadonlyMap<string, number>[] | undefined;
  readonly clock: Clock;
  /** Called when the worker of a lane died without being closed. */
  readonly onLost: (lane: Lane, error: unknown) => void;
  /** Called with what a lane tells of itself. */
  readonly onEvent: <K extends keyof LaneEventMap>(lane: Lane, name: K, event: LaneEventMap[K]) => void;
}

/** Opens a lane in this thread. */
export async function openInlineLane(backend: Backend, parts: LaneParts, options: CallOptions): Promise<Lane> {
  return laneOver('inline', backend, await backend.doCreateSession(parts.model, options), parts);
}

/** Opens a lane in a worker of its own, by a backend that has worker lanes. */
async function openWorkerLane(name: string, backend: Backend, parts: LaneParts, options: CallOptions): Promise<Lane> {
  // A worker may die before its lane exists; opening it then rejects, so nothing is missed.
  let lane: Lane | undefined;
  const session = await openInWorker(backend, parts, options, () => lane);
  lane = laneOver(name, backend, session, parts);
  return lane;
}

/**
 * Opens lanes in workers, all at the same time. When one fails, the others are closed again.
 * @param from number in the name of the first: `worker-1`
 */
export async function openWorkerLanes(
  count: number,
  backend: Backend,
  parts: LaneParts,
  options: CallOptions,
  from = 1,
): Promise<Lane[]> {
  const names = Array.from({ length: count }, (_, index) => `worker-${from + index}`);
  const results = await Promise.allSettled(names.map((name) => openWorkerLane(name, backend, parts, options)));
  const lanes = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed === undefined) return lanes;
  await closeSlots(lanes);
  throw failed.reason;
}

/** Opens a new session for a lane whose worker died. */
export async function reopenLane(lane: Lane, parts: LaneParts, options: CallOptions): Promise<Session> {
  const session = await openInWorker(lane.backend, parts, options, () => lane);
  lane.restarts++;
  lane.meter.follow(session);
  await lane.meter.refresh();
  return session;
}

function openInWorker(
  backend: Backend,
  { model, onLost, onEvent }: LaneParts,
  options: CallOptions,
  laneOf: () => Lane | undefined,
): Promise<Session> {
  // Only backends that have both get here.
  const { laneHost, worker } = backend as Backend & { readonly laneHost: LaneHost; readonly worker: WorkerModule };
  return laneHost.openLane(worker, model, {
    ...options,
    onLost(error) {
      const lane = laneOf();
      if (lane !== undefined) onLost(lane, error);
    },
    onEvent(name, event) {
      const lane = laneOf();
      if (lane !== undefined) onEvent(lane, name, event);
    },
  });
}

function laneOver(name: string, backend: Backend, session: Session, { model, clock }: LaneParts): Lane {
  const meter = createLaneMeter(model.bytes.byteLength, name === 'inline', clock);
  meter.follow(session);
  return {
    name,
    backend,
    meter,
    restarts: 0,
    recovering: false,
    session,
    threads: session.device === 'cpu' ? backend.threading?.threads : undefined,
    capacity: session.concurrency ?? 1,
    inFlight: 0,
    alive: true,
    warmUpTimes: [],
  };
}

/** How a lane stands. */
export function stateOfLane({ name, session, threads, inFlight, alive, restarts, meter }: Lane): LaneState {
  return { name, device: session.device, threads, inFlight, alive, restarts, ...meter.read() };
}

/** The lanes that have a session to close: those that compute, and those that are bringing themselves back. */
export function openAmong(lanes: readonly Lane[]): Lane[] {
  return lanes.filter(({ alive, recovering }) => alive || recovering);
}

/** Closes the sessions of lanes; the first failure is thrown after all were tried. */
export async function closeSlots(lanes: readonly LaneSlot[]): Promise<void> {
  const results = await Promise.allSettled(lanes.map((lane) => lane.session.close()));
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

/** Warms lanes up, all at the same time, as they will work. When one fails, all are closed. */
export async function warmLanes(lanes: readonly Lane[], parts: LaneParts, options: CallOptions): Promise<void> {
  const { maxBatchRows, warmUpSizes, clock } = parts;
  // All of them are waited for, so that no session is closed under a batch that it computes.
  const results = await Promise.allSettled(
    lanes.map(async (lane) => {
      const { session } = lane;
      lane.warmUpTimes = await warmUp(session, maxBatchRows, clock, options, warmUpSizes(session));
    }),
  );
  const failed = results.find((result) => result.status === 'rejected');
  if (failed === undefined) return;
  await closeSlots(openAmong(lanes));
  throw failed.reason;
}
