import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FairleadError } from '../errors';
import {
  failure,
  pair,
  pairSignature,
  type ScriptedRunner,
  type Step,
  scriptedRunner,
} from '../resilience/scripted-runner.fixture';
import type { ModelRunner, RunOptions } from '../runner/runner';
import type { Tensor } from '../tensor/tensor';
import { collectInto } from '../testing/test-kit.fixture';
import { createVirtualClock, type VirtualClock } from '../testing/virtual-clock';
import type { PoolOptions } from './options';
import { createPool, type PoolRunner } from './pool';
import type { PoolEventMap } from './result';

interface Setup {
  readonly pool: PoolRunner;
  readonly runners: readonly ScriptedRunner[];
  readonly heard: { readonly name: keyof PoolEventMap; readonly event: unknown }[];
  readonly log: string[];
  /** Runs one request to its end on the virtual clock. */
  ask(options?: RunOptions): Promise<string>;
}

const eventNames = [
  'endpoint-connect',
  'endpoint-connect-fail',
  'endpoint-open',
  'endpoint-close',
  'endpoint-eject',
  'request-retry',
  'request-hedge',
] as const;

/** Takes the endpoints in the order of their numbers: the first pick of two is always the first of those ready. */
const inOrder = (): number => 0;

async function setUp(
  clock: VirtualClock,
  scripts: readonly ((call: number) => Step)[],
  options: Partial<PoolOptions> = {},
): Promise<Setup> {
  const runners = scripts.map((script, index) => scriptedRunner(clock, script, String(index)));
  const heard: Setup['heard'] = [];
  const log: string[] = [];
  const on = Object.fromEntries(
    eventNames.map((name) => [name, (event: unknown) => void heard.push({ name, event })]),
  ) as PoolOptions['on'];
  const pool = await createPool({
    endpoints: runners,
    clock,
    logger: collectInto(log),
    random: inOrder,
    ...(on === undefined ? {} : { on }),
    ...options,
  });
  const ask = async (runOptions?: RunOptions): Promise<string> => {
    let settled = '';
    pool.run(pair(), runOptions).then(
      ({ model }) => {
        settled = model.version;
      },
      (error: unknown) => {
        settled = FairleadError.isInstance(error) ? error.code : String(error);
      },
    );
    for (let step = 0; settled === '' && step < 1000; step++) await clock.advance(1);
    return settled;
  };
  return { pool, runners, heard, log, ask };
}

const well = (): Step => ({ afterMs: 10 });
const ill = (): Step => ({ afterMs: 1, error: failure('REMOTE_FAILED') });

