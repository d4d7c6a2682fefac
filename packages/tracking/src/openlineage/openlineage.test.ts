import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { FairleadError, type Logger } from '@fairlead/core';
import { createVirtualClock } from '@fairlead/core/testing';
import { afterEach, expect, it, vi } from 'vitest';
import { openTracker, type Tracker } from '..';
import { temporaryFolder } from '../fixtures/temporary-folder';
import { emitOpenLineage, httpTransport, type OpenLineageOptions, type OpenLineageRunEvent } from '.';

const trackers: Tracker[] = [];

afterEach(async () => {
  for (const tracker of trackers.splice(0)) await tracker.close();
});

async function open(): Promise<Tracker> {
  const tracker = await openTracker({ dir: await temporaryFolder() });
  trackers.push(tracker);
  return tracker;
}

function quiet() {
  const tell = () => vi.fn<(details: object, message: string) => void>();
  return { debug: tell(), info: tell(), warn: tell(), error: tell() } satisfies Logger;
}

/** An emitter whose events are kept. */
function collect(tracker: Tracker, options: Partial<OpenLineageOptions> = {}) {
  const events: OpenLineageRunEvent[] = [];
  const emitter = emitOpenLineage(tracker, {
    namespace: 'research',
    transport: async (event) => void events.push(event),
    ...options,
  });
  return { events, emitter };
}

it('a run is told from its start to its end, with what it read and made', async () => {
  const tracker = await open();
  const { events, emitter } = collect(tracker, { dataNamespace: 'lake' });
  const id = await tracker.withRun({ experiment: 'digits', name: 'first', params: { rate: 0.1 } }, async (run) => {
    run.log({ loss: Number.NaN }, { step: 0 });
    run.log({ accuracy: 0.9 }, { step: 1 });
    await run.logDataset({
      name: 'mnist',
      digest: 'a'.repeat(64),
      context: 'training',
      source: 'data/mnist.csv',
      rows: 60_000,
      schema: [{ name: 'pixels', type: 'float32' }],
    });
    run.setTags({ 'git.commit': 'c0ffee', 'git.remote': 'https://example.com/models.git', runtime: 'node 20.19.0' });
    await tracker.registry.registerVersion('digits', { artifact: Uint8Array.of(1), run: run.id });
    return run.id;
  });
  await emitter.flush();
  expect(events.map(({ eventType }) => eventType)).toEqual(['START', 'COMPLETE']);
  const [start, end] = events as [OpenLineageRunEvent, OpenLineageRunEvent];
  expect(start.run.runId).toBe(end.run.runId);
  expect(start.run.runId).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  expect(start.run.runId.replaceAll('-', '')).toBe(id);
  expect(Date.parse(end.eventTime)).toBeGreaterThanOrEqual(Date.parse(start.eventTime));
  expect(end).toMatchObject({
    schemaURL: 'https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent',
    job: {
      namespace: 'research',
      name: 'digits',
      facets: {
        jobType: { processingType: 'BATCH', integration: 'FAIRLEAD', jobType: 'TRAINING' },
        sourceCodeLocation: { type: 'git', url: 'https://example.com/models.git', version: 'c0ffee' },
      },
    },
    run: {
      facets: {
        fairlead_run: { id, name: 'first', params: { rate: 0.1 }, metrics: { loss: 'NaN', accuracy: 0.9 } },
        processing_engine: { name: 'node', version: '20.19.0' },
      },
    },
    inputs: [
      {
        namespace: 'lake',
        name: 'mnist',
        facets: {
          version: { datasetVersion: 'a'.repeat(64) },
          schema: { fields: [{ name: 'pixels', type: 'float32' }] },
          dataSource: { name: 'data/mnist.csv', uri: 'file:data/mnist.csv' },
        },
        inputFacets: { dataQualityMetrics: { rowCount: 60_000 }, fairlead_context: { context: 'training' } },
      },
    ],
    outputs: [{ namespace: 'lake', name: 'models/digits', facets: { version: { datasetVersion: '1' } } }],
  });
  const facets = [end.run, end.job, ...end.inputs, ...end.outputs].flatMap(({ facets = {} }) => Object.values(facets));
  for (const { _producer, _schemaURL } of facets) {
    expect(() => [new URL(_producer), new URL(_schemaURL)]).not.toThrow();
  }
  expect(JSON.parse(JSON.stringify(end))).toEqual(end);
  expect(emitter.health()).toEqual({ sent: 2, failed: 0, dropped: 0, queued: 0, lastError: undefined });
  await emitter.close();
});

