import type { Closeable } from '@fairlead/core';
import {
  abTest,
  createRollout,
  linUcb,
  type RolloutOptions,
  type RolloutRunner,
  thompson,
} from '@fairlead/core/rollouts';
import { createModelHost } from '@fairlead/core/serving';
import { Metadata } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { serve } from '../server/index';
import { mock, rawClient, silent } from './grpc.fixture';
import { remoteGrpc, serveGrpc } from './index';
import { ModelInferRequest, ModelInferResponse, ModelStreamInferResponse } from './inference/messages';
import { PredictRequest } from './tensorflow/messages';
import { protoOf } from './tensorflow/tensor-proto';

/* A rollout behind gRPC. */

const open: Pick<Closeable, 'close'>[] = [];
afterEach(async () => {
  for (const closeable of open.splice(0).reverse()) await closeable.close();
});

async function halved(options: Partial<RolloutOptions> = {}): Promise<RolloutRunner> {
  const rollout = await createRollout({
    name: 'digits',
    champion: await mock({}, '1'),
    challengers: { canary: await mock({}, '2') },
    strategy: abTest({ weights: { champion: 0.5, canary: 0.5 } }),
    guardrails: [],
    logger: silent,
    ...options,
  });
  open.push(rollout);
  return rollout;
}

async function start(rollout: RolloutRunner) {
  const host = createModelHost({ digits: rollout }, { logger: silent });
  const grpc = await serveGrpc(host, { port: 0, drainDelayMs: 0 });
  open.push(grpc);
  const connect = async () => {
    const client = await remoteGrpc({ url: grpc.address, model: 'digits', logger: silent });
    open.push(client);
    return client;
  };
  const raw = rawClient(grpc.address);
  open.push({ close: async () => raw.close() });
  return { host, connect, raw };
}

const x = Float32Array.of(1, 2);
const inferPath = '/inference.GRPCInferenceService/ModelInfer';
const request = (parameters: Readonly<Record<string, object>> = {}, id = '') =>
  ModelInferRequest.encode({
    model_name: 'digits',
    id,
    parameters: new Map(Object.entries(parameters)) as never,
    inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2] }],
    raw_input_contents: [Buffer.from(x.buffer)],
  });
const keys = Array.from({ length: 20 }, (_, index) => `user-${index}`);

