import { afterEach, describe, expect, it } from 'vitest';
import { FairleadError } from '../errors';
import { createRollout, linUcb, type RolloutRunner, thompson } from '../rollouts/index';
import type { ModelRunner } from '../runner/runner';
import { createHandler } from '../serving/index';
import { closeAll as closeServed, halved, users } from '../serving/rollouts.fixture';
import { mockRunner } from '../serving/scoring/serving.fixture';
import { mlflowClient, openInferenceClient, type RemoteRunner } from './index';
import { closeAll, connect, failureOf, keep, recorded, silent } from './remote.fixture';

/* A rollout on a server, used from a client as one in the process. */

afterEach(async () => {
  await closeAll();
  await closeServed();
});

const x = Float32Array.of(1, 2);

async function served(runner: ModelRunner, encoding: 'binary' | 'json' = 'binary') {
  const { answer, requests } = recorded(createHandler({ mock: runner }, { logger: silent }));
  return { client: await connect(openInferenceClient({ encoding }), answer), requests };
}

const bodies = (requests: readonly Request[]): Promise<string> =>
  Promise.all(requests.map((request) => request.clone().text())).then((texts) => texts.join('\n'));

describe.each(['binary', 'json'] as const)('a rollout on a server, by %s', (encoding) => {
  it('gives a key the arm that it gives it in the process, whatever the key is', async () => {
    const rollout = await halved();
    const { client } = await served(rollout, encoding);
    const keys = [...users, '', 'grüß', '日本\r\n', '"', '\u0000'];
    const here = await Promise.all(keys.map((key) => rollout.run({ x }, { key })));
    const there = await Promise.all(keys.map((key) => client.run({ x }, { key })));
    expect(there.map(({ model }) => model.version)).toEqual(here.map(({ model }) => model.version));
    const assigned = await Promise.all(keys.map((key) => client.run({ x }, { key: 'other', assignmentKey: key })));
    expect(assigned.map(({ model }) => model.version)).toEqual(here.map(({ model }) => model.version));
    // Nobody remembers these decisions.
    expect(there[0]).not.toHaveProperty('rollout');
  });

  it('names its decisions, and takes their rewards', async () => {
    const rollout = await halved({ strategy: thompson() });
    const { client } = await served(rollout, encoding);
    for (let turn = 0; turn < 60; turn++) {
      const { model, rollout: decision } = await client.run({ x });
      expect(await client.reward(decision?.decisionId as string, model.version === '2' ? 1 : 0)).toBe('counted');
    }
    await rollout.look();
    expect(rollout.describe().weights.canary).toBeGreaterThan(0.7);
    const { rollout: decision } = await client.run({ x });
    const id = decision?.decisionId as string;
    expect(await client.reward(id, 1, { at: Date.now() })).toBe('counted');
    expect(await client.reward(id, 1, { timeoutMs: 1000 })).toBe('duplicate');
    expect(client.health().status).toBe('ready');
  });

  it('gets the context that a bandit chooses by, to the last digit', async () => {
    const rollout = await halved({ strategy: linUcb({ dimensions: 3 }) });
    const { client } = await served(rollout, encoding);
    const context = [1, -Math.PI, 5e-324];
    await client.run({ x }, { context });
    expect([...rollout.decisions()][0]?.context).toEqual(context);
    expect((await failureOf(client.run({ x }, { context: [1] }))).code).toBe('INVALID_INPUT');
  });
});