describe('retry', () => {
  it('asks another endpoint at once when one fails for a reason of its own', async () => {
    const clock = createVirtualClock();
    const { pool, runners, heard, ask } = await setUp(clock, [ill, well]);
    const before = clock.now();
    expect(await ask()).toBe('1');
    expect(clock.now() - before).toBeLessThanOrEqual(13);
    expect(runners.map(({ calls }) => calls.length)).toEqual([1, 1]);
    expect(heard).toMatchObject([
      { name: 'request-retry', event: { from: 'endpoint-1', to: 'endpoint-2', attempt: 2 } },
    ]);
    expect(pool.poolStats()).toMatchObject({ requests: 1, retries: 1, recovered: 1, failures: 0 });
    await pool.close();
  });

  it('gives the second endpoint what the first was given, whatever the caller does with his array', async () => {
    const clock = createVirtualClock();
    const { pool, runners } = await setUp(clock, [ill, well]);
    const { x } = pair(3, 4);
    const answer = pool.run({ x });
    x.fill(0);
    await clock.advance(50);
    expect((await answer).outputs.y).toMatchObject({ data: Float32Array.of(30, 40) });
    expect(runners[1]?.calls[0]?.x).toEqual([3, 4]);
    await pool.close();
  });

  it('counts the time before the attempt that answered as waiting', async () => {
    const clock = createVirtualClock();
    const { pool } = await setUp(clock, [ill, well]);
    const answer = pool.run(pair());
    await clock.advance(50);
    expect((await answer).timing.queueMs).toBe(1);
    await pool.close();
  });

  it.each(['INVALID_INPUT', 'INVALID_ARGUMENT'] as const)(
    'does not repeat a request that is wrong itself: %s',
    async (code) => {
      const clock = createVirtualClock();
      const { pool, runners, ask } = await setUp(clock, [() => ({ error: failure(code) }), well]);
      expect(await ask()).toBe(code);
      expect(runners[1]?.calls).toEqual([]);
      expect(pool.describe().endpoints[0]).toMatchObject({ state: 'ready', failures: 0 });
      await pool.close();
    },
  );

  it('does not repeat what a server refused as the fault of the request, and does after its own', async () => {
    const clock = createVirtualClock();
    let status = 400;
    const { pool, ask } = await setUp(clock, [() => ({ error: failure('REMOTE_FAILED', { status }) }), well]);
    expect(await ask()).toBe('REMOTE_FAILED');
    status = 500;
    expect(await ask()).toBe('1');
    await pool.close();
  });

  it('keeps to maxAttempts, to the budget and to the endpoints there are', async () => {
    const clock = createVirtualClock();
    const attempts = await setUp(clock, [ill, ill, ill], { maxAttempts: 2, circuit: { failures: 100 } });
    expect(await attempts.ask()).toBe('REMOTE_FAILED');
    expect(attempts.pool.poolStats()).toMatchObject({ retries: 1, failures: 1, givenUp: { attempts: 1 } });
    await attempts.pool.close();

    const budget = await setUp(clock, [ill, ill], {
      retryBudget: { share: 0, perSecond: 0.1 },
      circuit: { failures: 100 },
    });
    expect([await budget.ask(), await budget.ask()]).toEqual(['REMOTE_FAILED', 'REMOTE_FAILED']);
    expect(budget.pool.poolStats()).toMatchObject({ retries: 1, givenUp: { budget: 2 } });
    await budget.pool.close();

    const alone = await setUp(clock, [ill], { circuit: { failures: 1 } });
    expect(await alone.ask()).toBe('REMOTE_FAILED');
    expect(alone.pool.poolStats()).toMatchObject({ retries: 0, givenUp: { endpoints: 1 } });
    await alone.pool.close();
  });

  it('leaves an endpoint that is overloaded alone for as long as it says, without counting it against it', async () => {
    const clock = createVirtualClock();
    let calls = 0;
    const busy = (): Step =>
      calls++ === 0 ? { afterMs: 1, error: failure('OVERLOADED', { retryAfterMs: 500 }) } : well();
    const { pool, runners, ask } = await setUp(clock, [busy, well]);
    expect([await ask(), await ask(), await ask()]).toEqual(['1', '1', '1']);
    expect(runners[0]?.calls).toHaveLength(1);
    expect(pool.describe().endpoints[0]).toMatchObject({ state: 'ready', failures: 0 });
    await clock.advance(500);
    // Nothing is known of how long it takes, so it is preferred.
    expect(await ask()).toBe('0');
    await pool.close();
  });
});

describe('an endpoint that asks to be left alone for years', () => {
  it('is asked again after a minute', async () => {
    const clock = createVirtualClock();
    let calls = 0;
    const busy = (): Step =>
      calls++ === 0 ? { afterMs: 1, error: failure('OVERLOADED', { retryAfterMs: 1e12 }) } : well();
    const { pool, ask } = await setUp(clock, [busy, well]);
    expect(await ask()).toBe('1');
    await clock.advance(59_000);
    expect(await ask()).toBe('1');
    await clock.advance(1000);
    expect(await ask()).toBe('0');
    await pool.close();
  });
});

