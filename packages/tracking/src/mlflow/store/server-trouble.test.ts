import { describe, expect, it } from 'vitest';
import { startFakeMlflow, type Trouble } from '../fake-mlflow.fixture';
import { createFakeServer, type FakeAnswer, type SeenRequest } from '../fake-server.fixture';
import { callOf, trackerOn } from './mlflow-store.fixture';

/** Trouble for the first requests of a call. */
function first(call: string, ...troubles: Trouble[]): (request: SeenRequest) => Trouble {
  return (request) => (callOf(request) === call ? troubles.shift() : undefined);
}

const down: FakeAnswer = { status: 500, body: 'out of order' };

describe('a server in trouble', () => {
  it('that is down refuses the start of a run', async () => {
    const { url } = await createFakeServer(() => ({})).then(async (server) => {
      await server[Symbol.asyncDispose]();
      return server;
    });
    const tracker = await trackerOn(url);
    await expect(tracker.startRun()).rejects.toMatchObject({ code: 'REMOTE_FAILED' });
    await tracker.close();
  });

  it('whose answer to the making of a run is lost has made one run', async () => {
    await using server = await startFakeMlflow(first('runs/create', 'lost'));
    const tracker = await trackerOn(server.url);
    const run = await tracker.startRun({ experiment: 'digits' });
    await run.complete();
    expect(server.runs.size).toBe(1);
    expect(await tracker.runs()).toMatchObject([{ id: run.id, status: 'FINISHED' }]);
    await tracker.close();
  });

  it('that did not make the run is asked once more', async () => {
    await using server = await startFakeMlflow(first('runs/create', down));
    const tracker = await trackerOn(server.url);
    await (await tracker.startRun()).complete();
    expect(server.runs.size).toBe(1);
    await tracker.close();
  });

  it('that made the experiment without saying so has one of it', async () => {
    await using server = await startFakeMlflow(first('experiments/create', 'lost'));
    const tracker = await trackerOn(server.url);
    await (await tracker.startRun({ experiment: 'digits' })).complete();
    expect([...server.experiments.values()]).toEqual([{ name: 'digits', stage: 'active' }]);
    await tracker.close();
  });

  it('keeps no new run in an experiment that was deleted', async () => {
    await using server = await startFakeMlflow();
    server.experiments.set('1', { name: 'digits', stage: 'deleted' });
    const tracker = await trackerOn(server.url);
    await expect(tracker.startRun({ experiment: 'digits' })).rejects.toMatchObject({
      code: 'CONFLICT',
      message: expect.stringContaining('Restore it'),
    });
    await tracker.close();
  });

  it('gets every point once, whatever it loses and refuses on the way', async () => {
    const busy: FakeAnswer = { status: 503, headers: { 'retry-after': '0' }, body: 'busy' };
    await using server = await startFakeMlflow(first('runs/log-batch', busy, undefined, 'lost', down, busy));
    const tracker = await trackerOn(server.url, { retries: 3 });
    const run = await tracker.startRun({ params: { lr: 1 } });
    for (let step = 0; step < 3500; step++) run.log({ loss: step }, { step });
    await run.complete();
    const { metrics, history } = await tracker.getRun(run.id);
    expect(metrics.loss).toMatchObject({ count: 3500, min: 0, max: 3499 });
    expect(Array.from((await history('loss')).values)).toEqual(Array.from({ length: 3500 }, (_, step) => step));
    await tracker.close();
  });

  it('that fails for longer than we try again gets what waits with the next flush', async () => {
    await using server = await startFakeMlflow(first('runs/log-batch', down, down));
    const tracker = await trackerOn(server.url);
    const run = await tracker.startRun();
    run.log({ loss: 1 });
    await expect(run.flush()).rejects.toMatchObject({ code: 'REMOTE_FAILED' });
    expect(run.health()).toMatchObject({ bufferedPoints: 1, writtenPoints: 0, failures: 1 });
    await expect(run.complete()).rejects.toMatchObject({ code: 'REMOTE_FAILED' });
    await run.complete();
    expect(run.health()).toMatchObject({ bufferedPoints: 0, writtenPoints: 1, failures: 2, droppedPoints: 0 });
    expect(await tracker.getRun(run.id)).toMatchObject({ status: 'FINISHED', metrics: { loss: { count: 1 } } });
    await tracker.close();
  });

  it('that takes nothing for long fills the buffer; what no longer fits is dropped, counted and told once', async () => {
    let isDown = true;
    await using server = await startFakeMlflow((request) =>
      isDown && callOf(request) === 'runs/log-batch' ? down : undefined,
    );
    const tracker = await trackerOn(server.url, { maxBufferedBytes: 65_536 });
    const run = await tracker.startRun();
    for (let step = 0; step < 10_000; step++) run.log({ loss: step }, { step });
    await expect(run.flush()).rejects.toMatchObject({ code: 'REMOTE_FAILED' });
    const { droppedPoints, bufferedBytes, bufferedPoints } = run.health();
    expect(bufferedBytes).toBeLessThanOrEqual(65_536 + 100 + 4096 * 32);
    expect(droppedPoints + bufferedPoints).toBe(10_000);
    expect(droppedPoints).toBeGreaterThan(0);
    isDown = false;
    await expect(run.flush()).rejects.toMatchObject({ code: 'STORE_FAILED', details: { dropped: droppedPoints } });
    await run.flush();
    await run.complete();
    expect((await tracker.getRun(run.id)).metrics.loss?.count).toBe(10_000 - droppedPoints);
    await tracker.close();
  });

  it('that refuses a parameter takes everything else, and the flush says which', async () => {
    await using server = await startFakeMlflow();
    const tracker = await trackerOn(server.url);
    const run = await tracker.startRun();
    server.runs.values().next().value?.params.set('lr', 'theirs');
    run.logParams({ before: 1, lr: 0.1, after: 2 });
    run.log({ loss: 1 });
    await expect(run.flush()).rejects.toMatchObject({
      code: 'STORE_FAILED',
      message: expect.stringContaining('param lr is another'),
      details: { dropped: 1 },
    });
    await run.complete();
    expect(run.health()).toMatchObject({ droppedEvents: 1, droppedPoints: 0 });
    const { params, metrics } = await tracker.getRun(run.id);
    expect(params).toEqual({ before: 1, lr: 'theirs', after: 2 });
    expect(metrics.loss?.count).toBe(1);
    await tracker.close();
  });

  it('on which the run was deleted keeps it waiting until it is restored', async () => {
    await using server = await startFakeMlflow();
    const tracker = await trackerOn(server.url);
    const run = await tracker.startRun();
    const [made] = [...server.runs.values()];
    Object.assign(made?.info ?? {}, { lifecycle_stage: 'deleted' });
    run.log({ loss: 1 });
    await expect(run.flush()).rejects.toMatchObject({
      code: 'STORE_FAILED',
      message: expect.stringContaining('deleted'),
    });
    expect(run.health()).toMatchObject({ bufferedPoints: 1, droppedPoints: 0 });
    Object.assign(made?.info ?? {}, { lifecycle_stage: 'active' });
    await run.complete();
    expect((await tracker.getRun(run.id)).metrics.loss?.count).toBe(1);
    await tracker.close();
  });

  it('that never answers holds nobody up who closes', async () => {
    const { store, entered } = await aStoreThatHangs();
    const writer = await store.runs.create({
      type: 'start',
      at: 1,
      id: 'a'.repeat(32),
      experiment: 'e',
      name: 'n',
      leaseUntil: 2,
    });
    writer.append({ type: 'tags', at: 2, tags: { a: 'b' } });
    const flushing = writer.flush('remote');
    await entered;
    await writer.close();
    await expect(flushing).rejects.toMatchObject({ code: 'ABORTED' });
    expect(writer.append({ type: 'tags', at: 3, tags: {} })).toBe(false);
    await store.close();
  });
});

async function aStoreThatHangs() {
  const { createMlflowClient } = await import('../client');
  const { createMlflowStore } = await import('./mlflow-store');
  let enter = (): void => undefined;
  const entered = new Promise<void>((resolve) => {
    enter = resolve;
  });
  const server = await startFakeMlflow((request) => {
    if (callOf(request) !== 'runs/log-batch') return undefined;
    enter();
    return new Promise<FakeAnswer>(() => undefined);
  });
  const store = createMlflowStore({ client: createMlflowClient({ url: server.url, auth: 'none' }) });
  const close = async (): Promise<void> => {
    await store.close();
    await server[Symbol.asyncDispose]();
  };
  return { store: { ...store, close }, entered };
}
