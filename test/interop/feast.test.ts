import { createRunner } from '@fairlead/core';
import { withFeatures } from '@fairlead/core/features';
import { createMockBackend } from '@fairlead/core/testing';
import { feastFeatureStore } from '@fairlead/node/features';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type FeastServer, startContract, startFeast } from './feast-server';

/*
 * Against a server that keeps the contract of Feast's, and against Feast itself where FAIRLEAD_FEAST_PYTHON names a Python
 * that has it: `python3 -m venv v && v/bin/pip install feast==0.67.0`. It is too heavy to be installed for every run.
 */

const python = process.env.FAIRLEAD_FEAST_PYTHON;
const servers: readonly (readonly [string, () => Promise<FeastServer>])[] = [
  ['a server with the contract of Feast 0.67', startContract],
  ...(python === undefined ? [] : [['Feast itself', () => startFeast(python)] as const]),
];

describe.each(servers)('features of %s', (_name, start) => {
  let server: FeastServer;
  beforeAll(async () => {
    server = await start();
  }, 120_000);
  afterAll(() => server?.close());

  test('values with their time, in the order asked for; none for what Feast does not have', async () => {
    const store = feastFeatureStore({ url: server.url });
    const drivers = [{ driver_id: 1002 }, { driver_id: 9 }, { driver_id: 1001n }];
    const rows = await store.read(drivers, ['stats:trips', 'stats:city', 'stats:recent', 'stats:rate'], {});
    const values = rows.map((row) => row.map((feature) => feature?.value));
    expect(values).toEqual([
      [8, undefined, [3, 4], 0.25],
      [undefined, undefined, undefined, undefined],
      [7, 'Bern', [1, 2], 0.5],
    ]);
    const ageMs = Date.now() - (rows[0]?.[0]?.atEpochMs ?? 0);
    expect(ageMs).toBeGreaterThanOrEqual(299_000);
    expect(ageMs).toBeLessThan(600_000);
  });

  test('a feature service, by the bare names', async () => {
    const store = feastFeatureStore({ url: server.url, featureService: 'service' });
    const [row] = await store.read([{ driver_id: 1001 }], ['rate', 'trips'], {});
    expect(row?.map((feature) => feature?.value)).toEqual([0.5, 7]);
    const [full] = await store.read([{ driver_id: 1001 }], ['stats:city'], {});
    expect(full?.[0]?.value).toBe('Bern');
  });

  test('a feature that there is not is the server’s own error', async () => {
    const store = feastFeatureStore({ url: server.url });
    await expect(store.read([{ driver_id: 1001 }], ['stats:nope'], {})).rejects.toMatchObject({
      code: 'REMOTE_FAILED',
      message: expect.stringContaining('nope'),
    });
  });

  test('they reach a model', async () => {
    const model = await createRunner({ model: '1', backend: createMockBackend(), warmUp: false });
    const runner = withFeatures(model, {
      store: feastFeatureStore({ url: server.url }),
      entity: { driver_id: 'int64' },
      features: { x: ['stats:rate', 'stats:trips'] },
    });
    const { outputs } = await runner.run({ driver_id: BigInt64Array.of(1001n, 1002n) });
    expect(Array.from(outputs.y?.data as Float32Array)).toEqual([1, 14, 0.5, 16]);
    await expect(runner.run({ driver_id: BigInt64Array.of(9n) })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      details: { entity: 'driver_id=9', field: 'stats:rate' },
    });
    await runner.close();
  });
});