it('a run that fails, one that is interrupted and one that is part of another are told as such', async () => {
  const tracker = await open();
  const { events, emitter } = collect(tracker);
  const failing = tracker.withRun({}, async () => {
    throw new RangeError('The loss is too high.');
  });
  await expect(failing).rejects.toThrow(RangeError);
  const parent = await tracker.startRun();
  const child = await parent.startRun();
  await child.close();
  await parent.complete();
  await emitter.flush();
  expect(events.map(({ eventType }) => eventType)).toEqual(['START', 'FAIL', 'START', 'START', 'ABORT', 'COMPLETE']);
  expect(events[1]?.run.facets.errorMessage).toMatchObject({ message: 'RangeError: The loss is too high.' });
  expect(events[4]?.run.facets.parent).toMatchObject({ run: { runId: events[5]?.run.runId } });
  await emitter.close();
});

it('a version that is registered after the end of its run is told as well', async () => {
  const tracker = await open();
  const { events, emitter } = collect(tracker);
  const id = await tracker.withRun({}, (run) => run.id);
  await tracker.registry.registerVersion('digits', { artifact: Uint8Array.of(1), run: id });
  await emitter.flush();
  expect(events.map(({ eventType }) => eventType)).toEqual(['START', 'COMPLETE', 'OTHER']);
  expect(events[2]?.outputs).toMatchObject([{ name: 'models/digits' }]);
  await emitter.close();
  await tracker.withRun({}, () => undefined);
  expect(events).toHaveLength(3);
});

it('what fails is sent again, later each time, and then given up, said once', async () => {
  const tracker = await open();
  const clock = createVirtualClock();
  const logger = quiet();
  let tries = 0;
  const transport = async (): Promise<void> => {
    tries++;
    throw new Error('nobody is there');
  };
  const { emitter } = collect(tracker, { transport, clock, logger, attempts: 3, retryMs: 100 });
  const id = await tracker.withRun({}, (run) => run.id);
  for (let ms = 0; emitter.health().failed < 2; ms += 10) {
    expect(ms).toBeLessThan(10_000);
    await turn();
    await clock.advance(10);
  }
  expect(tries).toBe(6);
  expect(emitter.health()).toMatchObject({ sent: 0, failed: 2, lastError: { message: 'nobody is there' } });
  expect(logger.warn.mock.calls).toEqual([
    [{ id, error: expect.any(Error) }, expect.stringContaining('nobody is there')],
  ]);
  await emitter.close();
});

it('no more events wait than may', async () => {
  const tracker = await open();
  const logger = quiet();
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const { emitter } = collect(tracker, { transport: () => held, maxQueued: 2, logger });
  for (let i = 0; i < 3; i++) await tracker.withRun({}, () => undefined);
  expect(emitter.health()).toMatchObject({ queued: 2, dropped: 4 });
  expect(logger.warn).toHaveBeenCalledTimes(1);
  release();
  await emitter.close();
  expect(emitter.health()).toMatchObject({ sent: 2, queued: 0 });
});

it('events go to a server, and what it refuses once is not sent again', async () => {
  const seen: { readonly url: string | undefined; readonly key: string | undefined; readonly body: unknown }[] = [];
  let status = 201;
  const server = createServer(async (request, response) => {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const { url, headers } = request;
    seen.push({ url, key: headers.authorization, body: JSON.parse(Buffer.concat(pieces).toString()) });
    response.writeHead(status).end();
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const tracker = await open();
  const logger = quiet();
  const { emitter } = collect(tracker, { transport: httpTransport({ url, apiKey: 'k3y' }), logger });
  await tracker.withRun({}, () => undefined);
  await emitter.flush();
  expect(seen).toMatchObject([
    { url: '/api/v1/lineage', key: 'Bearer k3y', body: { eventType: 'START' } },
    { body: { eventType: 'COMPLETE' } },
  ]);
  status = 401;
  await tracker.withRun({}, () => undefined);
  await emitter.flush();
  expect(seen).toHaveLength(4);
  const { lastError } = emitter.health();
  expect(FairleadError.isInstance(lastError, 'REMOTE_FAILED')).toBe(true);
  expect((lastError as Error).message).toBe(`${url}/api/v1/lineage took no event: it answered 401. Check apiKey.`);
  expect(JSON.stringify(logger.warn.mock.calls)).not.toContain('k3y');
  await emitter.close();
  await new Promise((resolve) => server.close(resolve));
});

it.each([
  [{ namespace: '' }, 'namespace'],
  [{ transport: 'http://example.com' }, 'transport'],
  [{ maxQueued: 0 }, 'maxQueued'],
  [{ attempts: 1.5 }, 'attempts'],
  [{ url: 'x' }, 'url'],
])('options such as %j are refused', async (given, field) => {
  const tracker = await open();
  const options = { namespace: 'a', transport: async () => {}, ...given } as never;
  expect(() => emitOpenLineage(tracker, options)).toThrow(
    expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining(field) }),
  );
});

it.each(['ftp://example.com', 'example.com', ''])('no events go to %j', (url) => {
  expect(() => httpTransport({ url })).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
});
