import { type Context, type Span, SpanKind, type Tracer } from '@opentelemetry/api';
import type { Clock } from '../clock';
import type { ModelInfo, RunTiming } from '../runner/runner';
import { own } from './attributes';
import { linkToBatch } from './batch-spans';

/** A request whose phases become spans below its own. */
export interface PhasedRequest {
  readonly tracer: Tracer;
  readonly clock: Clock;
  readonly span: Span;
  /** The context in which its span is the active one. */
  readonly context: Context;
}

/** Makes a span of a phase that is over. */
export function addPhase({ tracer, context }: PhasedRequest, name: string, startTime: number, endTime: number): Span {
  const span = tracer.startSpan(name, { kind: SpanKind.INTERNAL, startTime }, context);
  span.end(endTime);
  return span;
}

/** What a runner answered, and when it was asked. */
export interface RunPhases {
  readonly model: ModelInfo;
  readonly timing: RunTiming;
  readonly batchSize: number;
  /** When the runner was asked, in milliseconds since 1970-01-01 UTC. */
  readonly askedAtEpochMs: number;
}

/** Adds the phases `queue` and `compute`, tells on the request's span which model and batch it was, and links the batch. */
export function addRunPhases(request: PhasedRequest, { model, timing, batchSize, askedAtEpochMs }: RunPhases): void {
  const { tracer, clock, span, context } = request;
  const { queueMs, computeMs, batches = [] } = timing;
  const computedFrom = askedAtEpochMs + queueMs;
  const links = [];
  for (const batch of batches) {
    const startedAtEpochMs = batches.length === 1 ? computedFrom : computedFrom + batch.startedAt - earliest(batches);
    const found = linkToBatch(tracer, clock, { batch, model, startedAtEpochMs }, span.spanContext());
    if (found !== undefined) links.push({ context: found });
  }
  const [first] = batches;
  const attributes = {
    [own.modelName]: model.name,
    [own.modelVersion]: model.version,
    [own.batchRows]: batchSize,
    ...(first !== undefined && { [own.lane]: first.lane, [own.batchReason]: first.reason }),
  };
  span.setAttributes({ ...attributes, [own.modelDigest]: model.digest });
  addPhase(request, 'queue', askedAtEpochMs, computedFrom);
  const options = { kind: SpanKind.INTERNAL, startTime: computedFrom, attributes, links };
  tracer.startSpan('compute', options, context).end(computedFrom + computeMs);
}

function earliest(batches: readonly { readonly startedAt: number }[]): number {
  return Math.min(...batches.map(({ startedAt }) => startedAt));
}
