import { describe, expect, it } from 'vitest';
import { createMemorySink } from '../../monitoring/predictions/memory-sink';
import { createPredictionLog, type PredictionLog } from '../../monitoring/predictions/prediction-log';
import { createRandom } from '../../monitoring/random';
import type { RunOptions } from '../../runner/runner';
import { openBench, rejection, until } from '../../testing/test-kit.fixture';
import { createVirtualClock } from '../../testing/virtual-clock';
import type { ReplayOptions } from './options';
import { replay } from './replay';

const model = { name: 'm', version: '1', digest: 'd' };
const tensor = (...values: number[]) => ({
  dtype: 'float32' as const,
  shape: [1, values.length],
  data: Float32Array.from(values),
});

const start = createVirtualClock().epochMs();
const opened = () => createPredictionLog({ sink: createMemorySink(), clock: createVirtualClock() });

/** The mock's model answers both numbers of a row twice: y = [2x, −2x] for x = [x, −x]. */
async function candidateOf(options: Parameters<typeof openBench>[0] = {}) {
  const bench = await openBench(options);
  const run = <T>(promise: Promise<T>): Promise<T> => until(promise, bench.clock);
  return { ...bench, run };
}

/** Rewards by id: what was decided earned them. */
const earnedBy = new Map<string, number>();

/** Yesterday: x from −1 to 1, decided by chance, 'up' with chance .7. Up earns 1 where x > 0, down where it is not. */
function logYesterday(log: PredictionLog, count: number, seed = 5): void {
  const random = createRandom(seed);
  for (let i = 0; i < count; i++) {
    const x = 2 * random() - 1;
    const decision = random() < 0.7 ? 'up' : 'down';
    const id = `r${i}`;
    log.record({
      id,
      at: start + i,
      model,
      inputs: { x: tensor(x, -x) },
      outputs: { y: tensor(i % 4 === 0 ? 99 : 2 * x, -2 * x) },
      decision,
      propensity: decision === 'up' ? 0.7 : 0.3,
    });
    earnedBy.set(id, (decision === 'up') === x > 0 ? 1 : 0);
  }
}

const decideBySign: NonNullable<ReplayOptions['decide']> = ({ outputs }) =>
  (outputs.y?.data[0] as number) > 0 ? 'up' : 'down';
const rewardOf: NonNullable<ReplayOptions['rewardOf']> = ({ id }) => earnedBy.get(id);