describe('a rollout behind serveGrpc()', () => {
  it('is sticky by metadata, by parameters and by remoteGrpc()', async () => {
    const rollout = await halved();
    const { connect, raw } = await start(rollout);
    const here = await Promise.all(keys.map(async (key) => (await rollout.run({ x }, { key })).model.version));
    expect(new Set(here)).toEqual(new Set(['1', '2']));
    const versionOf = (bytes: Buffer) => ModelInferResponse.decode(bytes, 1e6).model_version;
    const byMetadata = keys.map(async (key) => {
      const metadata = new Metadata();
      metadata.set('x-fairlead-key', key);
      return versionOf(await raw.call(inferPath, request(), metadata));
    });
    expect(await Promise.all(byMetadata)).toEqual(here);
    const byParameter = keys.map(async (key) =>
      versionOf(await raw.call(inferPath, request({ key: { string_param: key } }))),
    );
    expect(await Promise.all(byParameter)).toEqual(here);
    const client = await connect();
    const byClient = keys.map(async (key) => (await client.run({ x }, { key })).model.version);
    expect(await Promise.all(byClient)).toEqual(here);
    expect((await client.run({ x }, { key: 'é\n' })).model.version).toBe(
      (await rollout.run({ x }, { key: 'é\n' })).model.version,
    );
  });

  it('names its decisions in metadata and parameters, whose rewards are told over HTTP', async () => {
    const rollout = await halved({ strategy: thompson() });
    const { host, connect, raw } = await start(rollout);
    const http = await serve(host, { port: 0, logger: silent, drainDelayMs: 0 });
    open.push(http);
    const client = await connect();
    for (let turn = 0; turn < 60; turn++) {
      const { model, rollout: decision } = await client.run({ x });
      const told = await fetch(`${http.url}/v2/models/digits/rewards`, {
        method: 'POST',
        body: JSON.stringify({ decision_id: decision?.decisionId, value: model.version === '2' ? 1 : 0 }),
      });
      expect(await told.json()).toEqual({ outcome: 'counted' });
    }
    await rollout.look();
    expect(rollout.describe().weights.canary).toBeGreaterThan(0.7);
    const refused = await client.reward('x', 1).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'UNSUPPORTED', message: expect.stringContaining('over HTTP') });

    const found = await raw.answered(inferPath, request());
    const id = ModelInferResponse.decode(found.message, 1e6).parameters.get('decision_id')?.string_param;
    expect(found.metadata.get('x-fairlead-decision-id')).toEqual([id]);
    expect(rollout.reward(id as string, 1)).toBe('counted');
  });

  it('names the decision of each message of a stream', async () => {
    const rollout = await halved({ rewards: {} });
    const { raw } = await start(rollout);
    const stream = raw.stream('/inference.GRPCInferenceService/ModelStreamInfer');
    const ids: string[] = [];
    const ended = new Promise<void>((resolve, reject) => {
      stream.on('data', (bytes: Buffer) => {
        const { infer_response: response } = ModelStreamInferResponse.decode(bytes, 1e6);
        ids.push(response?.parameters.get('decision_id')?.string_param as string);
      });
      stream.on('end', () => resolve());
      stream.on('error', reject);
    });
    for (let message = 0; message < 3; message++) stream.write(Buffer.from(request({}, String(message))));
    stream.end();
    await ended;
    expect(ids).toEqual([...rollout.decisions()].map(({ id }) => id));
    expect(new Set(ids).size).toBe(3);
  });

  it('takes a context', async () => {
    const rollout = await halved({ strategy: linUcb({ dimensions: 2 }) });
    const { connect, raw } = await start(rollout);
    const client = await connect();
    await client.run({ x }, { context: [1, 0.25] });
    const metadata = new Metadata();
    metadata.set('x-fairlead-context', '1,0.5');
    await raw.answered(inferPath, request(), metadata);
    expect([...rollout.decisions()].map(({ context }) => context)).toEqual([
      [1, 0.25],
      [1, 0.5],
    ]);
  });

  it('speaks to clients of TensorFlow by metadata', async () => {
    const rollout = await halved({ rewards: {} });
    const { raw } = await start(rollout);
    const bytes = PredictRequest.encode({
      model_spec: { name: 'digits' },
      inputs: new Map([['x', protoOf({ dtype: 'float32', shape: [1, 2], data: x })]]),
    });
    const here = await Promise.all(keys.map(async (key) => (await rollout.run({ x }, { key })).rollout.arm));
    const before = [...rollout.decisions()].length;
    const ids: unknown[] = [];
    for (const key of keys) {
      const metadata = new Metadata();
      metadata.set('x-fairlead-key', key);
      const answer = await raw.answered('/tensorflow.serving.PredictionService/Predict', bytes, metadata);
      ids.push(answer.metadata.get('x-fairlead-decision-id')[0]);
    }
    const taken = [...rollout.decisions()].slice(before);
    expect(ids).toEqual(taken.map(({ id }) => id));
    expect(taken.map(({ arm }) => arm)).toEqual(here);
  });

  it('refuses keys that are none', async () => {
    const { raw } = await start(await halved());
    const codeOf = (bytes: Buffer, metadata?: Metadata) =>
      raw.call(inferPath, bytes, metadata).then(
        () => 'answered',
        (error: { readonly details: string }) => error.details,
      );
    const long = new Metadata();
    long.set('x-fairlead-key', 'k'.repeat(300));
    for (const told of [
      await codeOf(request(), long),
      await codeOf(request({ key: { string_param: 'k'.repeat(300) } })),
      await codeOf(request({ key: { int64_param: 7 } })),
    ]) {
      expect(told).toMatch(/key: expected .* at most 256 characters/);
      expect(told).not.toContain('kkk');
    }
  });
});
