import type { Backend, Session } from '../backend';
import type { CallOptions } from '../lifecycle';
import type { Logger } from '../logger';
import { type Lane, type LaneParts, openInlineLane, openWorkerLanes, reopenLane, warmLanes } from './lane';
import type { LaneTuning } from './lane-tuning';
import type { TuningStore } from './tuning-store';
import type { WarmUpTime } from './warm-up';

/**
 * Where a model computes: `inline` in this thread, in so many worker lanes, or `auto`, by measurement when it is loaded.
 *
 * `auto` tries the model in a worker, on one thread. When a whole batch takes less than 0.25 ms it belongs inline, since
 * waking a thread would cost as much as it could save. When it takes 2 ms or more it belongs into workers: lanes × threads
 * within the cores that this process really has are tried one after another, for 2 s at most, and those are kept that
 * compute the most rows a second; of what is within 1 % of the best, or 5 % for a model of 64 MiB or more, the fewest lanes.
 * In between, it goes into workers where two lanes or more compute at least 1.25 times as many rows a second as is done
 * inline, and inline otherwise. A number of threads that the backend was given is kept, and only the lanes are then tried.
 * `describe().lanes` tells what was measured, and `tuning` where it is remembered.
 *
 * With a number of lanes, each computes with its share of the cores, so that lanes × threads is at most the cores, unless
 * the backend was given a number of threads. A session inline computes with all of them.
 */
export type LanesOption = 'auto' | 'inline' | number;

/** The lanes of one model. */
export interface OpenLanes {
  readonly slots: readonly Lane[];
  /** Why the lanes are what they are, for a person. */
  readonly reason: string;
  /** What `auto` measured; undefined where it did not have to, or could not. */
  readonly tuning: LaneTuning | undefined;
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
  readonly logger: Logger;
  /** Where `auto` keeps what it measured; undefined for the memory of the process. */
  readonly tuning: TuningStore | undefined;
}

interface ChosenLanes {
  readonly lanes: readonly Lane[];
  readonly reason: string;
  readonly tuning?: LaneTuning | undefined;
}

/** Opens the lanes of a model and warms them up. When one fails, those already open are closed again. */
export async function openLanes(parts: OpenLanesParts, options: CallOptions): Promise<OpenLanes> {
  const { lanes: slots, reason, tuning } = await choose(parts, options);
  for (const { meter } of slots) meter.reset();
  await Promise.all(slots.map(({ meter }) => meter.refresh()));
  return {
    slots,
    reason,
    tuning,
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
  const lanes = await openWorkerLanes(count, backend, parts, options);
  if (parts.warmUp) await warmLanes(lanes, parts, options);
  const asked = `${count} worker ${count === 1 ? 'lane was' : 'lanes were'} asked for`;
  const [first] = lanes;
  if (threading === undefined || first?.threads === undefined) return { lanes, reason: asked };
  const threads = `${first.threads} ${first.threads === 1 ? 'thread' : 'threads'}`;
  const cores = `${threading.cores} ${threading.cores === 1 ? 'core' : 'cores'}`;
  const why = threading.withThreads === undefined ? 'the threads were asked for' : 'a share of the cores';
  return { lanes, reason: `${asked}, each with ${threads} of ${cores}: ${why}` };
}

/** By measurement; see {@link LanesOption}. */
async function openAuto(parts: OpenLanesParts, options: CallOptions): Promise<ChosenLanes> {
  if (parts.backend.laneHost?.staysInWorker) {
    const lanes = await openWorkerLanes(1, parts.backend, parts, options);
    if (parts.warmUp) await warmLanes(lanes, parts, options);
    return { lanes, reason: 'models stay in a worker on this platform' };
  }
  const { tuneLanes } = await import('./tune-lanes');
  return tuneLanes(parts, options);
}
