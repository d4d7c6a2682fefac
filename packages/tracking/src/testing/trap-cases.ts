import type { ErrorCode } from '@fairlead/core';
import { type Bench, bytesOf, evidence, type StoreCase } from './bench';
import { expectCode, expectEqual, expectFields, expectThat } from './expectations';

/* What servers take silently and change, cut or lose: it is refused before it gets there, or kept as it is. */

const start = 1_700_000_000_000;

/** What an untyped caller may give. */
const untyped = (value: unknown): never => value as never;

type Wrong = readonly [what: string, code: ErrorCode, call: () => unknown];

async function refuseAll(wrong: readonly Wrong[]): Promise<void> {
  for (const [what, code, call] of wrong) await expectCode(what, code, call);
}

/** A run with one good point, one parameter, one tag. */
async function openRun(bench: Bench) {
  const tracker = await bench.tracker();
  const run = await tracker.startRun({ experiment: bench.experiment, params: { good: 1 }, tags: { good: 'yes' } });
  run.log({ good: 1 }, { step: 1, timestamp: start });
  const check = async (what: string): Promise<void> => {
    const record = await (await bench.tracker()).getRun(run.id);
    const { params, tags, metrics, artifacts, inputs, uses } = record;
    expectEqual(
      `what is kept beside ${what}`,
      [params, tags, Object.keys(metrics), artifacts, inputs, uses],
      [{ good: 1 }, { good: 'yes' }, ['good'], [], [], []],
    );
    expectEqual('the points', (await record.history('good')).values, [1]);
  };
  return { tracker, run, check };
}

