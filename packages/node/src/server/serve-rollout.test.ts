import { Agent, request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { type Closeable, createRunner, type Logger, type ModelRunner } from '@fairlead/core';
import { remote } from '@fairlead/core/remote';
import {
  abTest,
  createMemoryRolloutStore,
  createRollout,
  type RolloutOptions,
  type RolloutRunner,
  thompson,
} from '@fairlead/core/rollouts';
import { accessLog } from '@fairlead/core/serving';
import { createMockBackend, mockModel } from '@fairlead/core/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { apiKeys, createApiKey } from '../auth/index';
import { type ServeOptions, type Server, serve } from './index';

/* A rollout behind real sockets. */

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };
const open: Closeable[] = [];
afterEach(async () => {
  for (const closeable of open.splice(0).reverse()) await closeable.close();
});

const runnerOf = (version: string): Promise<ModelRunner> =>
  createRunner({ model: mockModel(version), backend: createMockBackend(), warmUp: false, logger: silent });

async function halved(options: Partial<RolloutOptions> = {}): Promise<RolloutRunner> {
  const rollout = await createRollout({
    name: 'digits',
    champion: await runnerOf('1'),
    challengers: { canary: await runnerOf('2') },
    strategy: abTest({ weights: { champion: 0.5, canary: 0.5 } }),
    guardrails: [],
    logger: silent,
    ...options,
  });
  open.push(rollout);
  return rollout;
}

async function start(rollout: RolloutRunner, options: ServeOptions = {}): Promise<Server> {
  const server = await serve({ digits: rollout }, { port: 0, drainDelayMs: 0, logger: silent, ...options });
  open.push(server);
  return server;
}

const row = JSON.stringify({ inputs: [{ name: 'x', shape: [1, 2], datatype: 'FP32', data: [1, 2] }] });
const post = (server: Server, what: 'infer' | 'rewards', body: string, headers: Record<string, string> = {}) =>
  fetch(`${server.url}/v2/models/digits/${what}`, { method: 'POST', body, headers });
const versionOf = async (answer: Response): Promise<string> =>
  ((await answer.json()) as { model_version: string }).model_version;

/** The version that a key gets, on a connection of its own. */
function versionByItself(server: Server, key: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const agent = new Agent();
    const sending = httpRequest(
      `${server.url}/v2/models/digits/infer`,
      { method: 'POST', agent, headers: { 'x-fairlead-key': key } },
      (answer) => {
        let text = '';
        answer.setEncoding('utf8');
        answer.on('data', (part: string) => {
          text += part;
        });
        answer.on('end', () => {
          agent.destroy();
          resolve((JSON.parse(text) as { model_version: string }).model_version);
        });
      },
    );
    sending.on('error', reject);
    sending.end(row);
  });
}

