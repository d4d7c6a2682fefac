import { createRunner, type LocalRunner } from '@fairlead/core';
import { remote } from '@fairlead/core/remote';
import { createMockBackend } from '@fairlead/core/testing';
import { traceCalls, traced, traceHeaders } from '@fairlead/core/tracing';
import { type Server, serve } from '@fairlead/node/server';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openTelemetry, type Telemetry } from '../packages/core/src/tracing/tracing.fixture';

/* From the span of a client over HTTP to the batch, with OpenTelemetry's own SDK. */

let telemetry: Telemetry;
const open: { close(): Promise<void> }[] = [];
beforeEach(() => {
  telemetry = openTelemetry();
});
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
  await telemetry.close();
});

function keep<T extends { close(): Promise<void> }>(opened: T): T {
  open.push(opened);
  return opened;
}

const row = (value: number) => ({ x: Float32Array.of(value, value) });

/** A model that computes nothing until it is let. */
async function openModel(): Promise<{ readonly runner: LocalRunner; letCompute(): void }> {
  let letCompute = (): void => {};
  const allowed = new Promise<void>((resolve) => {
    letCompute = resolve;
  });
  const backend = createMockBackend({
    async compute({ x }) {
      await allowed;
      if (x === undefined) throw new Error('no x');
      return { y: x };
    },
  });
  const runner = keep(await createRunner({ model: '1', backend, warmUp: false, lanes: 'inline' }));
  return { runner, letCompute };
}

async function openServer(runner: Parameters<typeof serve>[0]): Promise<Server> {
  return keep(await serve(runner, { port: 0, drainDelayMs: 0, observers: [traceCalls()] }));
}

test("a client's span goes on at the server, whose requests share a batch that is linked with all of them", async () => {
  const { runner, letCompute } = await openModel();
  const server = await openServer({ numbers: runner });
  const far = keep(await remote({ url: server.url, model: 'numbers', headers: traceHeaders }));
  const asClient = (value: number) =>
    telemetry.tracer.startActiveSpan(`client ${value}`, async (span) => {
      await far.run(row(value));
      span.end();
    });

  // The first is computed while the others come, so these wait together.
  const asked = [asClient(0)];
  await vi.waitFor(() => expect(runner.health().queue.batchesInFlight).toBe(1));
  asked.push(...[1, 2, 3].map(asClient));
  await vi.waitFor(() => expect(runner.health().queue.requests).toBe(3));
  letCompute();
  await Promise.all(asked);
  await vi.waitFor(() => expect(telemetry.named('batch mock')).toHaveLength(2));

  const clients = [0, 1, 2, 3].map((value) => telemetry.one(`client ${value}`));
  const requests = clients.map((client) => telemetry.below(client, 'infer numbers'));
  for (const [index, request] of requests.entries()) {
    expect(request.spanContext().traceId).toBe(clients[index]?.spanContext().traceId);
    expect(request.parentSpanContext?.isRemote).toBe(true);
    for (const phase of ['receive', 'decode', 'queue', 'encode']) telemetry.below(request, phase);
  }
  const [first, ...others] = requests.map((request) => request.spanContext().spanId);
  const batches = telemetry.named('batch mock');
  expect(batches.map(({ links }) => links.map(({ context }) => context.spanId).sort())).toEqual([
    [first],
    [...others].sort(),
  ]);
  const [alone, shared] = batches.map((batch) => batch.spanContext());
  expect(requests.map((request) => telemetry.below(request, 'compute').links.map(({ context }) => context))).toEqual([
    [alone],
    [shared],
    [shared],
    [shared],
  ]);
  expect(batches[1]?.attributes['fairlead.batch.rows']).toBe(3);
});

test('a server that asks another one takes the trace along', async () => {
  const { runner, letCompute } = await openModel();
  letCompute();
  const inner = await openServer({ numbers: runner });
  const behind = keep(await remote({ url: inner.url, model: 'numbers', headers: traceHeaders }));
  const outer = await openServer({ gateway: traced(behind) });
  const far = keep(await remote({ url: outer.url, model: 'gateway', headers: traceHeaders }));
  await telemetry.tracer.startActiveSpan('client', async (span) => {
    await far.run(row(1));
    span.end();
  });
  await vi.waitFor(() => expect(telemetry.named('batch mock')).toHaveLength(1));
  const atGateway = telemetry.below(telemetry.one('client'), 'infer gateway');
  const asked = telemetry.below(atGateway, 'run numbers');
  const atModel = telemetry.below(asked, 'infer numbers');
  expect(telemetry.one('batch mock').links.map(({ context }) => context.spanId)).toEqual([
    atModel.spanContext().spanId,
  ]);
  expect(new Set([atGateway, asked, atModel].map((span) => span.spanContext().traceId)).size).toBe(1);
});