export const trapCases: readonly StoreCase[] = [
  [
    'a metric that is a text, and a step or time that is not whole, are refused and nothing of them is kept',
    async (bench) => {
      const { run, check } = await openRun(bench);
      const log = (metrics: unknown, options?: unknown) => () => run.log(untyped(metrics), untyped(options));
      await refuseAll([
        ['a metric "abc"', 'INVALID_ARGUMENT', log({ good: 2, bad: 'abc' })],
        ['a metric "1"', 'INVALID_ARGUMENT', log({ bad: '1' })],
        ['a metric null', 'INVALID_ARGUMENT', log({ bad: null })],
        ['a metric 1n', 'INVALID_ARGUMENT', log({ bad: 1n })],
        ['a step 1.5', 'INVALID_ARGUMENT', log({ good: 2 }, { step: 1.5 })],
        ['a step NaN', 'INVALID_ARGUMENT', log({ good: 2 }, { step: Number.NaN })],
        ['a step "2"', 'INVALID_ARGUMENT', log({ good: 2 }, { step: '2' })],
        ['a time 1.5', 'INVALID_ARGUMENT', log({ good: 2 }, { timestamp: 1.5 })],
        ['a time before 1970', 'INVALID_ARGUMENT', log({ good: 2 }, { timestamp: -1 })],
        ['a wrong option', 'INVALID_ARGUMENT', log({ good: 2 }, { stp: 1 })],
        ['a metric without a name', 'INVALID_ARGUMENT', log({ '': 1 })],
        ['a metric named "a#b"', 'INVALID_ARGUMENT', log({ 'a#b': 1 })],
        ['a metric named "../a"', 'INVALID_ARGUMENT', log({ '../a': 1 })],
        ['a metric with a name of 251 characters', 'INVALID_ARGUMENT', log({ ['x'.repeat(251)]: 1 })],
        ['a list of metrics', 'INVALID_ARGUMENT', log([1, 2])],
      ]);
      await run.complete();
      await check('refused points');
    },
  ],
  [
    'parameters, tags, artifacts, datasets and models that cannot be used are refused and nothing of them is kept',
    async (bench) => {
      const { tracker, run, check } = await openRun(bench);
      await refuseAll([
        ['a parameter that is an object', 'INVALID_ARGUMENT', () => run.logParams(untyped({ good: 1, a: {} }))],
        ['a parameter that is null', 'INVALID_ARGUMENT', () => run.logParams(untyped({ a: null }))],
        ['a parameter named "a=b"', 'INVALID_ARGUMENT', () => run.logParams({ 'a=b': 1 })],
        ['a tag that is a number', 'INVALID_ARGUMENT', () => run.setTags(untyped({ a: 1 }))],
        ['an artifact that climbs out', 'INVALID_ARGUMENT', () => run.logArtifact('../a', bytesOf('x'))],
        ['an artifact without a name', 'INVALID_ARGUMENT', () => run.logArtifact('', bytesOf('x'))],
        ['an artifact with a backslash', 'INVALID_ARGUMENT', () => run.logArtifact('a\\b', bytesOf('x'))],
        ['an image that is none', 'INVALID_ARGUMENT', () => run.logImage('a', bytesOf('no image'))],
        ['a dataset without a digest', 'INVALID_ARGUMENT', () => run.logDataset({ name: 'a' })],
        ['a dataset with a short digest', 'INVALID_ARGUMENT', () => run.logDataset({ name: 'a', digest: 'abc' })],
        ['a model without a version', 'INVALID_ARGUMENT', () => run.useModel(untyped({ name: 'a' }))],
        ['a run with a title of nothing', 'INVALID_ARGUMENT', () => tracker.startRun({ name: ' ' })],
        [
          'an experiment with a control character',
          'INVALID_ARGUMENT',
          () => tracker.startRun({ experiment: 'a\u0007' }),
        ],
        [
          'an experiment of 501 characters',
          'INVALID_ARGUMENT',
          () => tracker.startRun({ experiment: 'x'.repeat(501) }),
        ],
        ['a wrong option of a run', 'INVALID_OPTION', () => tracker.startRun(untyped({ experimnt: 'a' }))],
        ['a wrong option of a listing', 'INVALID_OPTION', () => tracker.runs(untyped({ experimnt: 'a' }))],
      ]);
      await run.complete();
      await check('what was refused');
    },
  ],
  [
    'the infinities come back as infinities, and a parameter of 6001 characters is not cut',
    async (bench) => {
      const { tracker, run } = await openRun(bench);
      const values = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
      for (const [step, value] of values.entries()) run.log({ m: value }, { step, timestamp: start + step });
      run.logParams({ long: 'x'.repeat(6001) });
      await run.complete();
      const record = await tracker.getRun(run.id);
      expectEqual('the points', (await record.history('m')).values, values);
      expectFields('the summary', record.metrics.m, {
        last: Number.NEGATIVE_INFINITY,
        min: Number.NEGATIVE_INFINITY,
        max: Number.POSITIVE_INFINITY,
      });
      const text = await record.artifact('params/long.txt').read();
      expectEqual('the characters of the parameter', text.byteLength, 6001);
    },
  ],
  [
    'a history is read whole, however long, and points that are flushed again are there once',
    async (bench) => {
      const { tracker, run } = await openRun(bench);
      for (let step = 0; step < 1500; step++) run.log({ m: step }, { step, timestamp: start + step });
      await Promise.all([run.flush(), run.flush()]);
      await run.flush();
      await run.complete();
      const record = await tracker.getRun(run.id);
      expectEqual('how many points there are', (await record.history('m')).values.length, 1500);
      expectEqual('how many the summary counts', record.metrics.m?.count, 1500);
    },
  ],
  [
    'OR is a filter as any other',
    async (bench) => {
      const { tracker, run } = await openRun(bench);
      await run.complete();
      for (const filter of ["tags.good = 'no' OR metrics.good = 1", 'params.good = 1 OR params.bad = 1']) {
        const { runs } = await tracker.search({ experiments: [bench.experiment], filter });
        expectEqual(
          `what ${filter} finds`,
          runs.map(({ id }) => id),
          [run.id],
        );
      }
    },
  ],
  [
    'nothing is logged after the end',
    async (bench) => {
      const { tracker, run, check } = await openRun(bench);
      await run.complete();
      await run.complete();
      await refuseAll([
        ['a point after the end', 'CLOSED', () => run.log({ late: 1 })],
        ['a parameter after the end', 'CLOSED', () => run.logParams({ late: 1 })],
        ['a tag after the end', 'CLOSED', () => run.setTags({ late: 'a' })],
        ['an artifact after the end', 'CLOSED', () => run.logArtifact('late', bytesOf('x'))],
        ['a text after the end', 'CLOSED', () => run.logText('late', 'x')],
        ['a dataset after the end', 'CLOSED', () => run.logDataset({ name: 'late', bytes: bytesOf('x') })],
        ['a model after the end', 'CLOSED', () => run.useModel({ name: 'late', version: '1' })],
        ['a part after the end', 'CLOSED', () => run.startRun()],
        ['a flush after the end', 'CLOSED', () => run.flush()],
        ['another end', 'CLOSED', () => run.fail(new Error('late'))],
      ]);
      await check('what came late');
      expectEqual('the status', (await tracker.getRun(run.id)).status, 'FINISHED');
    },
  ],
  [
    'secrets are not kept',
    async (bench) => {
      const tracker = await bench.tracker();
      const params = { api_key: 'hunter2-correct-horse', url: 'postgres://ada:hunter2-correct-horse@db/x' };
      const run = await tracker.startRun({
        experiment: bench.experiment,
        params,
        tags: { password: 'hunter2-correct-horse' },
      });
      await run.fail(new Error('redis://:hunter2-correct-horse@cache failed'));
      const record = await (await bench.tracker()).getRun(run.id);
      const { params: kept, tags, error } = record;
      const text = JSON.stringify({ kept, tags, error });
      expectThat(!text.includes('hunter2'), `no secret is kept: ${text}`);
      expectEqual('the parameters', kept, { api_key: '[redacted]', url: 'postgres://[redacted]@db/x' });
    },
  ],
  [
    'what the registry cannot use is refused and nothing of it is kept',
    async (bench) => {
      const { registry } = await bench.tracker();
      const { model } = bench;
      const { version } = await registry.registerVersion(model, { artifact: bytesOf('a') });
      const draft = { artifact: bytesOf('b') };
      await refuseAll([
        ['a model named "a/b"', 'INVALID_ARGUMENT', () => registry.registerVersion('a/b', draft)],
        ['a model named "../up"', 'INVALID_ARGUMENT', () => registry.registerVersion('../up', draft)],
        [
          'a version that is a path',
          'INVALID_OPTION',
          () => registry.registerVersion(model, { artifact: 'model.onnx' }),
        ],
        [
          'a metric that is a text',
          'INVALID_ARGUMENT',
          () => registry.registerVersion(model, { ...draft, metrics: untyped({ a: '1' }) }),
        ],
        [
          'a parent that is not there',
          'NOT_FOUND',
          () => registry.registerVersion(model, { ...draft, parents: [`${model}/999`] }),
        ],
        ['the alias "latest"', 'INVALID_ARGUMENT', () => registry.setAlias(model, 'latest', version, evidence)],
        ['the alias "v1"', 'INVALID_ARGUMENT', () => registry.setAlias(model, 'v1', version, evidence)],
        ['an alias with a space', 'INVALID_ARGUMENT', () => registry.setAlias(model, 'a b', version, evidence)],
        ['a version that is no number', 'INVALID_ARGUMENT', () => registry.setAlias(model, 'a', 'one', evidence)],
        ['a version that is not there', 'NOT_FOUND', () => registry.setAlias(model, 'a', '999', evidence)],
        [
          'a move by nobody',
          'INVALID_OPTION',
          () => registry.setAlias(model, 'a', version, { actor: '', reason: 'x' }),
        ],
        [
          'a move without a reason',
          'INVALID_OPTION',
          () => registry.setAlias(model, 'a', version, untyped({ actor: 'ada' })),
        ],
        ['an empty annotation', 'INVALID_ARGUMENT', () => registry.annotate(model, version, {}, evidence)],
        ['a reference without a version', 'INVALID_ARGUMENT', () => registry.getVersion(model)],
      ]);
      expectEqual(
        'the audit',
        (await registry.audit(model)).map(({ type }) => type),
        ['version'],
      );
      expectFields('the model', await registry.getModel(model), { aliases: {}, damage: [] });
    },
  ],
];
