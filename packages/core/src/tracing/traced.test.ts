import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { AlwaysOffSampler } from '@opentelemetry/sdk-trace-base';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createRunner } from '../runner/create-runner';
import { createMockBackend } from '../testing/mock-backend';
import { inputOf, rejection } from '../testing/test-kit.fixture';
import { createVirtualClock, type VirtualClock } from '../testing/virtual-clock';
import { traced } from './traced';
import { openTelemetry, type Telemetry, timesOf } from './tracing.fixture';

let clock: VirtualClock;
let telemetry: Telemetry;
beforeEach(() => {
  clock = createVirtualClock();
  telemetry = openTelemetry();
});
afterEach(() => telemetry.close());

/** A runner that takes 10 ms for a batch, with spans. */
async function openTraced(options: { readonly maxBatchRows?: number; readonly lanes?: number } = {}) {
  const { maxBatchRows = 64, lanes = 1 } = options;
  const backend = createMockBackend({ clock, latencyMs: () => 10, workers: true });
  const runner = await createRunner({ model: '1', backend, warmUp: false, lanes, clock, batching: { maxBatchRows } });
  return traced(runner, { tracer: telemetry.tracer, clock });
}

describe('a traced runner', () => {
  test('makes a span of a request below the active one, with its phases', async () => {
    const runner = await openTraced();
    const first = runner.run(inputOf(1));
    await clock.advance(4);
    await telemetry.tracer.startActiveSpan('caller', async (caller) => {
      const answer = runner.run(inputOf(2));
      await clock.advance(30);
      await answer;
      caller.end();
    });
    await first;
    const span = telemetry.below(telemetry.one('caller'), 'run mock');
    expect(span.kind).toBe(SpanKind.INTERNAL);
    expect(span.status).toEqual({ code: SpanStatusCode.UNSET });
    expect(span.attributes).toEqual({
      'fairlead.model.name': 'mock',
      'fairlead.model.version': '1',
      'fairlead.model.digest': runner.model.digest,
      'fairlead.batch.rows': 1,
      'fairlead.batch.reason': 'free',
      'fairlead.lane': 'worker-1',
    });
    const { start } = timesOf(span);
    expect(start).toBe(clock.epochMs() - 30);
    // It came 4 ms into the batch of the one before.
    expect(timesOf(telemetry.below(span, 'queue'))).toEqual({ start, ms: 6 });
    expect(timesOf(telemetry.below(span, 'compute'))).toEqual({ start: start + 6, ms: 10 });
    expect(timesOf(span)).toEqual({ start, ms: 16 });
    await runner.close();
  });

  test('links a batch with the requests that it held, and they it, whatever traces they are of', async () => {
    const runner = await openTraced();
    const asked = [1, 2, 3].map((value) => runner.run(inputOf(value)));
    await clock.advance(30);
    await Promise.all(asked);
    await clock.advance(1);
    const requests = telemetry.named('run mock');
    expect(new Set(requests.map((span) => span.spanContext().traceId)).size).toBe(3);

    const batch = telemetry.one('batch mock');
    expect(batch.parentSpanContext).toBeUndefined();
    expect(requests.map((span) => span.spanContext().traceId)).not.toContain(batch.spanContext().traceId);
    expect(batch.links.map(({ context }) => context.spanId).sort()).toEqual(
      requests.map((span) => span.spanContext().spanId).sort(),
    );
    expect(batch.attributes).toEqual({
      'fairlead.model.name': 'mock',
      'fairlead.model.version': '1',
      'fairlead.batch.rows': 3,
      'fairlead.batch.reason': 'idle',
      'fairlead.lane': 'worker-1',
    });
    for (const request of requests) {
      const compute = telemetry.below(request, 'compute');
      expect(compute.links.map(({ context }) => context)).toEqual([batch.spanContext()]);
      expect(timesOf(compute)).toEqual(timesOf(batch));
    }
    await runner.close();
  });

  test('links a request that was split with each of its batches', async () => {
    const runner = await openTraced({ maxBatchRows: 4 });
    const asked = runner.run(inputOf(1, 2, 3, 4, 5, 6));
    await clock.advance(50);
    await asked;
    await clock.advance(1);
    const batches = telemetry.named('batch mock');
    expect(batches.map(({ attributes }) => attributes['fairlead.batch.rows']).sort()).toEqual([2, 4]);
    const compute = telemetry.one('compute');
    expect(compute.links.map(({ context }) => context.spanId).sort()).toEqual(
      batches.map((span) => span.spanContext().spanId).sort(),
    );
    const starts = batches.map((span) => timesOf(span).start).sort();
    expect((starts[1] as number) - (starts[0] as number)).toBeGreaterThanOrEqual(0);
    expect(starts[0]).toBe(timesOf(compute).start);
    await runner.close();
  });

  test('is active while the runner inside is asked', async () => {
    const runner = await openTraced();
    const seen: (string | undefined)[] = [];
    const spying = {
      ...runner,
      run: (...given: Parameters<typeof runner.run>) => {
        seen.push(trace.getActiveSpan()?.spanContext().spanId);
        return runner.run(...given);
      },
    };
    const outer = traced(spying, { clock });
    const asked = outer.run(inputOf(1));
    await clock.advance(30);
    await asked;
    // Without a tracer of its own, the one outside takes the global provider's; both are below each other.
    const [outside] = telemetry.named('run mock').filter((span) => span.parentSpanContext === undefined);
    expect(seen).toEqual([outside?.spanContext().spanId]);
    expect(outside?.instrumentationScope.name).toBe('@fairlead/core');
    await runner.close();
  });

  test('tells why a request failed', async () => {
    const runner = await openTraced();
    await rejection(runner.run({}), 'INVALID_INPUT');
    const refused = telemetry.one('run mock');
    expect(refused.attributes['error.type']).toBe('INVALID_INPUT');
    expect(refused.status.code).toBe(SpanStatusCode.ERROR);
    expect(refused.status.message).toContain('Input x');
    await runner.close();
    await rejection(runner.run(inputOf(1)), 'CLOSED');
  });

  test('makes no span that nobody wants, and answers all the same', async () => {
    await telemetry.close();
    telemetry = openTelemetry(new AlwaysOffSampler());
    const runner = await openTraced();
    const asked = runner.run(inputOf(1));
    await clock.advance(30);
    expect((await asked).batchSize).toBe(1);
    expect(telemetry.spans()).toEqual([]);
    await runner.close();
  });

  test('refuses what is no tracer', async () => {
    const runner = await openTraced();
    const given = { tracer: {} } as unknown as Parameters<typeof traced>[1];
    expect(() => traced(runner, given)).toThrow(/traced: option "tracer" is wrong/);
    await runner.close();
  });
});