describe('replay', () => {
  it('tells what the candidate would have answered, decided and earned', async () => {
    const { runner, run } = await candidateOf();
    const log = await opened();
    logYesterday(log, 2000);
    const report = await run(replay(log, { candidate: runner, decide: decideBySign, rewardOf }));
    expect(report).toMatchObject({ records: 2000, answered: 2000, withoutInputs: 0, failed: {} });
    expect(report.agreement).toMatchObject({ compared: 2000, incomparable: 0, withinTolerance: 0.75 });
    expect(report.agreement.largestDifference).toBeGreaterThan(95);
    // Deciding by the sign agrees with half of the ups and half of the downs, and earns 1 each time.
    expect(report.decisions).toMatchObject({ compared: 2000, withoutPropensity: 0 });
    expect(Math.abs((report.decisions?.agreeing as number) - 0.5)).toBeLessThan(0.05);
    const { ips, selfNormalised, logged, warnings } = report.earned ?? expect.fail('nothing was estimated');
    expect(selfNormalised.value).toBe(1);
    expect(ips.lower).toBeLessThan(1);
    expect(ips.upper).toBeGreaterThan(1);
    expect(Math.abs(logged.value - 0.5)).toBeLessThan(0.05);
    expect(warnings).toEqual([]);
    await runner.close();
    await log.close();
  });

  it('takes chances for a decision, and a model of rewards by context', async () => {
    const { runner, run } = await candidateOf();
    const log = await opened();
    logYesterday(log, 1000);
    const report = await run(
      replay(log, {
        candidate: runner,
        decide: () => ({ up: 0.7, down: 0.3 }),
        rewardOf: async (record) => earnedBy.get(record.id),
        contextOf: ({ inputs }) => (inputs.x?.form === 'full' ? [inputs.x.tensor.data[0] as number] : undefined),
        estimate: { rewardModel: 'linear' },
      }),
    );
    // The policy that was logged: weights are 1.
    expect(report.earned?.ips.value).toBeCloseTo(report.earned?.logged.value as number, 12);
    expect(report.earned?.effectiveSampleSize).toBeCloseTo(1000, 6);
    await runner.close();
  });

  it('passes over what was not logged in full, and says how much', async () => {
    const { runner, run } = await candidateOf();
    const log = await createPredictionLog({ sink: createMemorySink(), inputs: 'summary', clock: createVirtualClock() });
    log.record({ model, inputs: { x: tensor(1, 2) }, outputs: { y: tensor(1, 2) } });
    const full = await opened();
    full.record({ model, inputs: { other: tensor(1, 2) } });
    full.record({ model, inputs: { x: tensor(1, 2) } });
    full.record({ model, inputs: { x: tensor(1, 2) }, outputs: { z: tensor(1) }, decision: 'up' });
    expect(await run(replay(log, { candidate: runner }))).toEqual({
      records: 1,
      answered: 0,
      withoutInputs: 1,
      failed: {},
      agreement: { compared: 0, incomparable: 0, withinTolerance: 0, largestDifference: 0 },
    });
    const report = await run(replay(full, { candidate: runner, decide: decideBySign, rewardOf: () => 1 }));
    expect(report).toMatchObject({
      records: 3,
      answered: 2,
      withoutInputs: 1,
      agreement: { compared: 0, incomparable: 1 },
      decisions: { compared: 1, agreeing: 1, withoutPropensity: 2 },
    });
    expect(report.earned).toBeUndefined();
    await runner.close();
  });

  it('goes on where the candidate fails, and counts it', async () => {
    const { runner, run } = await candidateOf();
    const log = await opened();
    log.record({ model, inputs: { x: tensor(1, 2) } });
    log.record({ model, inputs: { x: tensor(1, 2, 3) } });
    const report = await run(replay(log, { candidate: runner }));
    expect(report).toMatchObject({ records: 2, answered: 1, failed: { INVALID_INPUT: 1 } });
    expect(report.firstFailure).toContain('x');
    await runner.close();
    await rejection(replay(log, { candidate: runner }), 'CLOSED');
  });

  it('asks for the records of the filter, at low priority, a few at once, in the order of the log', async () => {
    const { runner, run } = await candidateOf();
    const log = await opened();
    logYesterday(log, 300);
    let atOnce = 0;
    let most = 0;
    const priorities = new Set<RunOptions['priority']>();
    const candidate = {
      ...runner,
      signature: runner.signature,
      async run(...[inputs, options]: Parameters<typeof runner.run>) {
        priorities.add(options?.priority);
        most = Math.max(most, ++atOnce);
        try {
          return await runner.run(inputs, options);
        } finally {
          atOnce--;
        }
      },
    } as unknown as ReplayOptions['candidate'];
    const ids: string[] = [];
    const progress: number[] = [];
    const report = await run(
      replay(log, {
        candidate,
        from: start + 100,
        limit: 50,
        concurrency: 8,
        onAnswer: ({ record }) => void ids.push(record.id),
        progressEvery: 20,
        onProgress: ({ records, at }) => void progress.push(records, at - start),
      }),
    );
    expect(report.records).toBe(50);
    expect(ids).toEqual(Array.from({ length: 50 }, (_, i) => `r${100 + i}`));
    expect(most).toBeLessThanOrEqual(8);
    expect(most).toBeGreaterThan(1);
    expect([...priorities]).toEqual(['low']);
    expect(progress).toEqual([20, 119, 40, 139]);
    await runner.close();
  });

  it('can be aborted', async () => {
    const { runner, run } = await candidateOf();
    const log = await opened();
    logYesterday(log, 500);
    const controller = new AbortController();
    let answered = 0;
    const aborted = replay(log, {
      candidate: runner,
      signal: controller.signal,
      concurrency: 4,
      onAnswer: () => {
        if (++answered === 10) controller.abort();
      },
    });
    await run(rejection(aborted, 'ABORTED'));
    expect(answered).toBeLessThan(20);
    await rejection(replay(log, { candidate: runner, signal: controller.signal }), 'ABORTED');
    await runner.close();
  });

  it('passes on what its functions throw, and names options that are wrong', async () => {
    const { runner, run } = await candidateOf();
    const log = await opened();
    logYesterday(log, 10);
    const thrown = replay(log, {
      candidate: runner,
      decide: () => {
        throw new RangeError('undecided');
      },
    });
    await run(expect(thrown).rejects.toThrow('undecided'));
    const refusals: [object, string][] = [
      [{ candidate: {} }, 'candidate'],
      [{ candidate: runner, concurrency: 0 }, 'concurrency'],
      [{ candidate: runner, decide: 'up' }, 'decide'],
      [{ candidate: runner, estimate: { maxWeight: 0 } }, 'estimate.maxWeight'],
      [{ candidate: runner, batch: 1 }, 'batch'],
    ];
    for (const [options, field] of refusals) {
      const error = await rejection(replay(log, options as ReplayOptions), 'INVALID_OPTION');
      expect(error.details.field).toBe(field);
    }
    const noLog = replay({} as PredictionLog, { candidate: runner });
    expect((await rejection(noLog, 'INVALID_ARGUMENT')).details.field).toBe('log');
    await rejection(replay(log, { candidate: runner, from: Number.NaN }), 'INVALID_ARGUMENT');
    await runner.close();
  });
});