describe('a rollout behind serve()', () => {
  it('is sticky over replicas and connections', async () => {
    const store = createMemoryRolloutStore();
    const servers = [
      await start(await halved({ store, replica: 'a' })),
      await start(await halved({ store, replica: 'b' })),
    ];
    const keys = Array.from({ length: 20 }, (_, index) => `user-${index}`);
    const found = await Promise.all(
      servers.flatMap((server) => [
        Promise.all(keys.map((key) => versionByItself(server, key))),
        Promise.all(keys.map(async (key) => versionOf(await post(server, 'infer', row, { 'x-fairlead-key': key })))),
      ]),
    );
    expect(new Set(found[0])).toEqual(new Set(['1', '2']));
    for (const versions of found) expect(versions).toEqual(found[0]);
  });

  it('learns of rewards that come over HTTP, to whichever replica', async () => {
    const store = createMemoryRolloutStore();
    const rollouts = [
      await halved({ store, strategy: thompson(), replica: 'a' }),
      await halved({ store, strategy: thompson(), replica: 'b' }),
    ];
    const look = () => Promise.all(rollouts.map((rollout) => rollout.look()));
    await look();
    const [deciding, other] = [await start(rollouts[0] as RolloutRunner), await start(rollouts[1] as RolloutRunner)];
    for (let round = 0; round < 5; round++) {
      const told = await Promise.all(
        Array.from({ length: 20 }, async () => {
          const answer = await post(deciding, 'infer', row);
          const id = answer.headers.get('x-fairlead-decision-id') as string;
          return { decision_id: id, value: (await versionOf(answer)) === '2' ? 1 : 0 };
        }),
      );
      const outcomes = (await (await post(other, 'rewards', JSON.stringify(told))).json()) as { outcome: string }[];
      expect(outcomes.map(({ outcome }) => outcome)).toEqual(new Array(20).fill('accepted'));
      await look();
    }
    await look();
    for (const rollout of rollouts) expect(rollout.describe().weights.canary).toBeGreaterThan(0.7);
  });

  it('is used by remote() as in the process', async () => {
    const rollout = await halved({ strategy: thompson(), assignment: { overrides: { 'Ada é': 'canary' } } });
    const server = await start(rollout);
    const client = await remote({ url: server.url, model: 'digits' });
    open.push(client);
    const { model, rollout: decision } = await client.run({ x: Float32Array.of(1, 2) }, { key: 'Ada é' });
    expect(model.version).toBe('2');
    expect(await client.reward(decision?.decisionId as string, 1)).toBe('counted');
    expect(await client.reward(decision?.decisionId as string, 1)).toBe('duplicate');
  });

  it('lets only those tell rewards who may, and those may do no more', async () => {
    const [asking, rewarding] = [
      createApiKey({ principal: 'shop', models: ['digits'] }),
      createApiKey({ principal: 'clicks', models: ['digits'], operations: ['reward'] }),
    ];
    const rollout = await halved({ rewards: {} });
    const server = await start(rollout, { guard: apiKeys({ keys: [asking.record, rewarding.record] }) });
    const by = (key: string) => ({ authorization: `Bearer ${key}` });
    const answer = await post(server, 'infer', row, by(asking.key));
    const reward = JSON.stringify({ decision_id: answer.headers.get('x-fairlead-decision-id'), value: 1 });
    expect((await post(server, 'rewards', reward)).status).toBe(401);
    expect((await post(server, 'rewards', reward, by(asking.key))).status).toBe(403);
    expect((await post(server, 'infer', row, by(rewarding.key))).status).toBe(403);
    expect(rollout.rewardStats()).toMatchObject({ waiting: 1 });
    expect(await (await post(server, 'rewards', reward, by(rewarding.key))).json()).toEqual({ outcome: 'counted' });
  });

  it('answers ids that are clean on the wire, whatever its arms and its replica are called', async () => {
    const name = 'x\r\nset-cookie: a=b\r\n\r\né';
    const rollout = await halved({
      challengers: { [name]: await runnerOf('2') },
      strategy: thompson(),
      assignment: { overrides: { tester: name } },
      store: createMemoryRolloutStore(),
      replica: name,
    });
    await rollout.look();
    const server = await start(rollout);
    const { port } = new URL(server.url);
    const raw = await new Promise<string>((resolve, reject) => {
      const socket = connect(Number(port), '127.0.0.1');
      let text = '';
      socket.setEncoding('utf8');
      socket.on('data', (part: string) => {
        text += part;
      });
      socket.on('end', () => resolve(text));
      socket.on('error', reject);
      const head = `POST /v2/models/digits/infer HTTP/1.1\r\nhost: x\r\nx-fairlead-key: tester\r\nconnection: close\r\n`;
      socket.write(`${head}content-length: ${row.length}\r\n\r\n${row}`);
    });
    const [head = '', body = ''] = raw.split('\r\n\r\n');
    expect(head).toMatch(/^HTTP\/1\.1 200 /);
    expect(head.toLowerCase()).not.toMatch(/^set-cookie:/m);
    const [, id] = /^x-fairlead-decision-id: ([\x21-\x7e]+)\r?$/im.exec(head) ?? expect.fail(head);
    expect(body).toContain('"model_version":"2"');
    const told = await post(server, 'rewards', JSON.stringify({ decision_id: id, value: 1 }));
    expect(await told.json()).toEqual({ outcome: 'counted' });
  });

  it('writes no key into a log or an error, and answers keys that are none', async () => {
    const said: string[] = [];
    const keep = (details: object, message: string): void => void said.push(JSON.stringify(details) + message);
    const logger: Logger = { debug: keep, info: keep, warn: keep, error: keep };
    const server = await start(await halved({ rewards: {}, logger }), {
      logger,
      observers: [accessLog({ logger })],
    });
    const secret = 'Ada.Lovelace';
    for (const key of [secret, secret.repeat(30), `${secret}\u00e9`]) {
      const answer = await post(server, 'infer', row, { 'x-fairlead-key': key });
      expect(answer.status).toBe(key === secret ? 200 : 400);
      expect(await answer.text()).not.toContain('Lovelace');
    }
    expect(said.length).toBeGreaterThan(0);
    expect(said.join('\n')).not.toContain('Lovelace');
  });
});
