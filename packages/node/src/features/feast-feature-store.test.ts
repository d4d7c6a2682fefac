import { FairleadError } from '@fairlead/core';
import { expect, test } from 'vitest';
import { type FeastFeatureStoreOptions, feastFeatureStore } from './feast-feature-store';

/* On answers as Feast 0.67 gives them; a server that speaks so is asked in test/interop. */

interface Sent {
  readonly url: string;
  readonly init: RequestInit;
}

function setUp(answer: unknown, options: Partial<FeastFeatureStoreOptions> = {}, status = 200) {
  const sent: Sent[] = [];
  const fetch = async (url: unknown, init: RequestInit = {}) => {
    sent.push({ url: String(url), init });
    if (answer instanceof Error) throw answer;
    return new Response(typeof answer === 'string' ? answer : JSON.stringify(answer), { status });
  };
  const store = feastFeatureStore({
    url: 'http://feast.test:6566/',
    fetch: fetch as typeof globalThis.fetch,
    ...options,
  });
  return { store, sent };
}

const column = (values: unknown[], statuses = values.map(() => 'PRESENT'), at = '2026-11-26T03:39:43Z') => ({
  values,
  statuses,
  event_timestamps: values.map((_, row) => (statuses[row] === 'NOT_FOUND' ? '1970-01-01T00:00:00Z' : at)),
});

const answer = {
  metadata: { feature_names: ['driver_id', 'stats__city', 'stats__rate'] },
  results: [
    column([1001, 1002, 1003], undefined, '1970-01-01T00:00:00Z'),
    column(['Bern', null, null], ['PRESENT', 'PRESENT', 'NOT_FOUND']),
    column([0.5, null, null], ['PRESENT', 'OUTSIDE_MAX_AGE', 'NOT_FOUND']),
  ],
};
const drivers = [{ driver_id: 1001 }, { driver_id: 1002 }, { driver_id: 1003 }];

async function failureOf(promise: Promise<unknown>): Promise<FairleadError> {
  const error = await promise.then(
    () => expect.fail('expected a failure'),
    (thrown: unknown) => thrown,
  );
  if (!FairleadError.isInstance(error)) throw error;
  return error;
}

test('columns there and back, whatever order the server answers in', async () => {
  const { store, sent } = setUp(answer, { headers: { authorization: 'Bearer secret' } });
  const rows = await store.read(drivers, ['stats:rate', 'stats:city'], {});
  const atEpochMs = Date.UTC(2026, 10, 26, 3, 39, 43);
  expect(rows).toEqual([
    [
      { value: 0.5, atEpochMs },
      { value: 'Bern', atEpochMs },
    ],
    [undefined, undefined],
    [undefined, undefined],
  ]);
  expect(sent).toMatchObject([
    {
      url: 'http://feast.test:6566/get-online-features',
      init: { method: 'POST', headers: { authorization: 'Bearer secret', 'content-type': 'application/json' } },
    },
  ]);
  expect(JSON.parse(String(sent[0]?.init.body))).toEqual({
    entities: { driver_id: [1001, 1002, 1003] },
    features: ['stats:rate', 'stats:city'],
    full_feature_names: true,
  });
});

test('a feature service knows its features; a value without a time has no age; big keys keep their digits', async () => {
  const bare = {
    metadata: { feature_names: ['driver_id', 'rate'] },
    results: [column([1]), column([0.5], undefined, '1970-01-01T00:00:00Z')],
  };
  const { store, sent } = setUp(bare, { featureService: 'svc', headers: () => ({ 'x-token': 'now' }) });
  expect(await store.read([{ driver_id: 2n ** 60n, zone: 'a"b' }], ['rate'], {})).toEqual([[{ value: 0.5 }]]);
  expect(sent[0]?.init.body).toBe(
    '{"entities":{"driver_id":[1152921504606846976],"zone":["a\\"b"]},"feature_service":"svc","full_feature_names":false}',
  );
});

