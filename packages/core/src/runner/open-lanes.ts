import type { Backend, Session } from '../backend';
import type { CallOptions } from '../lifecycle';
import { closeLanes, type Lane, type LaneParts, openInlineLane, openWorkerLane, reopenLane, warmLanes } from './lane';
import type { WarmUpTime } from './warm-up';

/**
 * Where a model computes: `inline` in this thread, in so many worker lanes, or `auto`: inline when a whole batch takes
 * less than 2 ms, since waking a thread would cost more than the work, else in one worker lane.
 *
 * With so many lanes, each computes with its share of the cores: lanes × threads is at most the cores that this process
 * really has, unless the backend was given a number of threads.
 */
export type LanesOption = 'auto' | 'inline' | number;

/** A batch that takes less than this is computed in this thread. */
export const inlineBudgetMs = 2;

/** The lanes of one model. */
export interface OpenLanes {
  readonly slots: readonly Lane[];
  /** Why the lanes are what they are, for a person. */
  readonly reason: string;
  /** The times of the first lane. */
  readonly warmUpTimes: readonly WarmUpTime[];
  /** Opens a new session for a lane whose worker died. */
  reopen(lane: Lane): Promise<Session>;
}

/** What opening lanes needs. */
export interface OpenLanesParts extends LaneParts {
  readonly backend: Backend;
  readonly lanes: LanesOption;
  readonly warmUp: boolean;
}

interface ChosenLanes {
  readonly lanes: readonly Lane[];
  readonly reason: string;
}

/** Opens the lanes of a model and warms them up. When one fails, those already open are closed again. */
export async function openLanes(parts: OpenLanesParts, options: CallOptions): Promise<OpenLanes> {
  const { lanes: slots, reason } = await choose(parts, options);
  return {
    slots,
    reason,
    warmUpTimes: slots[0]?.warmUpTimes ?? [],
    reopen: (lane) => reopenLane(lane, parts, {}),
  };
}

function choose(parts: OpenLanesParts, options: CallOptions): Promise<ChosenLanes> {
  const { backend, lanes } = parts;
  if (lanes === 'inline') return openInline(parts, options, 'lanes: "inline" was asked for');
  if (backend.laneHost === undefined || backend.worker === undefined) {
    return openInline(parts, options, `backend "${backend.name}" has no worker lanes here`);
  }
  if (lanes === 'auto') return openAuto(parts, options);
  return openCounted(parts, lanes, options);
}

async function openInline(parts: OpenLanesParts, options: CallOptions, reason: string): Promise<ChosenLanes> {
  const lanes = [await openInlineLane(parts.backend, parts, options)];
  if (parts.warmUp) await warmLanes(lanes, parts, options);
  return { lanes, reason };
}

/** As many worker lanes as were asked for; the cores are divided among them. */
async function openCounted(parts: OpenLanesParts, count: number, options: CallOptions): Promise<ChosenLanes> {
  const { threading } = parts.backend;
  const share = Math.max(1, Math.floor((threading?.cores ?? 1) / count));
  const backend = threading?.withThreads?.(share) ?? parts.backend;
  const lanes = await openWorkers(count, backend, parts, options);
  if (parts.warmUp) await warmLanes(lanes, parts, options);
  const asked = `${count} worker ${count === 1 ? 'lane was' : 'lanes were'} asked for`;
  const [first] = lanes;
  if (threading === undefined || first?.threads === undefined) return { lanes, reason: asked };
  const threads = `${first.threads} ${first.threads === 1 ? 'thread' : 'threads'}`;
  const cores = `${threading.cores} ${threading.cores === 1 ? 'core' : 'cores'}`;
  const why = threading.withThreads === undefined ? 'the threads were asked for' : 'a share of the cores';
  return { lanes, reason: `${asked}, each with ${threads} of ${cores}: ${why}` };
}

async function openWorkers(
  count: number,
  backend: Backend,
  parts: LaneParts,
  options: CallOptions,
): Promise<readonly Lane[]> {
  const lanes: Lane[] = [];
  try {
    for (let number = 1; number <= count; number++) {
      lanes.push(await openWorkerLane(`worker-${number}`, backend, parts, options));
    }
  } catch (error) {
    await closeLanes(lanes);
    throw error;
  }
  return lanes;
}

/** Tries the model in a worker, where a slow one blocks nobody, and brings it inline only if it proves fast. */
async function openAuto(parts: OpenLanesParts, options: CallOptions): Promise<ChosenLanes> {
  const lanes = await openWorkers(1, parts.backend, parts, options);
  if (parts.backend.laneHost?.staysInWorker) {
    if (parts.warmUp) await warmLanes(lanes, parts, options);
    return { lanes, reason: 'models stay in a worker on this platform' };
  }
  await warmLanes(lanes, parts, options);
  const largest = lanes[0]?.warmUpTimes.at(-1);
  if (largest === undefined) return { lanes, reason: 'its shapes are not known ahead, so its cost was not measured' };
  const measured = `a batch of ${largest.rows} took ${largest.computeMs.toFixed(2)} ms`;
  if (largest.computeMs >= inlineBudgetMs) return { lanes, reason: `${measured}, at least ${inlineBudgetMs} ms` };
  await closeLanes(lanes);
  return openInline(parts, options, `${measured}, less than ${inlineBudgetMs} ms`);
}