describe('hedging', () => {
  const learned = async (setup: Setup): Promise<void> => {
    for (let index = 0; index < 20; index++) await setup.ask();
    expect(setup.pool.describe().hedgeAfterMs).toBe(10);
  };

  it('sends what takes longer than most to a second endpoint, and aborts the first', async () => {
    const clock = createVirtualClock();
    let hang = false;
    const slow = (): Step => (hang ? { hangs: true } : well());
    const setup = await setUp(clock, [slow, well], { hedge: { share: 1 } });
    await learned(setup);
    hang = true;
    for (let index = 0; index < 10; index++) expect(await setup.ask()).toBe('1');
    const { hedges, hedgesWon } = setup.pool.poolStats();
    expect(hedges).toBeGreaterThan(0);
    expect(hedgesWon).toBe(hedges);
    expect(setup.runners[0]?.inFlight).toBe(0);
    expect(setup.heard.filter(({ name }) => name === 'request-hedge')[0]?.event).toMatchObject({
      from: 'endpoint-1',
      to: 'endpoint-2',
      afterMs: 10,
    });
    await setup.pool.close();
  });

  it('stays within its share, and does nothing where it is not wanted', async () => {
    const clock = createVirtualClock();
    for (const { hedge, most } of [
      { hedge: { share: 0.1 }, most: 7 },
      { hedge: false as const, most: 0 },
    ]) {
      let afterMs = 10;
      const script = (): Step => ({ afterMs });
      const setup = await setUp(clock, [script, script], { hedge });
      for (let index = 0; index < 20; index++) await setup.ask();
      afterMs = 30;
      for (let index = 0; index < 50; index++) await setup.ask();
      expect(setup.pool.poolStats().hedges).toBeLessThanOrEqual(most);
      if (most > 0) expect(setup.pool.poolStats().hedges).toBeGreaterThan(0);
      await setup.pool.close();
    }
  });
});

describe('circuit breaker', () => {
  it('leaves an endpoint alone after failures in a row, and finds out with a copy that it is back', async () => {
    const clock = createVirtualClock();
    let down = true;
    const script = (): Step => (down ? { afterMs: 20, error: failure('REMOTE_FAILED') } : { afterMs: 5 });
    const setup = await setUp(clock, [script, well], { retryBudget: { share: 1 }, hedge: false });
    const answers: string[] = [];
    for (let index = 0; index < 12; index++) answers.push(await setup.ask());
    expect(new Set(answers)).toEqual(new Set(['1']));
    expect(setup.runners[0]?.calls).toHaveLength(5);
    expect(setup.pool.describe().endpoints[0]).toMatchObject({ state: 'open', failures: 5 });
    expect(setup.pool.health()).toMatchObject({ status: 'degraded', ready: true, lanes: { alive: 1, total: 2 } });

    await clock.advance(5000);
    // It still fails: nobody feels it, and it is left alone as long again.
    expect(await setup.ask()).toBe('1');
    await clock.advance(50);
    expect(setup.runners[0]?.calls).toHaveLength(6);
    expect(await setup.ask()).toBe('1');
    expect(setup.runners[0]?.calls).toHaveLength(6);

    down = false;
    await clock.advance(5000);
    // The copy answers before the other one does.
    expect(await setup.ask()).toBe('0');
    expect(setup.pool.describe().endpoints[0]?.state).toBe('ready');
    expect(setup.pool.poolStats().probes).toBe(2);
    expect(setup.heard.map(({ name }) => name).filter((name) => name.startsWith('endpoint'))).toEqual([
      'endpoint-open',
      'endpoint-open',
      'endpoint-close',
    ]);
    await setup.pool.close();
  });

  it('refuses at once where every endpoint is left alone, and tries one when its time has come', async () => {
    const clock = createVirtualClock();
    let down = true;
    const script = (): Step => (down ? ill() : well());
    const { pool, runners, ask } = await setUp(clock, [script, script], {
      circuit: { failures: 1, halfOpenAfterMs: 100 },
    });
    expect(await ask()).toBe('REMOTE_FAILED');
    const refused = pool.run(pair());
    await expect(refused).rejects.toMatchObject({ code: 'OVERLOADED' });
    await expect(refused).rejects.toThrow(/endpoint-1 open, endpoint-2 open/);
    expect(pool.health()).toMatchObject({ status: 'failed', ready: false });
    down = false;
    await clock.advance(100);
    expect(await ask()).toMatch(/[01]/);
    expect(runners.reduce((total, { calls }) => total + calls.length, 0)).toBeGreaterThanOrEqual(3);
    await pool.close();
  });

  it('takes an endpoint that hangs until the deadline for a failure, and a deadline too short for anyone for none', async () => {
    const clock = createVirtualClock();
    const hung = await setUp(clock, [() => ({ hangs: true }), well], { circuit: { failures: 1 }, hedge: false });
    expect(await hung.ask({ timeoutMs: 30 })).toBe('DEADLINE_EXCEEDED');
    expect(hung.pool.describe().endpoints[0]).toMatchObject({ state: 'open', failures: 1 });
    await hung.pool.close();

    const hasty = await setUp(clock, [well, well], { circuit: { failures: 1 } });
    for (let index = 0; index < 20; index++) await hasty.ask();
    expect(await hasty.ask({ timeoutMs: 2 })).toBe('DEADLINE_EXCEEDED');
    expect(hasty.pool.describe().endpoints.map(({ state }) => state)).toEqual(['ready', 'ready']);
    await hasty.pool.close();
  });

  it('takes an abort for nothing, and passes it on', async () => {
    const clock = createVirtualClock();
    const { pool, runners } = await setUp(clock, [() => ({ hangs: true }), well], { circuit: { failures: 1 } });
    const controller = new AbortController();
    const answer = pool.run(pair(), { signal: controller.signal });
    const refused = expect(answer).rejects.toMatchObject({ code: 'ABORTED' });
    await clock.advance(100);
    controller.abort();
    await refused;
    expect(runners[0]?.inFlight).toBe(0);
    expect(pool.describe().endpoints[0]?.state).toBe('ready');
    await pool.close();
  });
});

