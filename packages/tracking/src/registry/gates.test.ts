import { describe, expect, test } from 'vitest';
import type { ApprovalsGate, EvaluationGate, MetricGate } from '../store/gate';
import type { Evaluation, RegistryChange, StoredModel, StoredVersion } from '../store/registry-store';
import { askGate } from './gates';

function version(number: string, metrics: Record<string, number>, evaluations: Evaluation[] = []): StoredVersion {
  const made = { digest: 'd', size: 1, tags: {}, sidecars: {}, registeredAt: 0, parents: [], datasets: [] };
  return { ...made, version: number, metrics, evaluations, author: 'Grace' };
}

function model(changes: readonly RegistryChange[] = []): StoredModel {
  return { name: 'digits', versions: [], aliases: {}, changes, damage: [] };
}

const on = (digest: string, metrics: Record<string, number>, name = 'mnist'): Evaluation => ({
  metrics,
  dataset: { name, digest },
  at: 0,
});

function askMetric(gate: Omit<MetricGate, 'kind' | 'metric'>, candidate: StoredVersion, current?: StoredVersion) {
  return askGate({ kind: 'metric', metric: 'a', ...gate }, { model: model(), candidate, current });
}

describe('a bound on a metric', () => {
  test.each<[Omit<MetricGate, 'kind' | 'metric'>, value: number, current: number | undefined, passed: boolean]>([
    [{ min: 0.9 }, 0.9, undefined, true],
    [{ min: 0.9 }, 0.89, undefined, false],
    [{ max: 0.1 }, 0.1, undefined, true],
    [{ max: 0.1 }, 0.11, undefined, false],
    [{ min: 0, max: 1 }, 2, undefined, false],
    [{ min: 0.9 }, Number.POSITIVE_INFINITY, undefined, true],
    [{ max: 0.9 }, Number.NEGATIVE_INFINITY, undefined, true],
    // NaN passes nothing.
    [{ min: 0.9 }, Number.NaN, undefined, false],
    [{ max: 0.9 }, Number.NaN, undefined, false],
    [{ minChange: 0 }, Number.NaN, undefined, false],
    [{ minChange: 0 }, Number.NaN, 0.5, false],
    [{ minChange: -1 }, 0.9, Number.NaN, false],
    [{ maxChange: 1 }, 0.9, Number.NaN, false],
    [{ minRatio: 0 }, 0.9, Number.NaN, false],
    [{ minChange: -1 }, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, false],
    // A new alias has nothing to compare with; the absolute bounds hold all the same.
    [{ minChange: 0.1 }, 0.5, undefined, true],
    [{ minChange: 0.1, min: 0.6 }, 0.5, undefined, false],
    [{ minChange: 0 }, 0.9, 0.9, true],
    [{ minChange: 0 }, 0.89, 0.9, false],
    // 0.9 - 0.8 is 0.09999999999999998.
    [{ minChange: 0.1 }, 0.9, 0.8, true],
    [{ minChange: 0.1 }, 0.9, 0.800001, false],
    [{ maxChange: -0.1 }, 0.8, 0.9, true],
    [{ maxChange: 0 }, 0.3, 0.2, false],
    [{ minRatio: 1.05 }, 1.05 * 0.7, 0.7, true],
    [{ minRatio: 1.05 }, 0.73, 0.7, false],
    [{ maxRatio: 1.1 }, 110, 100, true],
    [{ maxRatio: 1.1 }, 111, 100, false],
    [{ minRatio: 1 }, 0, 0, false],
    [{ minRatio: 1, minChange: 0.1 }, 0.6, 0.5, true],
  ])('%j lets %d through after %d: %s', (gate, value, current, passed) => {
    const before = current === undefined ? undefined : version('1', { a: current });
    expect(askMetric(gate, version('2', { a: value }), before).passed).toBe(passed);
  });

  test('says what it asks for and what it found', () => {
    expect(askMetric({ min: 0.9, minChange: 0.01 }, version('2', { a: 0.8 }), version('1', { a: 0.9 }))).toEqual({
      gate: 'metric a',
      passed: false,
      expected: 'at least 0.9 and a change of at least 0.01',
      found: '0.8, and version 1 has 0.9',
    });
    expect(askMetric({ max: 1 }, version('2', { b: 0 }))).toMatchObject({ found: 'version 2 has no a' });
    expect(askMetric({ minChange: 0 }, version('2', { a: 1 }), version('1', {}))).toMatchObject({
      passed: false,
      found: '1, but version 1 has no a on the same data',
    });
    expect(askMetric({ min: 0 }, version('2', {})).passed).toBe(false);
    // Not the `constructor` of every object.
    const gate: MetricGate = { kind: 'metric', metric: 'constructor', min: 0 };
    expect(askGate(gate, { model: model(), candidate: version('2', {}), current: undefined }).passed).toBe(false);
  });

  test('takes the latest evaluation, and compares on the same data alone', () => {
    const candidate = version('2', { a: 0.5 }, [on('x', { a: 0.9 }), on('y', { a: 0.7 })]);
    expect(askMetric({ min: 0 }, candidate).found).toBe('0.7');
    expect(askMetric({ min: 0.8, dataset: 'x' }, candidate)).toMatchObject({ passed: true, gate: 'metric a on x' });
    expect(askMetric({ min: 0.6, dataset: 'mnist' }, candidate).found).toBe('0.7');
    expect(askMetric({ min: 0.6, dataset: 'cifar' }, candidate).passed).toBe(false);
    const elsewhere = version('1', { a: 0.1 }, [on('x', { a: 0.1 })]);
    expect(askMetric({ minChange: 0 }, candidate, elsewhere).passed).toBe(false);
    const same = version('1', { a: 1 }, [on('y', { a: 0.6 }), on('x', { a: 1 })]);
    expect(askMetric({ minChange: 0 }, candidate, same).found).toBe('0.7, and version 1 has 0.6');
    expect(askMetric({ minChange: 0, dataset: 'x' }, candidate, same).passed).toBe(false);
  });
});

