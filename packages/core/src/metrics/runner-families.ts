import { exponentialBuckets } from './buckets';
import type { Counter } from './counter';
import type { Gauge } from './gauge';
import type { Histogram } from './histogram';
import type { Info } from './info';
import { type ModelLabels, modelLabelNames } from './model-labels';
import type { Registry } from './registry';

const model = modelLabelNames;
type Model = keyof ModelLabels;

/** The families that describe runners, by what they tell. */
export interface RunnerFamilies {
  readonly succeeded: Counter<Model>;
  readonly failed: Counter<Model | 'code'>;
  readonly rows: Counter<Model>;
  readonly batches: Counter<Model | 'reason'>;
  readonly batchFailures: Counter<Model>;
  readonly duration: Histogram<Model>;
  readonly queueDuration: Histogram<Model>;
  readonly computeDuration: Histogram<Model>;
  readonly batchRows: Histogram<Model>;
  readonly pendingRequests: Gauge<Model>;
  readonly pendingRows: Gauge<Model>;
  readonly batchesInFlight: Gauge<Model>;
  readonly info: Info<Model | 'digest' | 'device'>;
  readonly loadDuration: Gauge<Model>;
  readonly swaps: Counter<Model>;
  readonly swapFailures: Counter<Model>;
  readonly fallbacks: Counter<Model | 'from' | 'to'>;
  readonly laneLosses: Counter<Model>;
  readonly laneRestarts: Counter<Model>;
  readonly laneBusy: Counter<Model | 'lane'>;
  readonly laneMemory: Gauge<Model | 'lane'>;
}

/** Registers the families that describe runners, or finds them where another runner already did. */
export function registerRunnerFamilies(registry: Registry): RunnerFamilies {
  return {
    succeeded: registry.counter({
      name: 'ml_prediction_request_success',
      help: 'Requests that were answered.',
      labels: model,
    }),
    failed: registry.counter({
      name: 'ml_prediction_request_failure',
      help: 'Requests that ended with an error, by its code.',
      labels: [...model, 'code'],
    }),
    rows: registry.counter({ name: 'ml_prediction_rows', help: 'Rows that were computed.', labels: model }),
    batches: registry.counter({
      name: 'ml_prediction_batches',
      help: 'Batches that were computed, by why each left the queue.',
      labels: [...model, 'reason'],
    }),
    batchFailures: registry.counter({
      name: 'ml_prediction_batch_failures',
      help: 'Batches on which the runtime failed.',
      labels: model,
    }),
    duration: registry.histogram({
      name: 'ml_prediction_duration_seconds',
      unit: 'seconds',
      help: 'Time from a request to its answer: in the queue and computing.',
      labels: model,
    }),
    queueDuration: registry.histogram({
      name: 'ml_prediction_queue_duration_seconds',
      unit: 'seconds',
      help: 'Time that a request waited for its batch to start.',
      labels: model,
    }),
    computeDuration: registry.histogram({
      name: 'ml_prediction_compute_duration_seconds',
      unit: 'seconds',
      help: 'Time that a batch took to compute; one observation a batch.',
      labels: model,
    }),
    batchRows: registry.histogram({
      name: 'ml_prediction_batch_rows',
      help: 'Rows of a batch.',
      labels: model,
      buckets: exponentialBuckets(1, 2, 11),
    }),
    pendingRequests: registry.gauge({
      name: 'ml_prediction_pending_requests',
      help: 'Requests that wait for a batch.',
      labels: model,
    }),
    pendingRows: registry.gauge({
      name: 'ml_prediction_pending_rows',
      help: 'Rows that wait for a batch.',
      labels: model,
    }),
    batchesInFlight: registry.gauge({
      name: 'ml_prediction_batches_in_flight',
      help: 'Batches that are being computed.',
      labels: model,
    }),
    info: registry.info({
      name: 'ml_model',
      help: 'The model that takes new requests, the SHA-256 of its bytes and the device that computes it.',
      labels: [...model, 'digest', 'device'],
    }),
    loadDuration: registry.gauge({
      name: 'ml_model_load_duration_seconds',
      unit: 'seconds',
      help: 'Time that loading and warming up the model took.',
      labels: model,
      aggregation: 'max',
    }),
    swaps: registry.counter({ name: 'ml_model_swaps', help: 'Swaps to this version of the model.', labels: model }),
    swapFailures: registry.counter({
      name: 'ml_model_swap_failures',
      help: 'Swaps that failed, by the version that the runner stayed with.',
      labels: model,
    }),
    fallbacks: registry.counter({
      name: 'ml_model_device_fallbacks',
      help: 'Devices that were asked for and could not be had when the model was loaded.',
      labels: [...model, 'from', 'to'],
    }),
    laneLosses: registry.counter({ name: 'ml_lane_losses', help: 'Workers that died.', labels: model }),
    laneRestarts: registry.counter({
      name: 'ml_lane_restarts',
      help: 'Workers that were started again.',
      labels: model,
    }),
    laneBusy: registry.counter({
      name: 'ml_lane_busy_seconds',
      unit: 'seconds',
      help: 'Time in which a lane had a batch to compute; its rate is the busy share of the lane.',
      labels: [...model, 'lane'],
    }),
    laneMemory: registry.gauge({
      name: 'ml_lane_memory_bytes',
      unit: 'bytes',
      help: 'Heap and buffers of the worker of a lane, and the bytes of its model.',
      labels: [...model, 'lane'],
    }),
  };
}