describe('outliers', () => {
  it('puts aside who fails markedly more often than the others, for ever longer, but no more than maxShare', async () => {
    const clock = createVirtualClock();
    const flaky = (call: number): Step => (call % 2 === 0 ? ill() : well());
    const setup = await setUp(clock, [flaky, flaky, well, well], {
      hedge: false,
      random: Math.random,
      retryBudget: { share: 1 },
      outliers: { maxShare: 0.25 },
    });
    for (let index = 0; index < 600; index++) expect(await setup.ask()).toMatch(/[0-3]/);
    const ejected = setup.heard.filter(({ name }) => name === 'endpoint-eject');
    expect(ejected.length).toBeGreaterThan(0);
    for (const { event } of ejected) expect(event).toMatchObject({ why: 'failures', endpoint: /endpoint-[12]/ });
    const aside = setup.pool.describe().endpoints.filter(({ state }) => state === 'ejected');
    expect(aside.length).toBeLessThanOrEqual(1);
    expect(setup.pool.poolStats().ejections.failures).toBe(ejected.length);
    await setup.pool.close();
  });

  it('still asks those aside where nobody else is left', async () => {
    const clock = createVirtualClock();
    let other: () => Step = well;
    const flaky = (call: number): Step => (call % 2 === 0 ? ill() : well());
    const setup = await setUp(clock, [flaky, () => other()], {
      hedge: false,
      random: Math.random,
      retryBudget: { share: 1 },
      maxAttempts: 10,
    });
    while (!setup.heard.some(({ name }) => name === 'endpoint-eject')) await setup.ask();
    other = ill;
    const answers = [];
    for (let index = 0; index < 8; index++) answers.push(await setup.ask());
    expect(answers).toContain('0');
    await setup.pool.close();
  });
});

describe('choice', () => {
  it('gives a slow endpoint few requests, and spreads the rest', async () => {
    const clock = createVirtualClock();
    const slow = (): Step => ({ afterMs: 80 });
    const { pool, runners } = await setUp(clock, [slow, well, well], {
      hedge: false,
      random: Math.random,
      outliers: false,
    });
    let answered = 0;
    const caller = async (): Promise<void> => {
      for (let index = 0; index < 50; index++) {
        await pool.run(pair());
        answered++;
      }
    };
    const callers = Promise.all(Array.from({ length: 12 }, caller));
    for (let step = 0; answered < 600 && step < 20_000; step++) await clock.advance(1);
    await callers;
    const [a, b, c] = runners.map(({ calls }) => calls.length) as [number, number, number];
    expect(a + b + c).toBe(600);
    expect(a).toBeLessThan(120);
    expect(Math.min(b, c)).toBeGreaterThan(180);
    await pool.close();
  });
});

