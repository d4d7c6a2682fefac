import { openTracker, parseFilter, type RunQuery, type StoredRun, searchRuns, type Tracker } from '@fairlead/tracking';
import { createMlflowClient, createMlflowStore, type MlflowClient } from '@fairlead/tracking/mlflow';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startMlflow } from './mlflow-server';
import { prepareMlflow } from './setup';

const { command = '', missing } = { command: undefined, ...prepareMlflow() };

const byLoss = [{ field: { scope: 'metric', key: 'loss' }, direction: 'asc' }] as const;
const byStart = [{ field: { scope: 'attribute', key: 'start_time' }, direction: 'asc' }] as const;

describe.skipIf(missing !== undefined)('a tracker on a real MLflow server', () => {
  let server: Awaited<ReturnType<typeof startMlflow>>;
  let client: MlflowClient;
  let store: ReturnType<typeof createMlflowStore>;
  let tracker: Tracker;

  beforeAll(async () => {
    server = await startMlflow(command);
    client = createMlflowClient({ url: server.url, auth: 'none' });
    store = createMlflowStore({ client });
    tracker = await openTracker({ store });
  }, 180_000);
  afterAll(async () => {
    await tracker?.close();
    await server?.stop();
  }, 60_000);

  /** Runs of every kind, by name; the last of them was deleted. */
  const logRuns = async (experiment: string): Promise<readonly string[]> => {
    const ids: string[] = [];
    for (let i = 0; i < 16; i++) {
      const run = await tracker.startRun({
        experiment,
        name: `n${i}`,
        ...(i > 5 && i % 2 === 1 ? { parent: ids[2] as string } : {}),
        params: {
          lr: i * 0.1,
          opt: i % 2 === 0 ? 'sgd' : 'adam',
          on: i % 3 === 0,
          ...(i % 4 === 0 ? { only: 'x' } : {}),
        },
        tags: { team: i % 2 === 0 ? 'ü' : 'a' },
      });
      run.log({ loss: i, odd: i % 5 === 0 ? Number.NaN : i }, { step: i });
      if (i % 4 === 1) {
        // Of two points at one step and time the server takes the greater, and we the last.
        run.log({ loss: 100 }, { step: i + 1, timestamp: 1 });
        run.log({ loss: i }, { step: i + 1, timestamp: 1 });
      }
      if (i % 3 === 0)
        await run.logDataset({ name: `d${i % 2}`, digest: String(i % 10).repeat(64), context: 'training' });
      if (i % 4 === 0) await run.complete();
      else if (i % 4 === 1) await run.fail(new Error('x'));
      else if (i % 4 === 2) await run.close();
      else await run.flush();
      ids.push(run.id);
    }
    await tracker.deleteRun(ids[4] as string);
    return ids;
  };

  const searchAll = async (query: RunQuery): Promise<string[]> => {
    const found: StoredRun[] = [];
    let pageToken: string | undefined;
    do {
      const page = await store.runs.search({ ...query, ...(pageToken === undefined ? {} : { pageToken }) });
      found.push(...page.runs);
      pageToken = page.nextPageToken;
    } while (pageToken !== undefined);
    return found.map(({ id }) => id);
  };

  it('finds by its pages what a search in memory finds', { timeout: 300_000 }, async () => {
    const experiment = 'searched';
    const ids = await logRuns(experiment);
    const { runs } = await store.runs.search({ experiments: [experiment], limit: 1000, deleted: 'include' });
    expect(runs).toHaveLength(16);
    const middle = runs[8]?.startedAt ?? 0;
    const filters = [
      'metrics.loss < 7',
      'metrics.loss = 100',
      'metrics.loss >= 3 AND params.opt = "adam"',
      'metrics.odd != 0',
      'metrics.odd < 3',
      'params.lr = 0.1',
      "params.lr = '0.1'",
      'params.on = true',
      "params.opt LIKE 'a%'",
      'params.only IS NULL',
      'params.only IS NOT NULL',
      "tags.team = 'ü'",
      "tags.team != 'a'",
      'tags.`mlflow.runName` IS NULL',
      'tags.`fairlead.run_id` IS NOT NULL',
      ...['FINISHED', 'RUNNING', 'KILLED', 'INTERRUPTED', 'FAILED'].map((status) => `status = '${status}'`),
      `parent = '${ids[2]}'`,
      `id = '${ids[3]}'`,
      `experiment = '${experiment}'`,
      "experiment = 'no such'",
      "dataset.name = 'd1'",
      `dataset.digest = '${'3'.repeat(64)}'`,
      "name = 'n3' OR name = 'n5'",
      "NOT params.opt = 'sgd'",
      `start_time > ${middle}`,
      `start_time <= ${middle + 0.5}`,
    ];
    const now = Date.now();
    for (const text of filters) {
      for (const orderBy of [undefined, byLoss, byStart]) {
        const query: RunQuery = {
          experiments: [experiment],
          filter: parseFilter(text),
          deleted: orderBy === undefined ? 'exclude' : 'include',
          ...(orderBy === undefined ? {} : { orderBy }),
        };
        const expected = searchRuns(runs, { ...query, limit: 1000 }, now).runs.map(({ id }) => id);
        expect(await searchAll({ ...query, limit: 5 }), text).toEqual(expected);
      }
    }
  });

  it('keeps nothing of an upload that breaks off', { timeout: 60_000 }, async () => {
    const run = await tracker.startRun({ experiment: 'broken' });
    const stream = async function* () {
      yield new Uint8Array(300_000);
    };
    const broken = store.artifacts.put(stream(), { place: { run: run.id, name: 'a.bin' }, size: 300_001 });
    await expect(broken).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    expect((await tracker.getRun(run.id)).artifacts).toEqual([]);
    await run.complete();
  });

  it('sends a large file in one request where the storage takes no parts', { timeout: 60_000 }, async () => {
    const asked: string[] = [];
    const counting = createMlflowClient({
      url: server.url,
      auth: 'none',
      multipart: { leastBytes: 1000 },
      fetch: (input, init) => {
        asked.push(`${init?.method} ${new URL(String(input)).pathname.split('/')[4]}`);
        return fetch(input, init);
      },
    });
    const id = await client.experiments.create('parts');
    const { artifactLocation } = await client.experiments.get(id);
    await counting.proxy.put(`${artifactLocation}/a.bin`, new Uint8Array(5000));
    await counting.proxy.put(`${artifactLocation}/b.bin`, new Uint8Array(5000));
    expect(asked).toEqual(['POST mpu', 'PUT artifacts', 'PUT artifacts']);
    expect(await client.proxy.list(artifactLocation)).toEqual([
      { name: 'a.bin', isFolder: false, size: 5000 },
      { name: 'b.bin', isFolder: false, size: 5000 },
    ]);
  });
});
