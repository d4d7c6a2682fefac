import type { DeviceFallback } from '../backend';
import { type Closeable, closeable } from '../lifecycle';
import type { BatchEndEvent, BatchReason, ModelInfo, ModelRunner } from '../runner/runner';
import type { CounterHandle } from './counter';
import type { GaugeHandle } from './gauge';
import type { HistogramHandle } from './histogram';
import { labelsOf, type ModelLabels } from './model-labels';
import type { Registry } from './registry';
import { type RunnerFamilies, registerRunnerFamilies } from './runner-families';

/** What a runner may say about itself beyond the contract; a local runner's `describe()` fits. */
export interface RunnerState {
  readonly device?: string;
  readonly fallbacks?: readonly DeviceFallback[];
  readonly batching?: {
    readonly queuedRequests: number;
    readonly queuedRows: number;
    readonly batchesInFlight: number;
  };
  readonly lanes?: {
    readonly slots: readonly {
      readonly name: string;
      readonly busyMs?: number;
      readonly memoryBytes?: number | undefined;
    }[];
  };
}

/** Any runner; one with `describe()` also gives its device, its fallbacks and its queue. */
export interface InstrumentableRunner extends Pick<ModelRunner, 'model' | 'events'> {
  describe?(): RunnerState;
}

/** Handles of one version of a model, bound once. */
interface ModelHandles {
  readonly succeeded: CounterHandle;
  readonly rows: CounterHandle;
  readonly batches: Readonly<Record<BatchReason, CounterHandle>>;
  readonly duration: HistogramHandle;
  readonly queueDuration: HistogramHandle;
  readonly computeDuration: HistogramHandle;
  readonly batchRows: HistogramHandle;
}

function bindHandles(families: RunnerFamilies, model: ModelInfo): ModelHandles {
  const labels = labelsOf(model);
  const batchesFor = (reason: BatchReason): CounterHandle => families.batches.bind({ ...labels, reason });
  return {
    succeeded: families.succeeded.bind(labels),
    rows: families.rows.bind(labels),
    batches: {
      full: batchesFor('full'),
      knee: batchesFor('knee'),
      deadline: batchesFor('deadline'),
      idle: batchesFor('idle'),
      free: batchesFor('free'),
      drain: batchesFor('drain'),
    },
    duration: families.duration.bind(labels),
    queueDuration: families.queueDuration.bind(labels),
    computeDuration: families.computeDuration.bind(labels),
    batchRows: families.batchRows.bind(labels),
  };
}

function recordBatch(handles: ModelHandles, event: BatchEndEvent): void {
  const computeSeconds = event.computeMs / 1000;
  handles.succeeded.inc(event.answered ?? event.requests);
  handles.rows.inc(event.rows);
  handles.batches[event.reason].inc();
  handles.batchRows.observe(event.rows);
  handles.computeDuration.observe(computeSeconds);
  recordWaits(handles, event.queueMs, computeSeconds);
}

/** Requests that came in one turn waited equally long and stand side by side, so they are counted together. */
function recordWaits(handles: ModelHandles, queueMs: readonly number[], computeSeconds: number): void {
  for (let start = 0; start < queueMs.length; ) {
    const waited = queueMs[start] as number;
    let end = start + 1;
    while (end < queueMs.length && queueMs[end] === waited) end++;
    handles.queueDuration.observeTimes(waited / 1000, end - start);
    handles.duration.observeTimes(waited / 1000 + computeSeconds, end - start);
    start = end;
  }
}

/** Adds what changed since the last look, so that several runners of one model add up in one gauge. */
function createTally(gauge: GaugeHandle): (now: number) => void {
  let before = 0;
  return (now) => {
    gauge.inc(now - before);
    before = now;
  };
}

/** Takes over what the lanes of a model say at each look; told of none, it takes their memory back. */
function createLaneTallies(families: RunnerFamilies, labels: ModelLabels): (lanes: RunnerState['lanes']) => void {
  const busySeconds = new Map<string, number>();
  const memories = new Map<string, (bytes: number) => void>();
  return (lanes) => {
    if (lanes === undefined) for (const tally of memories.values()) tally(0);
    for (const { name, busyMs = 0, memoryBytes } of lanes?.slots ?? []) {
      const laneLabels = { ...labels, lane: name };
      const [before, now] = [busySeconds.get(name) ?? 0, busyMs / 1000];
      families.laneBusy.bind(laneLabels).inc(Math.max(0, now - before));
      busySeconds.set(name, Math.max(before, now));
      if (memoryBytes === undefined) continue;
      const tally = memories.get(name) ?? createTally(families.laneMemory.bind(laneLabels));
      memories.set(name, tally);
      tally(memoryBytes);
    }
  };
}