describe('connecting', () => {
  const named = (name: string, connect: () => ModelRunner | Promise<ModelRunner>) => ({ name, connect });

  it('begins with those that can be connected, and goes on trying the others', async () => {
    const clock = createVirtualClock();
    const here = scriptedRunner(clock, well, '0');
    const there = scriptedRunner(clock, well, '1');
    let attempts = 0;
    const heard: string[] = [];
    const pool = await createPool({
      endpoints: [
        named('here', () => here),
        named('there', async () => {
          if (++attempts < 3) throw failure('REMOTE_FAILED');
          return there;
        }),
      ],
      clock,
      random: inOrder,
      on: {
        'endpoint-connect-fail': ({ endpoint, retryAfterMs }) => void heard.push(`${endpoint} in ${retryAfterMs}`),
        'endpoint-connect': ({ endpoint, model }) => void heard.push(`${endpoint} ${model.version}`),
      },
    });
    const batches: unknown[] = [];
    pool.events.on('batch-end', (event) => void batches.push(event));
    expect(pool.describe().endpoints[1]).toMatchObject({ name: 'there', state: 'connecting' });
    await clock.advance(1000);
    await clock.advance(2000);
    expect(heard).toEqual(['there in 1000', 'there in 2000', 'there 1']);
    expect(pool.describe().endpoints[1]).toMatchObject({ state: 'ready', model: { version: '1' } });
    // Who listened before hears it as well.
    expect(there.events.listenerCount('batch-end')).toBe(1);
    await pool.close();
    expect([here.closed, there.closed]).toEqual([true, true]);
  });

  it('fails where none can be connected, and closes what it has connected where they do not fit', async () => {
    const clock = createVirtualClock();
    const refuse = () => Promise.reject(failure('REMOTE_FAILED'));
    await expect(createPool({ endpoints: [named('a', refuse)], clock })).rejects.toMatchObject({
      code: 'REMOTE_FAILED',
    });
    const other = scriptedRunner(clock, well, '1', { ...pairSignature, batchAxis: null });
    const made = scriptedRunner(clock, well, '0');
    const own = scriptedRunner(clock, well, '0');
    await expect(
      createPool({ endpoints: [own, named('b', () => made), named('c', () => other)], clock }),
    ).rejects.toMatchObject({
      code: 'SIGNATURE_MISMATCH',
    });
    expect([own.closed, made.closed, other.closed]).toEqual([false, true, true]);
  });

  it('refuses a late endpoint that is another model, and keeps trying', async () => {
    const clock = createVirtualClock();
    const other = scriptedRunner(clock, well, '1', { ...pairSignature, batchAxis: null });
    let isUp = false;
    const errors: unknown[] = [];
    const pool = await createPool({
      endpoints: [
        scriptedRunner(clock, well),
        named('b', () => (isUp ? other : Promise.reject(failure('REMOTE_FAILED')))),
      ],
      clock,
      on: { 'endpoint-connect-fail': ({ error }) => void errors.push((error as FairleadError).code) },
    });
    isUp = true;
    await clock.advance(1000);
    expect(errors).toEqual(['REMOTE_FAILED', 'SIGNATURE_MISMATCH']);
    expect(other.closed).toBe(true);
    await pool.close();
  });

  it.each([
    [{ endpoints: [] }, /endpoints/],
    [{ endpoints: [{}] }, /a runner, or \{ name, connect \}/],
    [{ endpoints: [named('a', () => Promise.reject(1)), named('a', () => Promise.reject(1))] }, /"a" twice/],
    [{ endpoints: [named('a', () => 3 as unknown as ModelRunner)] }, /expected a runner/],
    [{ endpoints: [named('a', () => Promise.reject(1))], maxAttempts: 0 }, /maxAttempts/],
    [{ endpoints: [named('a', () => Promise.reject(1))], hedge: { quantile: 1 } }, /hedge/],
    [{ endpoints: [named('a', () => Promise.reject(1))], outliers: { slowness: 1 } }, /outliers/],
    [{ endpoints: [named('a', () => Promise.reject(1))], circuit: { failures: 0 } }, /circuit/],
    [{ endpoints: [named('a', () => Promise.reject(1))], many: 1 }, /many/],
  ])('says what is wrong with options, %#', async (options, message) => {
    const refused = createPool(options as unknown as PoolOptions);
    await expect(refused).rejects.toMatchObject({ code: 'INVALID_OPTION' });
    await expect(refused).rejects.toThrow(message);
  });
});

