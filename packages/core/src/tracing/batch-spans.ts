import { ROOT_CONTEXT, type SpanContext, TraceFlags, type Tracer } from '@opentelemetry/api';
import type { Clock } from '../clock';
import type { ComputedBatch, ModelInfo } from '../runner/runner';
import { own } from './attributes';

/*
 * A batch belongs to all the requests that it held and to none of them more than to another, so its span has no parent: it is the
 * root of a trace of its own, and links lead from it to the requests and back.
 */

interface BatchSpan {
  readonly context: SpanContext;
  /** Links a request, as long as the span is open. */
  link(request: SpanContext): void;
}

/** By the object that all requests of a batch have in common. It is forgotten with the last of their answers. */
const spans = new WeakMap<ComputedBatch, BatchSpan>();

/** A batch as one of its requests knows it. */
export interface BatchPart {
  readonly batch: ComputedBatch;
  readonly model: ModelInfo;
  /** When the batch began, in milliseconds since 1970-01-01 UTC. */
  readonly startedAtEpochMs: number;
}

/**
 * Links a request to the span of its batch, which the first of its requests begins.
 * @returns the span's context; undefined when it is not recorded, since links to nothing help nobody
 */
export function linkToBatch(
  tracer: Tracer,
  clock: Clock,
  part: BatchPart,
  request: SpanContext,
): SpanContext | undefined {
  const { batch } = part;
  let span = spans.get(batch);
  if (span === undefined) {
    span = beginBatch(tracer, clock, part, request);
    spans.set(batch, span);
  } else span.link(request);
  return (span.context.traceFlags & TraceFlags.SAMPLED) === 0 ? undefined : span.context;
}

function beginBatch(
  tracer: Tracer,
  clock: Clock,
  { batch, model, startedAtEpochMs }: BatchPart,
  request: SpanContext,
): BatchSpan {
  const options = {
    startTime: startedAtEpochMs,
    root: true,
    links: [{ context: request }],
    attributes: {
      [own.modelName]: model.name,
      [own.modelVersion]: model.version,
      [own.batchRows]: batch.rows,
      [own.batchReason]: batch.reason,
      [own.lane]: batch.lane,
    },
  };
  const span = tracer.startSpan(`batch ${model.name}`, options, ROOT_CONTEXT);
  let isOpen = span.isRecording();
  if (isOpen) {
    // Requests of a batch get their answers in one turn of the event loop. Two more let those through whose answers are written
    // asynchronously; one that takes even longer still leads to the batch by its own link.
    clock.defer(() =>
      clock.defer(() => {
        isOpen = false;
        span.end(startedAtEpochMs + batch.computeMs);
      }),
    );
  }
  return {
    context: span.spanContext(),
    link(context) {
      if (isOpen) span.addLink({ context });
    },
  };
}
