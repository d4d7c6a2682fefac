import { context, propagation, type Tracer, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from '@opentelemetry/core';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  type Sampler,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';

/** OpenTelemetry's own SDK, set up as a service does, with its spans kept in memory. */
export interface Telemetry {
  readonly tracer: Tracer;
  /** All spans that have ended, in the order in which they began. */
  spans(): readonly ReadableSpan[];
  /** The spans of a name. */
  named(name: string): readonly ReadableSpan[];
  /** The one span of a name. */
  one(name: string): ReadableSpan;
  /** The one span of a name below another. */
  below(parent: ReadableSpan, name: string): ReadableSpan;
  close(): Promise<void>;
}

/** Sets up the SDK as the global one. */
export function openTelemetry(sampler?: Sampler): Telemetry {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({
    spanProcessors: [new SimpleSpanProcessor(exporter)],
    ...(sampler && { sampler }),
  });
  trace.setGlobalTracerProvider(provider);
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(
    new CompositePropagator({ propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()] }),
  );
  const spans = (): readonly ReadableSpan[] => exporter.getFinishedSpans();
  const only = (found: readonly ReadableSpan[], what: string): ReadableSpan => {
    const [first] = found;
    if (first === undefined || found.length > 1) throw new Error(`${found.length} spans ${what}, not one`);
    return first;
  };
  return {
    tracer: provider.getTracer('test'),
    spans,
    named: (name) => spans().filter((span) => span.name === name),
    one: (name) =>
      only(
        spans().filter((span) => span.name === name),
        name,
      ),
    below: (parent, name) =>
      only(
        spans().filter((span) => span.name === name && span.parentSpanContext?.spanId === parent.spanContext().spanId),
        `${name} below ${parent.name}`,
      ),
    async close() {
      await provider.shutdown();
      trace.disable();
      context.disable();
      propagation.disable();
    },
  };
}

/** When a span began and how long it took, in milliseconds. */
export function timesOf({ startTime, endTime }: ReadableSpan): { readonly start: number; readonly ms: number } {
  const [start, end] = [startTime, endTime].map(([seconds, nanos]) => seconds * 1000 + nanos / 1e6);
  return { start: start as number, ms: Math.round(((end as number) - (start as number)) * 1000) / 1000 };
}
