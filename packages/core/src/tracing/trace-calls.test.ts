import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { AlwaysOffSampler, ParentBasedSampler } from '@opentelemetry/sdk-trace-base';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FairleadError } from '../errors';
import { createHandler } from '../serving/handler';
import type { Guard } from '../serving/host/call';
import { handlerOf, infer } from '../serving/observers/observers.fixture';
import type { MockBackendOptions } from '../testing/mock-backend';
import { createVirtualClock, type VirtualClock } from '../testing/virtual-clock';
import { traceCalls } from './trace-calls';
import { openTelemetry, type Telemetry, timesOf } from './tracing.fixture';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const spanId = 'b7ad6b7169203331';

let clock: VirtualClock;
let telemetry: Telemetry;
beforeEach(() => {
  clock = createVirtualClock();
  telemetry = openTelemetry();
});
afterEach(() => telemetry.close());

async function open(options: { readonly guard?: Guard; readonly mock?: MockBackendOptions } = {}) {
  const { guard, mock } = options;
  const served = await handlerOf(
    { observers: [traceCalls({ clock })], clock, ...(guard && { guard }) },
    { clock, latencyMs: () => 10, ...mock },
  );
  /** Sends requests and lets the clock run until they are answered. */
  const send = async (...requests: Request[]): Promise<readonly Response[]> => {
    const answers = Promise.all(requests.map(served.handle));
    let isDone = false;
    void answers.then(() => {
      isDone = true;
    });
    while (!isDone) await clock.advance(1);
    await clock.advance(1);
    return answers;
  };
  return { ...served, send };
}

