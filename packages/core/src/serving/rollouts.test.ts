import { afterEach, describe, expect, it } from 'vitest';
import { FairleadError } from '../errors';
import { createMemoryRolloutStore, linUcb, type RolloutRunner, thompson } from '../rollouts/index';
import type { ModelRunner, RunOptions } from '../runner/runner';
import { createVirtualClock } from '../testing/index';
import {
  azureMl,
  batchScoring,
  createHandler,
  type Guard,
  mlflowScoring,
  openInference,
  type ServiceOptions,
  type ServingProtocol,
  sageMaker,
  tensorflowServing,
  torchServe,
  vertexAi,
} from './index';
import { closeAll, halved, keep, oneRow, users } from './rollouts.fixture';
import { asker, mockRunner, silent } from './scoring/serving.fixture';

afterEach(closeAll);

const infer = '/v2/models/digits/infer';
const rewards = '/v2/models/digits/rewards';
const idHeader = 'x-fairlead-decision-id';

const ask = (runner: ModelRunner, options: ServiceOptions = {}, protocol: ServingProtocol = openInference()) =>
  asker({ digits: runner }, protocol, options);

const versionOf = ({ body }: { readonly body: unknown }) => (body as { model_version: string }).model_version;

/** What this rollout gives those keys when it is asked in the process. */
async function armsHere(rollout: RolloutRunner): Promise<readonly string[]> {
  const answers = await Promise.all(users.map((key) => rollout.run({ x: Float32Array.of(1, 2) }, { key })));
  return answers.map(({ model }) => model.version);
}

/** A runner that keeps the options of its requests. */
async function recording(runner: ModelRunner): Promise<{ runner: ModelRunner; asked: RunOptions[] }> {
  const asked: RunOptions[] = [];
  const run: ModelRunner['run'] = (inputs, options = {}) => {
    asked.push(options);
    return runner.run(inputs, options);
  };
  return { runner: { ...runner, model: runner.model, run }, asked };
}