/**
 * Keeps metrics of a runner, from its events and, at the moment of a scrape, from its `describe()`. Every family has the
 * labels `model_name` and `model_version` and follows a swap: the batches of either version count for that version.
 *
 * | Family | Meaning, and the name in Triton that it mirrors |
 * |---|---|
 * | `ml_prediction_request_success_total` | requests answered (`nv_inference_request_success`) |
 * | `ml_prediction_request_failure_total{code}` | requests failed (`nv_inference_request_failure{reason}`) |
 * | `ml_prediction_rows_total` | rows computed (`nv_inference_count`) |
 * | `ml_prediction_batches_total{reason}` | batches computed; their sum is `nv_inference_exec_count` |
 * | `ml_prediction_batch_failures_total` | batches on which the runtime failed |
 * | `ml_prediction_duration_seconds` | request to answer (`nv_inference_request_duration_us`) |
 * | `ml_prediction_queue_duration_seconds` | waiting (`nv_inference_queue_duration_us`) |
 * | `ml_prediction_compute_duration_seconds` | computing, one value a batch (`nv_inference_compute_infer_duration_us`) |
 * | `ml_prediction_batch_rows` | rows of a batch |
 * | `ml_prediction_pending_requests`, `ml_prediction_pending_rows` | in the queue (`nv_inference_pending_request_count`) |
 * | `ml_prediction_batches_in_flight` | being computed |
 * | `ml_model_info{digest,device}`, `ml_model_load_duration_seconds` | the model that takes new requests |
 * | `ml_model_swaps_total`, `ml_model_swap_failures_total` | swaps to a version, and those that left it in place |
 * | `ml_model_device_fallbacks_total{from,to}` | devices that could not be had |
 * | `ml_lane_losses_total`, `ml_lane_restarts_total` | workers that died and came back |
 * | `ml_lane_busy_seconds_total{lane}` | time in which a lane had a batch to compute; its rate is the lane's busy share |
 * | `ml_lane_memory_bytes{lane}` | what the lane's worker takes, with the model's bytes; some seconds old |
 *
 * The pending and in-flight gauges and those of the lanes need a runner with `describe()`. Several runners may share a registry, and their
 * values of one model version add up; `ml_model_info` of that version goes when the first of them closes or moves on.
 *
 * @returns closing it stops the recording and takes back the gauges and the info; counters and histograms stay
 * @throws FairleadError `ALREADY_EXISTS` when the registry has other families of these names
 */
export function instrumentRunner(registry: Registry, runner: InstrumentableRunner): Closeable {
  const families = registerRunnerFamilies(registry);
  const handlesOf = createHandleCache(families);
  const present = createPresentModel(families, runner);
  present.enter(runner.model, undefined);

  const { events } = runner;
  const stops = [
    events.on('batch-end', (event) => recordBatch(handlesOf(event.model), event)),
    events.on('request-fail', ({ model, code }) => families.failed.bind({ ...labelsOf(model), code }).inc()),
    events.on('batch-fail', ({ model }) => families.batchFailures.bind(labelsOf(model)).inc()),
    events.on('lane-lost', ({ model }) => families.laneLosses.bind(labelsOf(model)).inc()),
    events.on('lane-restart', ({ model }) => families.laneRestarts.bind(labelsOf(model)).inc()),
    events.on('model-ready', (event) => present.enter(event.model, event)),
    events.on('device-recovered', ({ model, device, from }) => {
      if (device !== from) present.enter(model, { device });
    }),
    events.on('model-swap', ({ to }) => families.swaps.bind(labelsOf(to)).inc()),
    events.on('model-swap-fail', ({ from }) => families.swapFailures.bind(labelsOf(from)).inc()),
    registry.onCollect(present.look),
  ];
  // A local runner warns of a fallback only while nobody listens for it, so one that can be asked is asked instead.
  if (runner.describe === undefined) {
    stops.push(events.on('device-fallback', ({ model, from, to }) => countFallback(families, model, { from, to })));
  }

  return closeable(() => {
    for (const stop of stops) stop();
    present.leave();
  });
}

function countFallback(
  families: RunnerFamilies,
  model: ModelInfo,
  { from, to }: Pick<DeviceFallback, 'from' | 'to'>,
): void {
  families.fallbacks.bind({ ...labelsOf(model), from, to }).inc();
}

/** Finds the handles of a model: at once for the one of the last event, which is nearly always the same. */
function createHandleCache(families: RunnerFamilies): (model: ModelInfo) => ModelHandles {
  let last: { readonly model: ModelInfo; readonly handles: ModelHandles } | undefined;
  return (model) => {
    if (last?.model !== model) last = { model, handles: bindHandles(families, model) };
    return last.handles;
  };
}

/** What is told about the model that takes new requests now. */
interface PresentModel {
  /** Tells about a model in place of the one before. */
  enter(model: ModelInfo, ready: { readonly device: string; readonly loadMs?: number } | undefined): void;
  /** Takes the queue's state over into the gauges. */
  look(): void;
  /** Stops telling. */
  leave(): void;
}

function createPresentModel(families: RunnerFamilies, runner: InstrumentableRunner): PresentModel {
  let leave = (): void => {};
  let look = (): void => {};

  return {
    enter(model, ready) {
      leave();
      const labels = labelsOf(model);
      const state = runner.describe?.();
      const fact = { ...labels, digest: model.digest, device: ready?.device ?? state?.device ?? '' };
      families.info.bind(fact);
      if (ready?.loadMs !== undefined) families.loadDuration.bind(labels).set(ready.loadMs / 1000);
      for (const fallback of state?.fallbacks ?? []) countFallback(families, model, fallback);

      const tallies = {
        requests: createTally(families.pendingRequests.bind(labels)),
        rows: createTally(families.pendingRows.bind(labels)),
        batches: createTally(families.batchesInFlight.bind(labels)),
        lanes: createLaneTallies(families, labels),
      };
      const tell = ({ batching, lanes }: RunnerState): void => {
        tallies.lanes(lanes);
        tallies.requests(batching?.queuedRequests ?? 0);
        tallies.rows(batching?.queuedRows ?? 0);
        tallies.batches(batching?.batchesInFlight ?? 0);
      };
      look = () => tell(runner.describe?.() ?? {});
      leave = () => {
        tell({});
        families.info.remove(fact);
      };
    },
    look: () => look(),
    leave: () => {
      leave();
      leave = () => {};
      look = () => {};
    },
  };
}
