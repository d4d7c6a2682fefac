import { describe, expect, it } from 'vitest';
import { startFakeMlflow } from '../fake-mlflow.fixture';
import { trackerOn } from './mlflow-store.fixture';

describe('a tracker on a server', () => {
  it('reads back what it logged, exactly', async () => {
    await using server = await startFakeMlflow();
    const tracker = await trackerOn(server.url);
    const params = {
      lr: 0.1,
      zero: -0,
      nan: Number.NaN,
      most: Number.POSITIVE_INFINITY,
      on: true,
      text: 'true',
      digits: '5',
    };
    const tags = { 'mlflow.runName': 'not the name', 'fairlead.run_id': 'nor the id', plain: 'ü' };
    const above = await tracker.startRun({ experiment: 'digits', name: 'n'.repeat(400) });
    const run = await above.startRun({ params, tags });
    for (let step = 0; step < 2500; step++) run.log({ loss: step % 7 === 3 ? Number.NaN : 1 / (step + 1) }, { step });
    run.log({ most: Number.NEGATIVE_INFINITY });
    const blob = await run.logArtifact('a b/50%#1.txt', new TextEncoder().encode('hello'));
    const digest = 'a'.repeat(64);
    await run.logDataset({ name: 'd', digest, context: 'training', rows: 3, schema: [{ name: 'x', type: 'double' }] });
    await run.logDataset({ name: 'd', digest, context: 'validation' });
    await run.fail(Object.assign(new TypeError('bad'), { code: 'E1' }));
    await above.close();

    const other = await trackerOn(server.url);
    const read = await other.getRun(run.id);
    expect(read).toMatchObject({
      id: run.id,
      experiment: 'digits',
      parent: above.id,
      status: 'FAILED',
      error: { name: 'TypeError', message: 'bad', code: 'E1' },
      params,
      tags,
      inputs: [
        { name: 'd', digest, context: 'training', rows: 3, schema: [{ name: 'x', type: 'double' }] },
        { name: 'd', digest, context: 'validation' },
      ],
      artifacts: [{ name: 'a b/50%#1.txt', ...blob }],
    });
    expect(Object.is(read.params.zero, -0)).toBe(true);
    expect(read.metrics.loss).toMatchObject({ count: 2500, step: 2499, min: 1 / 2500, max: 1 });
    expect(read.metrics.most).toMatchObject({ count: 1, last: Number.NEGATIVE_INFINITY });
    const { values } = await read.history('loss');
    expect([values.length, values[3], values[2499]]).toEqual([2500, Number.NaN, 1 / 2500]);
    expect((await read.history('loss', { maxPoints: 10 })).values.length).toBe(10);
    expect(new TextDecoder().decode(await read.artifact('a b/50%#1.txt').read())).toBe('hello');
    expect(await other.getRun(above.id)).toMatchObject({ name: 'n'.repeat(400), status: 'INTERRUPTED' });
    expect(await other.experiments()).toMatchObject([{ name: 'digits', runs: 2 }]);
    await tracker.close();
    await other.close();
  });

  it('resumes, deletes and restores runs, and a later end counts', async () => {
    await using server = await startFakeMlflow();
    const tracker = await trackerOn(server.url);
    const run = await tracker.startRun();
    run.log({ loss: 2 }, { step: 1 });
    await run.fail(new Error('first'));
    const again = await tracker.resumeRun(run.id);
    expect((await tracker.getRun(run.id)).status).toBe('RUNNING');
    again.log({ loss: 1 }, { step: 2 });
    await again.complete();
    const read = await tracker.getRun(run.id);
    expect(read).toMatchObject({ status: 'FINISHED', metrics: { loss: { count: 2, last: 1, min: 1, max: 2 } } });
    expect(read.error).toBeUndefined();

    await tracker.deleteRun(run.id);
    expect(await tracker.runs()).toEqual([]);
    expect(await tracker.runs({ deleted: 'only' })).toMatchObject([{ id: run.id }]);
    await tracker.restoreRun(run.id);
    await tracker.setTags(run.id, { later: 'yes' });
    expect(await tracker.runs()).toMatchObject([{ id: run.id, tags: { later: 'yes' } }]);
    expect((await tracker.getRun(run.id)).deletedAt).toBeUndefined();
    await tracker.close();
  });

  it('tells of a metric only the latest point once another client has logged it', async () => {
    await using server = await startFakeMlflow();
    const tracker = await trackerOn(server.url);
    const run = await tracker.startRun();
    run.log({ loss: 2 }, { step: 1 });
    await run.complete();
    server.runs.values().next().value?.points.set('theirs', { key: 'loss', value: 7, step: 5, timestamp: 9 });
    const { metrics } = await tracker.getRun(run.id);
    expect(metrics.loss).toEqual({ last: 7, step: 5, timestamp: 9 });
    await tracker.close();
  });

  it('shows the runs of other clients by what MLflow knows of them', async () => {
    await using server = await startFakeMlflow();
    const tracker = await trackerOn(server.url);
    const made = await tracker.startRun({ experiment: 'digits' });
    await made.complete();
    const [first] = [...server.runs.values()];
    const id = 'f'.repeat(32);
    server.runs.set(id, {
      info: {
        ...first?.info,
        run_id: id,
        run_name: 'theirs',
        status: 'RUNNING',
        start_time: 5,
        experiment_id: '1',
        artifact_uri: `mlflow-artifacts:/1/${id}/artifacts`,
      },
      params: new Map([['lr', '0.1']]),
      tags: new Map([
        ['mlflow.user', 'ann'],
        ['mlflow.parentRunId', String(first?.info.run_id)],
        ['fairlead.metrics.x.0', 'no JSON'],
      ]),
      points: new Map(),
      inputs: new Map([
        [
          'd',
          { dataset: { name: 'd', digest: 'md5', source: '{"uri":"/data"}', profile: '{"num_rows":3}' }, tags: [] },
        ],
      ]),
    });
    server.files.set(`1/${id}/artifacts/model/weights.bin`, 'weights');
    const read = await tracker.getRun(id);
    expect(read).toMatchObject({
      name: 'theirs',
      status: 'RUNNING',
      parent: made.id,
      params: { lr: '0.1' },
      tags: { 'mlflow.user': 'ann' },
      inputs: [{ name: 'd', digest: 'md5', source: '/data', rows: 3 }],
      artifacts: [{ name: 'model/weights.bin', size: 7, loggedAt: 5 }],
    });
    expect(read.artifacts[0]).not.toHaveProperty('digest');
    expect(new TextDecoder().decode(await read.artifact('model/weights.bin').read())).toBe('weights');
    await expect(tracker.getRun('e'.repeat(32))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await tracker.close();
  });
});