describe('an evaluation that must be there', () => {
  const ask = (gate: Omit<EvaluationGate, 'kind'>, evaluations: Evaluation[]) =>
    askGate(
      { kind: 'evaluation', ...gate },
      { model: model(), candidate: version('2', { a: 1 }, evaluations), current: undefined },
    );

  test('is missing, or on other data, or without a number', () => {
    expect(ask({}, [])).toEqual({
      gate: 'evaluation',
      passed: false,
      expected: 'an evaluation',
      found: 'version 2 has none',
    });
    expect(ask({}, [on('x', {})]).passed).toBe(true);
    expect(ask({ dataset: 'y' }, [on('x', {})]).passed).toBe(false);
    expect(ask({ dataset: 'x' }, [on('x', {})]).passed).toBe(true);
    expect(ask({ metrics: ['a', 'b'] }, [on('x', { a: 1, b: Number.NaN })])).toMatchObject({
      passed: false,
      expected: 'an evaluation with numbers for a, b',
      found: expect.stringContaining('no number for b'),
    });
    expect(ask({ metrics: ['a'] }, [on('x', { a: 1 })]).passed).toBe(true);
  });
});

describe('approvals', () => {
  const vote = (actor: string, approved = true, gate = 'approval', of = '2'): RegistryChange => ({
    type: 'approve',
    at: 0,
    evidence: { actor, reason: 'read it' },
    version: of,
    gate,
    approved,
  });
  const ask = (gate: Omit<ApprovalsGate, 'kind'>, votes: RegistryChange[], candidate = version('2', {})) =>
    askGate({ kind: 'approvals', ...gate }, { model: model(votes), candidate, current: undefined });

  test('count distinct people, and not the author', () => {
    expect(ask({ count: 1 }, [])).toMatchObject({
      passed: false,
      expected: '1 approval and no refusal',
      found: 'no approval',
    });
    expect(ask({ count: 1 }, [vote('Ada')]).passed).toBe(true);
    expect(ask({ count: 2 }, [vote('Ada'), vote('ada '), vote('ＡＤＡ')]).passed).toBe(false);
    expect(ask({ count: 2 }, [vote('Ada'), vote('Alan')]).passed).toBe(true);
    expect(ask({ count: 1 }, [vote('grace')])).toMatchObject({
      passed: false,
      found: 'no approval; the vote of its author does not count',
    });
    const { author: _author, ...anonymous } = version('2', {});
    expect(ask({ count: 1 }, [vote('grace')], anonymous).passed).toBe(true);
  });

  test('are of this version and this gate', () => {
    expect(ask({ count: 1 }, [vote('Ada', true, 'approval', '1')]).passed).toBe(false);
    expect(ask({ count: 1, gate: 'safety' }, [vote('Ada')]).passed).toBe(false);
    expect(ask({ count: 1, gate: 'safety' }, [vote('Ada', true, 'safety')]).passed).toBe(true);
  });

  test('stand until they are taken back, and a refusal stands in the way', () => {
    expect(ask({ count: 1 }, [vote('Ada'), vote('Ada', false)]).passed).toBe(false);
    expect(ask({ count: 1 }, [vote('Ada', false), vote('Ada')]).passed).toBe(true);
    expect(ask({ count: 1 }, [vote('Ada'), vote('Alan', false)])).toMatchObject({
      passed: false,
      found: 'approved by Ada; refused by Alan',
    });
    // Somebody who is not asked can neither approve nor refuse.
    expect(ask({ count: 1, actors: ['ADA'] }, [vote('Ada'), vote('Alan', false)]).passed).toBe(true);
    expect(ask({ count: 1, actors: ['ADA'] }, [vote('Alan')]).passed).toBe(false);
  });
});