describe('closing', () => {
  it('lets what is under way end, refuses what comes, and closes every endpoint', async () => {
    const clock = createVirtualClock();
    const { pool, runners } = await setUp(clock, [well, well]);
    const answer = pool.run(pair());
    const closing = pool.close();
    await expect(pool.run(pair())).rejects.toMatchObject({ code: 'CLOSED' });
    await clock.advance(20);
    expect((await answer).model.version).toBe('0');
    await closing;
    expect(runners.map(({ closed }) => closed)).toEqual([true, true]);
    expect(pool.health()).toMatchObject({ status: 'closed', ready: false });
  });
});

it('warns of a lost endpoint where nobody listens', async () => {
  const clock = createVirtualClock();
  const log: string[] = [];
  const pool = await createPool({
    endpoints: [scriptedRunner(clock, ill), scriptedRunner(clock, well, '1')],
    circuit: { failures: 1 },
    clock,
    logger: collectInto(log),
    random: inOrder,
  });
  const answer = pool.run(pair());
  await clock.advance(30);
  await answer;
  expect(log.join()).toContain('endpoint-1 is left alone for 5000 ms');
  await pool.close();
});

it('ends every request exactly once, with its own rows, never after its deadline, whatever the endpoints do', async () => {
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.nat(40).map((afterMs): Step => ({ afterMs })) },
    { weight: 3, arbitrary: fc.nat(40).map((afterMs): Step => ({ afterMs, error: failure('REMOTE_FAILED') })) },
    {
      weight: 1,
      arbitrary: fc.nat(9).map((afterMs): Step => ({ afterMs, error: failure('OVERLOADED', { retryAfterMs: 20 }) })),
    },
    { weight: 1, arbitrary: fc.constant<Step>({ hangs: true }) },
    { weight: 1, arbitrary: fc.constant<Step>({ afterMs: 3, error: failure('INVALID_INPUT') }) },
  );
  const request = fc.record({
    atMs: fc.nat(200),
    timeoutMs: fc.option(fc.nat(100), { nil: undefined }),
    abortAfterMs: fc.option(fc.nat(60), { nil: undefined, freq: 4 }),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(step, { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 4 }),
      fc.array(request, { minLength: 1, maxLength: 25 }),
      fc.integer(),
      async (scripts, requests, seed) => {
        const clock = createVirtualClock();
        const runners = scripts.map((script, index) =>
          scriptedRunner(clock, (call) => script[call % script.length] as Step, String(index)),
        );
        let state = seed;
        const pool = await createPool({
          endpoints: runners,
          clock,
          logger: collectInto([]),
          random: () => {
            state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
            return (state >>> 0) / 2 ** 32;
          },
          circuit: { failures: 3, halfOpenAfterMs: 30 },
          hedge: { share: 1, quantile: 0.5 },
        });
        const ends = requests.map(() => 0);
        for (const [index, { atMs, timeoutMs, abortAfterMs }] of requests.entries()) {
          clock.setTimer(() => {
            const controller = new AbortController();
            if (abortAfterMs !== undefined) clock.setTimer(() => controller.abort(), abortAfterMs);
            const startedAt = clock.now();
            const count = (): void => {
              ends[index] = (ends[index] as number) + 1;
              if (timeoutMs !== undefined) expect(clock.now() - startedAt).toBeLessThanOrEqual(timeoutMs);
            };
            const options = { signal: controller.signal, ...(timeoutMs === undefined ? {} : { timeoutMs }) };
            pool.run(pair(index + 1, -index), options).then(
              ({ outputs, model }) => {
                count();
                const scale = 10 ** Number(model.version);
                expect([...(outputs.y as Tensor<'float32'>).data]).toEqual([(index + 1) * scale, -index * scale]);
              },
              (error: unknown) => {
                count();
                expect(FairleadError.isInstance(error)).toBe(true);
              },
            );
          }, atMs);
        }
        // Requests without a deadline may hang for ever where an endpoint does: their callers abort.
        for (let tick = 0; tick < 40; tick++) await clock.advance(10);
        const hanging = requests.map(
          ({ timeoutMs, abortAfterMs }) => timeoutMs === undefined && abortAfterMs === undefined,
        );
        for (const [index, count] of ends.entries()) {
          if (hanging[index] !== true) expect(count).toBe(1);
          else expect(count).toBeLessThanOrEqual(1);
        }
        const { requests: counted } = pool.poolStats();
        expect(counted).toBe(requests.length);
      },
    ),
    { numRuns: 150 },
  );
});