describe('traceCalls', () => {
  test("continues the client's trace in a server's span with its phases", async () => {
    const guard: Guard = { admit: () => ({ id: 'shop', scheme: 'api-key' }) };
    const { runner, send } = await open({ guard });
    const headers = { traceparent: `00-${traceId}-${spanId}-01`, tracestate: 'vendor=1', 'user-agent': 'shop/1.0' };
    await send(infer(headers, [1, 2, 3, 4]));
    const span = telemetry.one('infer numbers');
    expect(span.kind).toBe(SpanKind.SERVER);
    expect(span.spanContext().traceId).toBe(traceId);
    expect(span.spanContext().traceState?.serialize()).toBe('vendor=1');
    expect(span.parentSpanContext).toMatchObject({ spanId, isRemote: true });
    expect(span.status.code).toBe(SpanStatusCode.UNSET);
    expect(span.attributes).toEqual({
      'user_agent.original': 'shop/1.0',
      'enduser.id': 'shop',
      'fairlead.protocol': 'open-inference',
      'fairlead.operation': 'infer',
      'fairlead.model.name': 'mock',
      'fairlead.model.version': '1',
      'fairlead.model.digest': runner.model.digest,
      'fairlead.rows': 2,
      'fairlead.batch.rows': 2,
      'fairlead.batch.reason': 'idle',
      'fairlead.lane': 'inline',
    });
    const { start, ms } = timesOf(span);
    expect(ms).toBe(10);
    expect(timesOf(telemetry.below(span, 'receive'))).toEqual({ start, ms: 0 });
    expect(timesOf(telemetry.below(span, 'decode'))).toEqual({ start, ms: 0 });
    expect(timesOf(telemetry.below(span, 'queue'))).toEqual({ start, ms: 0 });
    expect(timesOf(telemetry.below(span, 'compute'))).toEqual({ start, ms: 10 });
    expect(timesOf(telemetry.below(span, 'encode'))).toEqual({ start: start + 10, ms: 0 });
    await runner.close();
  });

  test('links a batch with the requests of several clients', async () => {
    const { runner, send } = await open();
    const clients = ['1', '2', '3'].map((digit) => digit.repeat(32));
    await send(...clients.map((client) => infer({ traceparent: `00-${client}-${spanId}-01` })));
    const batch = telemetry.one('batch mock');
    expect(batch.parentSpanContext).toBeUndefined();
    expect(clients).not.toContain(batch.spanContext().traceId);
    expect(batch.links.map(({ context }) => context.traceId).sort()).toEqual(clients);
    for (const request of telemetry.named('infer numbers')) {
      expect(batch.links.map(({ context }) => context.spanId)).toContain(request.spanContext().spanId);
      expect(telemetry.below(request, 'compute').links.map(({ context }) => context)).toEqual([batch.spanContext()]);
    }
    await runner.close();
  });

  test("tells a caller's own error by its code, and the server's as a failure", async () => {
    const { runner, send } = await open({
      mock: {
        compute() {
          throw new Error('no such kernel');
        },
      },
    });
    await send(infer({}, ['x', 2]), infer());
    const [own, server] = telemetry.named('infer numbers');
    expect(own?.attributes['error.type']).toBe('INVALID_INPUT');
    expect(own?.status.code).toBe(SpanStatusCode.UNSET);
    expect(server?.attributes['error.type']).toBe('RUN_FAILED');
    expect(server?.status.code).toBe(SpanStatusCode.ERROR);
    await runner.close();
  });

  test('has no name in its spans that a client made up, and none of a refused caller', async () => {
    const guard: Guard = {
      admit({ header }) {
        if (header('authorization') === 'none') throw new FairleadError('UNAUTHENTICATED', 'Send a key.');
        return undefined;
      },
    };
    const { runner, send } = await open({ guard });
    await send(infer({}, [1, 2], 'made-up'), infer({ authorization: 'none' }));
    expect(telemetry.spans().map(({ name, attributes }) => [name, attributes['error.type']])).toEqual([
      ['infer', 'UNAUTHENTICATED'],
      ['infer', 'NOT_FOUND'],
    ]);
    await runner.close();
  });

  test('looks at no probe and no scrape, unless it is told to', async () => {
    const { handle, runner } = await open();
    await handle(new Request('http://test/v2/health/ready'));
    expect(telemetry.spans()).toEqual([]);
    const all = await handlerOf({ observers: [traceCalls({ operations: ['health'] })] });
    await all.handle(new Request('http://test/v2/health/ready'));
    expect(telemetry.one('health').attributes['fairlead.operation']).toBe('health');
    await runner.close();
    await all.runner.close();
  });

  test('has its span active while the runner is asked', async () => {
    const seen: (string | undefined)[] = [];
    const { runner } = await open();
    const spying = {
      ...runner,
      run(...given: Parameters<typeof runner.run>) {
        seen.push(trace.getActiveSpan()?.spanContext().traceId);
        return runner.run(...given);
      },
    };
    const handle = createHandler({ numbers: spying }, { observers: [traceCalls({ clock })], clock });
    const answer = handle(infer({ traceparent: `00-${traceId}-${spanId}-01` }));
    await clock.advance(30);
    expect((await answer).status).toBe(200);
    expect(seen).toEqual([traceId]);
    expect(trace.getActiveSpan()).toBeUndefined();
    await runner.close();
  });

  test('records nothing of a trace that its client does not record', async () => {
    await telemetry.close();
    telemetry = openTelemetry(new ParentBasedSampler({ root: new AlwaysOffSampler() }));
    const { runner, send } = await open();
    await send(infer({ traceparent: `00-${traceId}-${spanId}-00` }), infer());
    expect(telemetry.spans()).toEqual([]);
    // One that is recorded has no link to the span of its batch, which the sampler did not want.
    await send(infer({ traceparent: `00-${traceId}-${spanId}-01` }));
    expect(telemetry.one('compute').links).toEqual([]);
    expect(telemetry.named('batch mock')).toEqual([]);
    await runner.close();
  });

  test.each(['garbage', `00-${'0'.repeat(32)}-${spanId}-01`, `ff-${traceId}-${spanId}-01`, ''])(
    'begins a trace of its own where the header is no traceparent: %j',
    async (traceparent) => {
      const { runner, send } = await open();
      const [answer] = await send(infer({ traceparent }));
      expect(answer?.status).toBe(200);
      expect(telemetry.one('infer numbers').parentSpanContext).toBeUndefined();
      await runner.close();
    },
  );

  test('does nothing where no SDK was set up', async () => {
    await telemetry.close();
    const { handle, runner } = await handlerOf({ observers: [traceCalls()] });
    expect((await handle(infer({ traceparent: `00-${traceId}-${spanId}-01` }))).status).toBe(200);
    await runner.close();
    telemetry = openTelemetry();
  });

  test.each([
    [{ operations: ['guess'] }, 'operations.0'],
    [{ tracer: 7 }, 'tracer'],
    [{ trace: true }, 'trace'],
  ])('refuses %j', (given, field) => {
    const making = (): unknown => traceCalls(given as unknown as Parameters<typeof traceCalls>[0]);
    expect(making).toThrowError(
      expect.objectContaining({ code: 'INVALID_OPTION', details: expect.objectContaining({ field }) }),
    );
  });
});