describe('the key of a request', () => {
  it('comes as a header or a parameter, and gets the arm that it gets in the process', async () => {
    const rollout = await halved();
    const handle = ask(rollout);
    const expected = await armsHere(rollout);
    expect(new Set(expected)).toEqual(new Set(['1', '2']));
    const byHeader = await Promise.all(
      users.map((key) => handle('POST', infer, oneRow, { 'x-fairlead-key': key }).then(versionOf)),
    );
    const byParameter = await Promise.all(
      users.map((key) => handle('POST', infer, { ...oneRow, parameters: { key } }).then(versionOf)),
    );
    expect(byHeader).toEqual(expected);
    expect(byParameter).toEqual(expected);
    // A gateway's header goes before what a client says in the body.
    const both = await Promise.all(
      users.map((key) =>
        handle('POST', infer, { ...oneRow, parameters: { key: 'other' } }, { 'x-fairlead-key': key }).then(versionOf),
      ),
    );
    expect(both).toEqual(expected);
  });

  it('is for assignment alone: it is no key of fairness in the queues of the arms', async () => {
    const { runner, asked } = await recording(await mockRunner());
    const rollout = await halved({ champion: runner, challengers: { canary: await mockRunner({}, '2') } });
    const handle = ask(rollout);
    for (const key of users) await handle('POST', infer, oneRow, { 'x-fairlead-key': key });
    expect(asked.length).toBeGreaterThan(0);
    for (const options of asked) expect(options).not.toHaveProperty('key');
  });

  it.each([
    ['a header that is too long', { 'x-fairlead-key': 'k'.repeat(257) }, {}],
    ['a header that is no ASCII', { 'x-fairlead-key': 'é' }, {}],
    ['a parameter that is too long', {}, { key: 'k'.repeat(257) }],
    ['a number', {}, { key: 7 }],
    ['an object', {}, { key: { a: 1 } }],
  ])('is refused as %s', async (_what, headers, parameters) => {
    const { status, body } = await ask(await halved())('POST', infer, { ...oneRow, parameters }, headers);
    expect(status).toBe(400);
    expect(body).toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(JSON.stringify(body)).not.toContain('kkk');
  });

  it('is looked at by no model that assigns nothing', async () => {
    const { runner, asked } = await recording(keep(await mockRunner()));
    const headers: string[] = [];
    const handle = createHandler({ digits: runner }, { logger: silent });
    const request = new Request(`http://test${infer}`, {
      method: 'POST',
      body: JSON.stringify({ ...oneRow, parameters: { key: 7, context: [1] } }),
      headers: { 'x-fairlead-key': 'k'.repeat(300) },
    });
    const get = request.headers.get.bind(request.headers);
    request.headers.get = (name) => {
      headers.push(name);
      return get(name);
    };
    const response = await handle(request);
    expect(response.status).toBe(200);
    expect(response.headers.has(idHeader)).toBe(false);
    expect(asked).toEqual([expect.not.objectContaining({ assignmentKey: expect.anything() })]);
    expect(headers.filter((name) => name.startsWith('x-fairlead'))).toEqual([]);
    const metadata = await (await handle(new Request('http://test/v2/models/digits'))).json();
    expect(metadata.parameters.extensions).not.toContain('rollout_assignment');
  });

  it('is what the operator derives it from, by who calls', async () => {
    const rollout = await halved();
    const guard: Guard = { admit: ({ header }) => ({ id: header('x-user') as string, scheme: 'test' }) };
    const handle = ask(rollout, {
      guard,
      assignmentOf: ({ principal }, given) => ({ ...given, key: principal?.id as string }),
    });
    const expected = await armsHere(rollout);
    const found = await Promise.all(
      users.map((user) =>
        handle('POST', infer, oneRow, { 'x-user': user, 'x-fairlead-key': 'somebody else' }).then(versionOf),
      ),
    );
    expect(found).toEqual(expected);
  });

  it('that the operator derives reaches runners around rollouts too', async () => {
    const { runner, asked } = await recording(await halved());
    const { reward: _, ...wrapped } = runner as RolloutRunner;
    const handle = ask(wrapped, { assignmentOf: (_call, given) => given });
    const { status, headers } = await handle('POST', infer, oneRow, {
      'x-fairlead-key': 'user-1',
      'x-fairlead-context': '1,2',
    });
    expect(status).toBe(200);
    expect(asked).toEqual([expect.objectContaining({ assignmentKey: 'user-1', context: [1, 2] })]);
    expect(headers.has(idHeader)).toBe(false);
  });

  it.each([
    ['a promise', () => Promise.resolve({})],
    ['a text', () => 'user-1'],
    ['a number for a key', () => ({ key: 1 })],
    ['words for a context', () => ({ context: ['one'] })],
  ])('that the operator answers as %s fails as his mistake', async (_what, assignmentOf) => {
    const handle = ask(await halved(), { assignmentOf: assignmentOf as never });
    const { status, text } = await handle('POST', infer, oneRow);
    expect(status).toBe(500);
    expect(text).not.toContain('assignmentOf');
  });

  it('is an option of the host, and a function', async () => {
    const rollout = await halved();
    expect(() => createHandler(rollout, { assignmentOf: 'key' as never })).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', details: expect.objectContaining({ field: 'assignmentOf' }) }),
    );
  });

  it('holds for every row of a batch', async () => {
    const rollout = await halved();
    const handle = ask(rollout, {}, batchScoring());
    const expected = await armsHere(rollout);
    const before = rollout.rolloutStats().arms;
    for (const key of users.slice(0, 6)) {
      const rows = Array.from({ length: 5 }, (_, id) => JSON.stringify({ id, x: [1, 2] })).join('\n');
      const headers = { 'content-type': 'application/x-ndjson', 'x-fairlead-key': key };
      const { status, text } = await handle('POST', '/v1/batch/digits', rows, headers);
      expect([status, text.trim().split('\n').length]).toEqual([200, 5]);
    }
    const after = rollout.rolloutStats().arms;
    const canaries = expected.slice(0, 6).filter((version) => version === '2').length;
    expect((after.canary?.requests ?? 0) - (before.canary?.requests ?? 0)).toBe(5 * canaries);
    const wrong = await handle('POST', '/v1/batch/digits', '{}', {
      'content-type': 'application/x-ndjson',
      'x-fairlead-key': 'k'.repeat(300),
    });
    expect(wrong.status).toBe(400);
  });
});

