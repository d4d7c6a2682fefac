import { afterEach, describe, expect, it, vi } from 'vitest';
import { openTracker } from '../../open-tracker';
import { startFakeMlflow } from '../fake-mlflow.fixture';
import { callOf, trackerOn } from './mlflow-store.fixture';

afterEach(() => vi.unstubAllEnvs());

describe('a tracker is opened', () => {
  it('on the server that the environment names', async () => {
    await using server = await startFakeMlflow();
    vi.stubEnv('MLFLOW_TRACKING_URI', server.url);
    vi.stubEnv('MLFLOW_TRACKING_TOKEN', 'token-1');
    const tracker = await openTracker({ mlflow: true });
    expect(server.seen).toEqual([]);
    expect(await tracker.runs()).toEqual([]);
    expect(server.seen[0]?.headers.authorization).toBe('Bearer token-1');
    await tracker.close();
  });

  it.each([
    [{ mlflow: false }, 'mlflow'],
    [{ mlflow: 'http://127.0.0.1:5000' }, 'mlflow'],
    [{ mlflow: { url: 'sqlite:///mlflow.db' } }, 'url'],
    [{ mlflow: { url: 'http://127.0.0.1:1', retries: 3 } }, 'retries'],
    [{ mlflow: { url: 'http://127.0.0.1:1' }, maxBufferedBytes: 5 }, 'maxBufferedBytes'],
    [{ mlflow: { url: 'http://127.0.0.1:1' }, overflow: 'drop' }, 'overflow'],
  ])('never with %j', async (options, field) => {
    await expect(openTracker(options as never)).rejects.toMatchObject({
      code: 'INVALID_OPTION',
      message: expect.stringContaining(field),
    });
  });

  it('where a flush can promise the server, and nothing less', async () => {
    await using server = await startFakeMlflow();
    const tracker = await trackerOn(server.url);
    const run = await tracker.startRun();
    await run.flush({ durability: 'remote' });
    await expect(run.flush({ durability: 'disk' })).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    expect(() => run.setTags({ note: 'x'.repeat(8001) })).toThrow(expect.objectContaining({ code: 'LIMIT_EXCEEDED' }));
    await run.complete();
    await tracker.close();
  });
});

describe('the work of a run', () => {
  it('is a few requests, however much it logs', async () => {
    await using server = await startFakeMlflow();
    const tracker = await trackerOn(server.url);
    const run = await tracker.startRun({ params: { lr: 0.1 }, tags: { a: 'b' } });
    for (let step = 0; step < 1000; step++) run.log({ loss: step }, { step });
    const before = server.seen.length;
    await run.complete();
    // The points with parameters and tags; what is known of the metrics; the status.
    expect(server.seen.slice(before).map(callOf)).toEqual([
      'runs/log-batch',
      'runs/log-batch',
      'runs/log-batch',
      'runs/update',
    ]);
    await tracker.close();
  });
});