describe('rewards that are refused there', () => {
  it('are refused here for the same reason', async () => {
    const rollout = await halved({ rewards: {} });
    const { client, requests } = await served(rollout);
    const before = requests.length;
    expect((await failureOf(client.reward('x', Number.NaN))).code).toBe('INVALID_ARGUMENT');
    expect((await failureOf(client.reward(7 as never, 1))).code).toBe('INVALID_ARGUMENT');
    expect(requests.length).toBe(before);
    const unknown = await failureOf(client.reward('x', 1));
    expect([unknown.code, unknown.details.field]).toEqual(['NOT_FOUND', 'decisionId']);
    const { client: plain } = await served(keep(await mockRunner()));
    expect((await failureOf(plain.reward('x', 1))).code).toBe('UNSUPPORTED');
    const aborted = failureOf(client.reward('x', 1, { signal: AbortSignal.abort() }));
    expect((await aborted).code).toBe('ABORTED');
    await client.close();
    expect((await failureOf(client.reward('x', 1))).code).toBe('CLOSED');
  });

  it('are a conflict here where they are one there', async () => {
    const runner = keep(await mockRunner());
    const other = {
      ...runner,
      model: runner.model,
      reward() {
        throw new FairleadError('CONFLICT', 'Of other models.');
      },
    };
    const { client } = await served(other);
    expect((await failureOf(client.reward('x', 1))).code).toBe('CONFLICT');
  });

  it('are UNSUPPORTED by protocols without a place for them', async () => {
    const signature = {
      inputs: [{ name: 'x', dtype: 'float32' as const, shape: ['batch', 2] }],
      outputs: [{ name: 'y', dtype: 'float32' as const, shape: ['batch', 2] }],
      batchAxis: 0,
    };
    const client = await connect(mlflowClient(), () => Response.json({}), { signature });
    const { code, message } = await failureOf(client.reward('x', 1));
    expect(code).toBe('UNSUPPORTED');
    expect(message).toContain('openInferenceClient()');
  });

  it('are no outcome where the answer is none', async () => {
    const tensor = (name: string) => ({ name, datatype: 'FP32', shape: [-1, 2] });
    const metadata = { name: 'mock', versions: ['1'], inputs: [tensor('x')], outputs: [tensor('y')] };
    const client = await connect(openInferenceClient(), (request) =>
      Response.json(request.method === 'GET' ? metadata : { outcome: 'perhaps' }),
    );
    expect((await failureOf(client.reward('x', 1))).code).toBe('PROTOCOL_ERROR');
  });
});

describe('a key', () => {
  it('is sent to no server that does not say it assigns by it', async () => {
    const { client, requests } = await served(keep(await mockRunner()));
    await client.run({ x }, { key: 'Ada', context: [4711] } as never);
    const sent = await bodies(requests);
    expect(sent).not.toContain('Ada');
    expect(sent).not.toContain('4711');
  });

  it('that is no text is refused, as in the process', async () => {
    const { client } = await served(await halved());
    expect((await failureOf(client.run({ x }, { key: 7 as never }))).code).toBe('INVALID_ARGUMENT');
    expect((await failureOf(client.run({ x }, { key: 'k'.repeat(257) }))).code).toBe('INVALID_ARGUMENT');
  });
});

describe('a gateway', () => {
  it('passes keys, decisions and rewards on to the server with the rollout', async () => {
    const rollout = await halved({ strategy: thompson(), assignment: { overrides: { tester: 'canary' } } });
    const { client: inner } = await served(rollout);
    const { client } = await served(inner);
    const { model, rollout: decision } = await client.run({ x }, { key: 'tester' });
    expect(model.version).toBe('2');
    expect(await client.reward(decision?.decisionId as string, 1)).toBe('counted');
  });

  it('may be an arm of a rollout itself', async () => {
    const inner: RolloutRunner = await halved({ rewards: {} });
    const { client }: { client: RemoteRunner } = await served(inner);
    const outer = keep(
      await createRollout({
        name: 'outer',
        champion: client,
        challengers: { canary: await mockRunner({}, '3') },
        strategy: thompson(),
        guardrails: [],
        assignment: { overrides: { tester: 'champion' } },
        logger: silent,
      }),
    );
    const { rollout } = await outer.run({ x }, { key: 'tester' });
    // The decision is the outer one's.
    expect(rollout.arm).toBe('champion');
    expect(outer.reward(rollout.decisionId, 1)).toBe('counted');
  });
});