describe('the context of a request', () => {
  it('comes as a header or a parameter to a rollout that chooses by one', async () => {
    const rollout = await halved({ strategy: linUcb({ dimensions: 2 }), rewards: {} });
    const handle = ask(rollout);
    expect((await handle('POST', infer, oneRow, { 'x-fairlead-context': '1, 0.25' })).status).toBe(200);
    expect((await handle('POST', infer, { ...oneRow, parameters: { context: '1,0.5' } })).status).toBe(200);
    expect([...rollout.decisions()].map(({ context }) => context)).toEqual([
      [1, 0.25],
      [1, 0.5],
    ]);
    const short = await handle('POST', infer, oneRow, { 'x-fairlead-context': '1' });
    expect(short.body).toMatchObject({ code: 'INVALID_INPUT', field: 'context' });
    expect((await handle('POST', infer, oneRow)).status).toBe(400);
    expect((await handle('POST', infer, oneRow, { 'x-fairlead-context': '1,x' })).status).toBe(400);
  });

  it('is taken by strategies that choose, unless they say that they do without', async () => {
    const { usesContext, ...own } = thompson();
    expect(usesContext).toBe(false);
    expect((await halved({ strategy: own })).takesContext).toBe(true);
    expect((await halved()).takesContext).toBe(false);
  });

  it('is not kept by one that does not', async () => {
    const rollout = await halved({ strategy: thompson() });
    expect(rollout.takesContext).toBe(false);
    const headers = { 'x-fairlead-context': new Array(5000).fill('1').join(',') };
    expect((await ask(rollout)('POST', infer, oneRow, headers)).status).toBe(200);
    expect([...rollout.decisions()]).toEqual([expect.not.objectContaining({ context: expect.anything() })]);
  });
});

describe('the decision', () => {
  it('is told as a header and a parameter where it is remembered', async () => {
    const rollout = await halved({ rewards: {} });
    const { headers, body } = await ask(rollout)('POST', infer, oneRow, { 'x-fairlead-key': 'user-1' });
    const id = headers.get(idHeader);
    expect(id).toBe([...rollout.decisions()][0]?.id);
    expect((body as { parameters: object }).parameters).toEqual({ digest: expect.any(String), decision_id: id });
    expect(rollout.reward(id as string, 1)).toBe('counted');
  });

  it('is not told where nobody remembers it', async () => {
    const { headers, body } = await ask(await halved())('POST', infer, oneRow);
    expect(headers.has(idHeader)).toBe(false);
    expect((body as { parameters: object }).parameters).not.toHaveProperty('decision_id');
  });

  it('stands beside bytes too', async () => {
    const body = { ...oneRow, parameters: { binary_data_output: true } };
    const { headers, text } = await ask(await halved({ rewards: {} }))('POST', infer, body);
    const json = JSON.parse(text.slice(0, Number(headers.get('inference-header-content-length'))));
    expect(json.parameters.decision_id).toBe(headers.get(idHeader));
  });

  it.each([
    ['tensorflow-serving', tensorflowServing(), '/v1/models/digits:predict', { instances: [[1, 2]] }],
    ['torchserve', torchServe(), '/predictions/digits', [[1, 2]]],
    ['mlflow', mlflowScoring({ model: 'digits' }), '/invocations', { inputs: [[1, 2]] }],
    ['sagemaker', sageMaker({ model: 'digits' }), '/invocations', { instances: [[1, 2]] }],
    ['vertex-ai', vertexAi({ model: 'digits' }), '/predict', { instances: [[1, 2]] }],
    ['azure-ml', azureMl({ model: 'digits' }), '/score', { inputs: [[1, 2]] }],
  ])('and the key travel by %s', async (_name, protocol, path, body) => {
    const rollout = await halved({ rewards: {} });
    const handle = ask(rollout, {}, protocol);
    const expected = await armsHere(rollout);
    const before = [...rollout.decisions()].length;
    const ids: (string | null)[] = [];
    for (const key of users) {
      const { status, headers } = await handle('POST', path, body, { 'x-fairlead-key': key });
      expect(status).toBe(200);
      ids.push(headers.get(idHeader));
    }
    const taken = [...rollout.decisions()].slice(before);
    expect(ids).toEqual(taken.map(({ id }) => id));
    expect(taken.map(({ arm }) => (arm === 'canary' ? '2' : '1'))).toEqual(expected);
  });

  it('is clean in a header, whatever arms and replicas are called', async () => {
    const store = createMemoryRolloutStore();
    const evil = 'x\r\nset-cookie: a=b\r\n\r\n<script>é,%2C';
    const rollout = await halved({
      challengers: { [evil]: await mockRunner({}, '2') },
      strategy: thompson(),
      replica: evil,
      store,
    });
    await rollout.look();
    const handle = ask(rollout);
    const arms = new Set<string>();
    for (let turn = 0; turn < 20; turn++) {
      const { headers } = await handle('POST', infer, oneRow);
      const id = headers.get(idHeader) as string;
      expect(id).toMatch(/^[\x21-\x7e]+$/);
      expect(headers.has('set-cookie')).toBe(false);
      const { body } = await handle('POST', rewards, { decision_id: id, value: 1 });
      expect(body).toEqual({ outcome: 'counted' });
    }
    for (const { arm, reward } of rollout.decisions()) {
      arms.add(arm);
      expect(reward).toBe(1);
    }
    expect(arms).toEqual(new Set(['champion', evil]));
  });

  it.each([['a\r\nb'], [''], ['é'], ['x'.repeat(8193)], [7]])(
    'of another maker that could not stand in one is not told',
    async (id) => {
      const runner = keep(await mockRunner());
      const run: ModelRunner['run'] = async (inputs) => ({
        ...(await runner.run(inputs)),
        rollout: { decisionId: id },
      });
      const other = { ...runner, model: runner.model, run, reward: () => 'counted' };
      const { status, headers } = await ask(other)('POST', infer, oneRow);
      expect(status).toBe(200);
      expect(headers.has(idHeader)).toBe(false);
    },
  );

  it('can be read by pages of other origins', async () => {
    const handle = ask(await halved({ rewards: {} }), { crossOrigin: { origins: '*' } });
    const { headers } = await handle('POST', infer, oneRow, { origin: 'https://app.example' });
    expect(headers.get('access-control-expose-headers')).toContain(idHeader);
  });
});