test.each<[string, unknown, string]>([
  ['no JSON', '<html>', 'the answer'],
  ['null', 'null', 'metadata.feature_names'],
  ['no names', { results: [] }, 'metadata.feature_names'],
  ['no results', { metadata: { feature_names: ['a'] } }, 'results'],
  ['fewer columns than names', { ...answer, results: [] }, 'results'],
  ['another feature', { metadata: { feature_names: ['x'] }, results: [column([1, 2, 3])] }, 'metadata.feature_names'],
  ['too few rows', { metadata: { feature_names: ['stats__rate'] }, results: [column([1])] }, 'results[0].values'],
  [
    'no statuses',
    { metadata: { feature_names: ['stats__rate'] }, results: [{ values: [1, 2, 3] }] },
    'results[0].statuses',
  ],
  ['a column that is null', { metadata: { feature_names: ['stats__rate'] }, results: [null] }, 'results[0].values'],
])('an answer that is none fails: %s', async (_what, given, field) => {
  const { store } = setUp(given);
  const error = await failureOf(store.read(drivers, ['stats:rate'], {}));
  expect(error).toMatchObject({ code: 'PROTOCOL_ERROR', details: { field } });
});

test('what fails on the way', async () => {
  const refused = setUp("'Feature nope not found in projection stats'", {}, 500);
  const error = await failureOf(refused.store.read(drivers, ['stats:nope'], {}));
  expect(error).toMatchObject({ code: 'REMOTE_FAILED', details: { status: 500 } });
  expect(error.message).toContain('Feature nope not found');
  const gone = setUp(new TypeError('fetch failed', { cause: new Error('ECONNREFUSED') }));
  expect((await failureOf(gone.store.read(drivers, ['stats:rate'], {}))).message).toContain('ECONNREFUSED');
  const long = setUp('x'.repeat(100), { maxAnswerBytes: 99 });
  expect(await failureOf(long.store.read(drivers, ['stats:rate'], {}))).toMatchObject({ code: 'LIMIT_EXCEEDED' });
  const { store, sent } = setUp(answer);
  expect(await failureOf(store.read(drivers, ['stats:rate'], { signal: AbortSignal.abort() }))).toMatchObject({
    code: 'ABORTED',
  });
  expect(await failureOf(store.read(drivers, ['rate'], {}))).toMatchObject({
    code: 'INVALID_ARGUMENT',
    details: { given: 'rate' },
  });
  const mixed = [{ driver_id: 1 }, { customer_id: 1 }];
  expect(await failureOf(store.read(mixed, ['stats:rate'], {}))).toMatchObject({
    code: 'INVALID_ARGUMENT',
    details: { field: 'entity' },
  });
  expect(sent).toEqual([]);
});

test('a kept connection that the server had closed is no failure, once', async () => {
  const closed = new TypeError('fetch failed', {
    cause: Object.assign(new Error('other side closed'), { code: 'UND_ERR_SOCKET' }),
  });
  let calls = 0;
  const once = async () => {
    calls++;
    if (calls === 1) throw closed;
    return new Response(JSON.stringify(answer));
  };
  const mended = feastFeatureStore({ url: 'http://feast.test', fetch: once });
  expect(await mended.read(drivers, ['stats:rate'], {})).toHaveLength(3);
  const { store, sent } = setUp(closed);
  expect((await failureOf(store.read(drivers, ['stats:rate'], {}))).message).toContain('other side closed');
  expect(sent).toHaveLength(2);
});

test.each<[object, string]>([
  [{ url: undefined }, 'url'],
  [{ url: 'ftp://feast' }, 'url'],
  [{ url: 'http://user:secret@feast' }, 'url'],
  [{ url: 'http://feast?x=1' }, 'url'],
  [{ featureService: '' }, 'featureService'],
  [{ headers: { 'bad name': 'x' } }, 'headers'],
  [{ maxAnswerBytes: 0 }, 'maxAnswerBytes'],
  [{ fetch: 1 }, 'fetch'],
  [{ project: 'p' }, 'project'],
])('options are checked: %j', (change, field) => {
  const make = () => feastFeatureStore({ url: 'http://feast', ...change } as FeastFeatureStoreOptions);
  expect(make).toThrow(
    expect.objectContaining({ code: 'INVALID_OPTION', details: expect.objectContaining({ field }) }),
  );
});
