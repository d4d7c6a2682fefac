import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHandler } from '@fairlead/core/serving';
import { remoteGrpc } from '@fairlead/node/grpc';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mlp } from '../lib/onnx/model';
import { type Driver, startDriver, startServer } from './children';
import { holdContest } from './contest';
import { measureGrpc } from './grpc';
import { measureOverload } from './overload';
import { chosenPeers, describeSettings, peers, versionOf } from './peers';
import { askOnce, checkSame } from './probe';
import { binaryBody, jsonBody, makeRows, modelName } from './requests';
import { servingSettings } from './settings';
import { requestsOf } from './throughput';

const length = { durationMs: 60, warmUpMs: 20 };
const quick = { connections: [2], rounds: 1, length, overloadLength: length, tunesPeers: false };
const note = (): void => {};

describe('the servers that are measured', { timeout: 120_000 }, () => {
  let folder: string;
  let path: string;
  let driver: Driver;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fairlead-bench-'));
    path = join(folder, 'model.onnx');
    await writeFile(path, mlp([16, 8, 10]));
    driver = await startDriver();
  });
  afterAll(async () => {
    await driver?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('compute the same, and answer JSON and bytes under load', async () => {
    const [row] = makeRows(1, 16) as [Float32Array];
    const servers = [];
    try {
      for (const kind of ['ours', 'empty', 'fastify-one']) servers.push(await startServer(kind, path));
      const [ours, , bare] = servers;
      const expected = (await askOnce(ours?.port ?? 0, row)) ?? [];
      expect(expected).toHaveLength(10);
      checkSame('bare', await askOnce(bare?.port ?? 0, row), expected);
      const contestants = servers.flatMap(({ port }) => [
        { title: 'JSON', port, requests: requestsOf(16, jsonBody) },
        { title: 'binary', port, requests: requestsOf(16, binaryBody) },
      ]);
      const contest = await holdContest(driver, contestants, 2, 1, quick.length);
      for (const contestant of contestants) expect(contest.rate(contestant)).toBeGreaterThan(0);
      expect(contest.driverMicros(contestants[0] as (typeof contestants)[0])).toBeGreaterThan(0);
      const [first, second] = contestants as [(typeof contestants)[0], (typeof contestants)[0]];
      expect(contest.ratio(first, second)).toBeCloseTo(contest.rate(first) / contest.rate(second), 9);
      expect(contest.rowsOf(first, 'x').map(({ name, unit }) => [name, unit])).toEqual([
        ['x', 'requests/s'],
        ['x: p50', 'ms'],
        ['x: p99', 'ms'],
      ]);
    } finally {
      for (const server of servers) await server.stop();
    }
  });

  it('compute the same over gRPC, and answer under load', async () => {
    const [row] = makeRows(1, 16) as [Float32Array];
    const [http, grpc] = [await startServer('ours', path), await startServer('ours-grpc', path)];
    try {
      const model = await remoteGrpc({ url: `127.0.0.1:${grpc.port}`, model: modelName });
      const [output] = Object.values((await model.run({ x: row })).outputs);
      await model.close();
      checkSame('gRPC', Array.from(output?.data as Float32Array), (await askOnce(http.port, row)) ?? []);
    } finally {
      for (const server of [http, grpc]) await server.stop();
    }
    const results = await measureGrpc({ title: 'tiny', path, elements: 16 }, { driver, settings: quick, note });
    const label = 'tiny, 2 in flight: ours over gRPC, raw contents';
    expect(results.map(({ name, unit }) => [name, unit])).toEqual([
      [label, 'requests/s'],
      [`${label}: p50`, 'ms'],
      [`${label}: p99`, 'ms'],
    ]);
    for (const { value } of results) expect(value).toBeGreaterThan(0);
  });

  it('are overloaded, and every request is accounted for', async () => {
    const model = { title: 'tiny', path, elements: 16, goals: { peers: false } };
    const results = await measureOverload(
      model,
      { label: 'JSON', toBody: jsonBody, overload: { connections: 8, patience: 4 } },
      { driver, settings: quick, note },
    );
    expect(results[0]).toMatchObject({
      name: 'overload, tiny, JSON, 8 connections: goodput, of the peak',
      goal: '>= 0.9',
    });
    for (const { value } of results) expect(value).toBeGreaterThanOrEqual(0);
  });

  it('is told when a server cannot be started', async () => {
    await expect(startServer('nobody', path)).rejects.toThrow('before it answered');
  });
});

describe('the bodies', () => {
  it('are read by our server as the rows that they were made of', async () => {
    const [row] = makeRows(1, 4) as [Float32Array];
    const seen: unknown[] = [];
    const signature = {
      inputs: [{ name: 'x', dtype: 'float32', shape: ['batch', 4] }],
      outputs: [{ name: 'y', dtype: 'float32', shape: ['batch', 4] }],
      batchAxis: 0,
    } as const;
    const run = async (inputs: unknown) => {
      seen.push(inputs);
      throw new Error('enough');
    };
    const logger = { debug: note, info: note, warn: note, error: note };
    const handle = createHandler(
      { mlp: { signature, model: { name: 'mlp', version: '1', digest: '' }, run } as never },
      { logger },
    );
    for (const { bytes, contentType, headers } of [jsonBody(row), binaryBody(row)]) {
      await handle(
        new Request('http://test/v2/models/mlp/infer', {
          method: 'POST',
          headers: { 'content-type': contentType, ...headers },
          body: new Uint8Array(bytes),
        }),
      );
    }
    expect(seen).toHaveLength(2);
    for (const inputs of seen) expect(inputs).toMatchObject({ x: { shape: [1, 4], data: row } });
  });
});

describe('the peers', () => {
  it('are those that FAIRLEAD_BENCH_PEERS names, and what is left out is said', () => {
    const notes: string[] = [];
    const say = (text: string): void => void notes.push(text);
    expect(chosenPeers(say, undefined)).toBe(peers);
    expect(chosenPeers(say, 'bentoml').map(({ name }) => name)).toEqual(['bentoml']);
    expect(notes.filter((text) => text.startsWith('NOT MEASURED'))).toHaveLength(peers.length - 1);
    expect(chosenPeers(say, '0')).toEqual([]);
    expect(() => chosenPeers(say, 'bentoml,triton')).toThrow('"triton"');
  });

  it('are pinned, each with the runtime that ours has', async () => {
    for (const peer of peers) expect(await versionOf(peer)).toMatch(/^\d+\.\d+\.\d+$/);
  });

  it('say their settings', () => {
    expect(describeSettings({ WORKERS: 2, WAIT_MS: 5 })).toBe('workers 2, wait ms 5');
  });

  it('that compute something else are worth nothing', () => {
    expect(() => checkSame('X', [1, 2.5], [1, 2])).toThrow('X answers [1,2.5]');
    expect(() => checkSame('X', undefined, [1])).toThrow(Error);
    checkSame('X', [1.00001, 2], [1, 2]);
  });
});

describe('servingSettings', () => {
  it('is all of it, or a look', () => {
    expect(servingSettings({ rounds: 5 }, undefined)).toMatchObject({
      connections: [1, 16, 64],
      rounds: 3,
      tunesPeers: true,
    });
    expect(servingSettings({ rounds: 2 }, '')).toMatchObject({ rounds: 2 });
    expect(servingSettings({ rounds: 5 }, '1')).toMatchObject({ connections: [64], rounds: 1, tunesPeers: false });
  });
});