describe('rewards', () => {
  it('move a bandit', async () => {
    const rollout = await halved({ strategy: thompson() });
    const handle = ask(rollout);
    for (let turn = 0; turn < 60; turn++) {
      const answer = await handle('POST', infer, oneRow);
      const value = versionOf(answer) === '2' ? 1 : 0;
      const told = await handle('POST', rewards, { decision_id: answer.headers.get(idHeader), value });
      expect([told.status, told.body]).toEqual([200, { outcome: 'counted' }]);
    }
    await rollout.look();
    expect(rollout.describe().weights.canary).toBeGreaterThan(0.7);
    expect(rollout.rewardStats()).toMatchObject({ decisions: 60, waiting: 0, rewards: { counted: 60 } });
  });

  it('that come late, twice or for nothing are told so, one by one', async () => {
    const clock = createVirtualClock();
    const rollout = await halved({
      clock,
      rewards: { attributionWindowMs: 1000, lateArrivalMs: 10_000 },
    });
    const handle = ask(rollout);
    const decide = async () => (await handle('POST', infer, oneRow)).headers.get(idHeader) as string;
    const [first, second, third] = [await decide(), await decide(), await decide()];
    const now = clock.epochMs();
    await clock.advance(5000);
    const { status, body } = await handle('POST', rewards, [
      { decision_id: first, value: 1, at: now + 500 },
      { decision_id: first, value: 1, at: now + 500 },
      { decision_id: second, value: 1 },
      { decision_id: `${third}x`, value: 1 },
      { decision_id: third, value: Number.NaN },
      { decision_id: third, value: 1, at: now + 1e9 },
      { decision_id: third },
      { value: 1 },
      { decision_id: third, value: 1, time: now },
      7,
    ]);
    expect(status).toBe(200);
    expect(body).toEqual([
      { outcome: 'counted' },
      { outcome: 'duplicate' },
      { outcome: 'late' },
      expect.objectContaining({ code: 'NOT_FOUND', field: 'decisionId' }),
      expect.objectContaining({ code: 'INVALID_INPUT', field: '[4].value' }),
      expect.objectContaining({ code: 'INVALID_ARGUMENT', field: 'at' }),
      expect.objectContaining({ code: 'INVALID_INPUT', field: '[6].value' }),
      expect.objectContaining({ code: 'INVALID_INPUT', field: '[7].decision_id' }),
      expect.objectContaining({ code: 'INVALID_INPUT', field: '[8].time' }),
      expect.objectContaining({ code: 'INVALID_INPUT', field: '[9]' }),
    ]);
    await clock.advance(10_000);
    expect((await handle('POST', rewards, { decision_id: third, value: 1 })).body).toEqual({ outcome: 'gone' });
    expect(await handle('POST', rewards, { decision_id: 'unknown', value: 1 })).toMatchObject({
      status: 404,
      body: { code: 'NOT_FOUND' },
    });
  });

  it('are taken by another replica than the one that decided', async () => {
    const store = createMemoryRolloutStore();
    const [one, other] = [
      await halved({ store, strategy: thompson(), replica: 'one' }),
      await halved({ store, strategy: thompson(), replica: 'other' }),
    ];
    await Promise.all([one.look(), other.look()]);
    const { headers } = await ask(one)('POST', infer, oneRow);
    const reward = { decision_id: headers.get(idHeader), value: 1 };
    expect((await ask(other)('POST', rewards, reward)).body).toEqual({ outcome: 'accepted' });
    expect((await ask(other)('POST', rewards, reward)).body).toEqual({ outcome: 'duplicate' });
  });

  it.each([
    ['no JSON', 'nonsense', 400, 'PROTOCOL_ERROR'],
    ['no UTF-8', Uint8Array.of(0xff, 0xfe), 400, 'PROTOCOL_ERROR'],
    ['nothing', '', 400, 'PROTOCOL_ERROR'],
    ['null', 'null', 400, 'INVALID_INPUT'],
    ['a text', '"id"', 400, 'INVALID_INPUT'],
    ['an id that is none', { decision_id: 7, value: 1 }, 400, 'INVALID_INPUT'],
    ['an id without end', { decision_id: 'x'.repeat(20_000), value: 1 }, 400, 'INVALID_INPUT'],
    ['a bare token', '{"decision_id": "x", "value": Infinity}', 400, 'INVALID_INPUT'],
    ['an id of control characters', { decision_id: '\r\nset-cookie: a', value: 1 }, 404, 'NOT_FOUND'],
    ['a list without end', new Array(257).fill({ decision_id: 'x', value: 1 }), 413, 'LIMIT_EXCEEDED'],
    ['a body without end', ' '.repeat(1024 * 1024 + 1), 413, 'LIMIT_EXCEEDED'],
  ])('that are %s are refused', async (_what, body, status, code) => {
    const answer = await ask(await halved({ rewards: {} }))('POST', rewards, body);
    expect(answer).toMatchObject({ status, body: { code } });
    expect(answer.text.length).toBeLessThan(1000);
    expect(answer.headers.has('set-cookie')).toBe(false);
  });

  it('are taken of no model that remembers nothing', async () => {
    for (const runner of [keep(await mockRunner()), await halved()]) {
      const handle = ask(runner);
      const reward = { decision_id: 'x', value: 1 };
      expect(await handle('POST', rewards, reward)).toMatchObject({ status: 415, body: { code: 'UNSUPPORTED' } });
      const { body } = await handle('GET', '/v2');
      expect((body as { extensions: string[] }).extensions).not.toContain('rewards');
    }
    const handle = ask(await halved({ rewards: {} }));
    expect((await handle('POST', '/v2/models/other/rewards', {})).status).toBe(404);
    expect(((await handle('GET', '/v2')).body as { extensions: string[] }).extensions).toContain('rewards');
  });

  it('are an operation of their own to guards and observers', async () => {
    const seen: string[] = [];
    const guard: Guard = {
      admit({ operation, model }) {
        seen.push(`${operation} ${model}`);
        if (operation === 'reward') throw new FairleadError('FORBIDDEN', 'No.');
        return undefined;
      },
    };
    const rollout = await halved({ rewards: {} });
    const handle = ask(rollout, { guard });
    const { headers } = await handle('POST', infer, oneRow);
    const { status } = await handle('POST', rewards, { decision_id: headers.get(idHeader), value: 1 });
    expect(status).toBe(403);
    expect(seen).toEqual(['infer digits', 'reward digits']);
    expect(rollout.rewardStats()).toMatchObject({ waiting: 1 });
  });

  it('fail as a whole where the rollout itself fails, for none counts twice', async () => {
    const runner = keep(await mockRunner());
    const failing = {
      ...runner,
      model: runner.model,
      reward() {
        throw new Error('secret');
      },
    };
    const { status, text } = await ask(failing)('POST', rewards, [{ decision_id: 'x', value: 1 }]);
    expect(status).toBe(500);
    expect(text).not.toContain('secret');
  });

  it('have a bound on how many are under way, as other bodies have', async () => {
    const handle = ask(await halved({ rewards: {} }), { maxBodyBytes: 100 });
    const body = { decision_id: 'x'.repeat(100), value: 1 };
    expect((await handle('POST', rewards, body)).status).toBe(413);
  });
});
