import { FairleadError } from '../errors';
import type { RolloutStore, SharedReward, StoredRollout, Tally } from '../rollouts/contracts';
import type { ConformanceCase } from './backend-conformance';

/** What the suite needs to try a store. */
export interface RolloutStoreConformanceOptions {
  /** Makes a place for rollouts, empty; called anew for each case. */
  readonly createPlace: () => RolloutStorePlace | Promise<RolloutStorePlace>;
}

/** Where stores keep rollouts. */
export interface RolloutStorePlace {
  /** A store on this place: several are open at the same time, as in replicas. A store of one process answers the same one. */
  open(): RolloutStore;
  /** Resolves when what was just written has reached whoever watches; absent where that is at once. */
  settle?(): Promise<void>;
}

/**
 * The conformance suite for rollout stores. It needs no test framework:
 *
 * ```ts
 * for (const { name, run } of rolloutStoreConformance(options)) test(name, run);
 * ```
 */
export function rolloutStoreConformance(options: RolloutStoreConformanceOptions): readonly ConformanceCase[] {
  const cases: [string, (place: RolloutStorePlace) => Promise<void>][] = [
    ['knows nothing of what was never written', knowsNothing],
    ['answers what was written, with its epoch', answersWhatWasWritten],
    ['lets one of several writers of an epoch win, and tells the others', oneWriterWins],
    ['counts the epochs of writers that begin again one by one', countsEpochs],
    ['adds numbers and arrays of replicas, in any order', addsUp],
    ['adds what a replica repeats once', addsOnce],
    ['adds what many replicas send at the same moment', addsAtTheSameTime],
    ['begins anew with an evidence epoch, and forgets the one before', beginsAnew],
    ['keeps every bit of a number', keepsNumbers],
    ['keeps rollouts apart, whatever they are called', keepsApart],
    ['lets the first of several rewards of a decision count, and repeats its answer', sharesRewardsOnce],
    ['tells a replica the rewards of its decisions, those of others alone', tellsRewards],
    ['shares rewards of many replicas at the same moment', sharesAtTheSameTime],
    ['keeps the newest ten thousand rewards', keepsRewards],
    ['tells who watches, until he has heard enough', tellsWatchers],
    ['can be closed twice', closesTwice],
  ];
  return cases.map(([name, run]) => ({ name, run: async () => run(await options.createPlace()) }));
}

function state(step: number): Omit<StoredRollout, 'epoch'> {
  const evidence = { arms: {} };
  return {
    version: 1,
    status: 'running',
    strategy: 'canary',
    state: { step, arms: ['a "quoted" \u2028 ünïcode'], nested: { list: [1.5, null, true, ''] } },
    weights: { champion: 0.9, 'a "quoted" \u2028 ünïcode': 0.1 },
    arms: ['a "quoted" \u2028 ünïcode'],
    models: { champion: 'd1' },
    evidenceEpoch: 1,
    coolDownUntilEpochMs: 0,
    history: [
      {
        atEpochMs: 5,
        decision: 'start',
        from: 'idle',
        to: 'running',
        weights: { champion: 1 },
        actor: 'strategy',
        reason: '',
        evidence,
      },
    ],
  };
}

async function knowsNothing(place: RolloutStorePlace): Promise<void> {
  const store = place.open();
  expect((await store.read('digits')) === undefined, 'nothing is read');
  expect(same(await store.sum('digits', 1), {}), 'the sum is empty');
}

async function answersWhatWasWritten(place: RolloutStorePlace): Promise<void> {
  const [one, other] = [place.open(), place.open()];
  expect((await one.write('digits', 0, state(1))) === 1, 'the first epoch is 1');
  expect(same(await one.read('digits'), { ...state(1), epoch: 1 }), 'the writer reads what it wrote');
  expect(same(await other.read('digits'), { ...state(1), epoch: 1 }), 'another store reads the same');
  expect((await other.write('digits', 1, state(2))) === 2, 'the next epoch is 2');
  expect(same(await one.read('digits'), { ...state(2), epoch: 2 }), 'the first store reads what the other wrote');
}

async function oneWriterWins(place: RolloutStorePlace): Promise<void> {
  const stores = Array.from({ length: 5 }, () => place.open());
  await stores[0]?.write('digits', 0, state(0));
  const tries = stores.map(async (store, index): Promise<number | undefined> => {
    try {
      await store.write('digits', 1, state(index + 10));
      return index;
    } catch (error) {
      if (FairleadError.isInstance(error, 'CONFLICT')) return undefined;
      throw error;
    }
  });
  const winners = (await Promise.all(tries)).filter((index) => index !== undefined);
  expect(winners.length === 1, `one writer wins, and CONFLICT is told to the others: ${winners.length} won`);
  const read = await stores[0]?.read('digits');
  expect(read?.epoch === 2 && read.state.step === Number(winners[0]) + 10, 'the state is the winner’s');
  await rejects(stores[1]?.write('digits', 0, state(3)), 'CONFLICT', 'a writer that knows nothing');
  await rejects(stores[1]?.write('digits', 7, state(3)), 'CONFLICT', 'a writer from the future');
}

async function countsEpochs(place: RolloutStorePlace): Promise<void> {
  const writers = Array.from({ length: 3 }, () => place.open());
  const each = 8;
  await Promise.all(
    writers.map(async (store) => {
      for (let written = 0; written < each; ) {
        const before = await store.read('digits');
        const step = Number(before?.state.step ?? 0) + 1;
        try {
          await store.write('digits', before?.epoch ?? 0, state(step));
          written++;
        } catch (error) {
          if (!FairleadError.isInstance(error, 'CONFLICT')) throw error;
        }
      }
    }),
  );
  const read = await writers[0]?.read('digits');
  const all = each * writers.length;
  expect(read?.epoch === all && read.state.step === all, `no write is lost: epoch ${read?.epoch} of ${all}`);
}

async function addsUp(place: RolloutStorePlace): Promise<void> {
  const [one, other] = [place.open(), place.open()];
  await one.add('digits', 1, 'r1', 1, { blocks: 2, wealth: [1, 0, -0.5] });
  await other.add('digits', 1, 'r2', 1, { blocks: 3, other: 7 });
  await one.add('digits', 1, 'r1', 2, { wealth: [1, 1, 1], single: [4] });
  const expected: Tally = { blocks: 5, wealth: [2, 1, 0.5], other: 7, single: [4] };
  expect(same(await one.sum('digits', 1), expected), 'the sum is that of all');
  expect(same(await other.sum('digits', 1), expected), 'for every store');
}

async function addsOnce(place: RolloutStorePlace): Promise<void> {
  const store = place.open();
  for (const sequence of [1, 1, 2, 1, 2]) await store.add('digits', 1, 'r1', sequence, { blocks: 1 });
  await store.add('digits', 1, 'r2', 1, { blocks: 1 });
  expect(same(await store.sum('digits', 1), { blocks: 3 }), 'a sequence that is known adds nothing');
  for (const sequence of [5, 9, 7, 9]) await store.add('digits', 1, 'r3', sequence, { blocks: 10 });
  expect(
    same(await store.sum('digits', 1), { blocks: 23 }),
    'sequences have gaps, and one below the last adds nothing',
  );
}

async function addsAtTheSameTime(place: RolloutStorePlace): Promise<void> {
  const stores = Array.from({ length: 4 }, () => place.open());
  await Promise.all(
    stores.map(async (store, index) => {
      for (let sequence = 1; sequence <= 8; sequence++) {
        const tally = { blocks: 1, list: [index, 1] };
        // As after an answer that never came: the same once more.
        await Promise.all([
          store.add('digits', 1, `r${index}`, sequence, tally),
          store.add('digits', 1, `r${index}`, sequence, tally),
        ]);
      }
    }),
  );
  const sum = await stores[0]?.sum('digits', 1);
  expect(same(sum, { blocks: 32, list: [48, 32] }), `every addition counts once: ${JSON.stringify(sum)}`);
}

async function beginsAnew(place: RolloutStorePlace): Promise<void> {
  const store = place.open();
  await store.add('digits', 1, 'r1', 1, { blocks: 1, old: [1, 2] });
  await store.add('digits', 2, 'r1', 1, { blocks: 5 });
  await store.add('digits', 1, 'r2', 1, { blocks: 100 });
  expect(same(await store.sum('digits', 2), { blocks: 5 }), 'the new one has nothing of the old');
  expect(same(await store.sum('digits', 1), {}), 'and the old one is gone');
  await store.write('digits', 0, state(1));
  expect(same(await store.sum('digits', 2), { blocks: 5 }), 'a write of the state leaves evidence alone');
}

async function keepsNumbers(place: RolloutStorePlace): Promise<void> {
  const store = place.open();
  const numbers = [0.1, -1 / 3, 1e-300, 5e-324, 1.7976931348623157e308, 2 ** 53 - 1, -0.1 - 0.2, 123456.789e-12];
  await store.add('digits', 1, 'r1', 1, { numbers });
  expect(same(await store.sum('digits', 1), { numbers }), 'numbers come back as they were');
  await store.add('digits', 1, 'r2', 1, { numbers: numbers.map((number) => -number / 7) });
  const expected = numbers.map((number) => number + -number / 7);
  expect(same(await store.sum('digits', 1), { numbers: expected }), 'and their sums are those of doubles');
}

const reward = (id: string, owner: string, value: number): SharedReward => ({ id, owner, value });

async function sharesRewardsOnce(place: RolloutStorePlace): Promise<void> {
  const [one, other] = [place.open(), place.open()];
  if (one.shareRewards === undefined || other.shareRewards === undefined) return;
  const given = [reward('a:1', 'a', 1), reward('a:2', 'a', 0.1)];
  const first = await one.shareRewards('digits', 'b', given, 0);
  expect(same(first.isFirst, [true, true]), 'the first replica is told that it is');
  const second = await other.shareRewards('digits', 'c', [reward('a:2', 'a', 7), reward('a:3', 'a', -1 / 3)], 0);
  expect(same(second.isFirst, [false, true]), 'another one is told what is new');
  const again = await one.shareRewards('digits', 'b', given, 0);
  expect(same(again.isFirst, [true, true]), 'a call that is repeated answers the same');
  const elsewhere = await one.shareRewards('other', 'c', [reward('a:2', 'a', 7)], 0);
  expect(same(elsewhere.isFirst, [true]), 'rollouts are kept apart');
}

async function tellsRewards(place: RolloutStorePlace): Promise<void> {
  const [one, other] = [place.open(), place.open()];
  if (one.shareRewards === undefined || other.shareRewards === undefined) return;
  const nothing = await one.shareRewards('digits', 'a', [], 0);
  expect(same(nothing, { isFirst: [], others: [], position: 0 }), 'nothing is told before anything was given');
  await other.shareRewards('digits', 'b', [reward('a "1" ü\n', 'a', 0.1 + 0.2), reward('c:1', 'c', 2)], 0);
  const own = await one.shareRewards('digits', 'a', [reward('a:2', 'a', 3), reward('a "1" ü\n', 'a', 9)], 0);
  expect(same(own.isFirst, [true, false]), 'an owner may be told second too');
  const heard = [reward('a "1" ü\n', 'a', 0.1 + 0.2)];
  expect(same(own.others, heard), 'an owner hears what others gave for its decisions, and what counts');
  await other.shareRewards('digits', 'b', [reward('a:3', 'a', 5e-324)], 0);
  const next = await one.shareRewards('digits', 'a', [], own.position);
  expect(same(next.others, [reward('a:3', 'a', 5e-324)]), 'and then what came since');
  const last = await one.shareRewards('digits', 'a', [], next.position);
  expect(last.others.length === 0, 'each once');
  const lost = await one.shareRewards('digits', 'a', [], 1e9);
  expect(lost.others.length === 2, 'a position that a store never had begins anew');
}

async function sharesAtTheSameTime(place: RolloutStorePlace): Promise<void> {
  const stores = Array.from({ length: 4 }, () => place.open());
  if (stores.some(({ shareRewards }) => shareRewards === undefined)) return;
  const given = Array.from({ length: 20 }, (_, index) => reward(`a:${index}`, 'a', index));
  const answers = await Promise.all(
    stores.map((store, index) => store.shareRewards?.('digits', `r${index}`, given, 0)),
  );
  for (let index = 0; index < given.length; index++) {
    const firsts = answers.filter((answer) => answer?.isFirst[index] === true).length;
    expect(firsts === 1, `of all replicas one is the first: ${firsts} were`);
  }
  const owner = await stores[0]?.shareRewards?.('digits', 'a', [], 0);
  expect(owner?.others.length === given.length, `the owner hears of each once: ${owner?.others.length}`);
}

async function keepsRewards(place: RolloutStorePlace): Promise<void> {
  const store = place.open();
  if (store.shareRewards === undefined) return;
  let position = 0;
  for (let part = 0; part < 21; part++) {
    const given = Array.from({ length: 500 }, (_, index) => reward(`a:${part * 500 + index}`, 'a', 1));
    ({ position } = await store.shareRewards('digits', 'b', given, position));
  }
  const kept = await store.shareRewards('digits', 'c', [reward('a:500', 'a', 1), reward('a:10499', 'a', 1)], position);
  expect(same(kept.isFirst, [false, false]), 'ten thousand are known');
  const heard = new Set<string>();
  for (let from = 0, more = true; more; ) {
    const answer = await store.shareRewards('digits', 'a', [], from);
    for (const { id } of answer.others) heard.add(id);
    more = answer.position > from;
    from = answer.position;
  }
  expect(heard.has('a:500') && heard.has('a:10499'), 'and told, in however many parts');
}

async function keepsApart(place: RolloutStorePlace): Promise<void> {
  const store = place.open();
  const names = ['digits', 'Digits', 'digits/1', 'digits:1', '../digits', '..', 'ü', '__proto__', 'x'.repeat(200)];
  for (const [index, name] of names.entries()) {
    await store.write(name, 0, state(index));
    await store.add(name, 1, '__proto__', 1, { [`tests/a "b" ${index}`]: index });
    await store.add(name, 1, '__proto__', 1, { [`tests/a "b" ${index}`]: index });
  }
  for (const [index, name] of names.entries()) {
    expect((await store.read(name))?.state.step === index, `"${name}" is kept for itself`);
    expect(same(await store.sum(name, 1), { [`tests/a "b" ${index}`]: index }), `so is the evidence of "${name}"`);
  }
}

async function tellsWatchers(place: RolloutStorePlace): Promise<void> {
  const [one, other] = [place.open(), place.open()];
  if (one.watch === undefined) return;
  await other.write('digits', 0, state(0));
  const heard: number[] = [];
  const watch = one.watch('digits', (epoch) => heard.push(epoch));
  await place.settle?.();
  await other.write('digits', 1, state(1));
  await other.write('else', 0, state(1));
  await place.settle?.();
  expect(heard.at(-1) === 2, `the change is told: heard ${heard.join(', ') || 'nothing'}`);
  await watch.close();
  await watch.close();
  await other.write('digits', 2, state(2));
  await place.settle?.();
  expect(heard.at(-1) === 2, 'nothing is told after the watch was closed');
}

async function closesTwice(place: RolloutStorePlace): Promise<void> {
  const store = place.open();
  await store.write('digits', 0, state(1));
  await Promise.all([store.close(), store.close()]);
}

/** Whether two values are the same JSON, in whatever order their keys are. */
function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(sorted(one)) === JSON.stringify(sorted(other));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.map(([key, item]) => [key, sorted(item)]);
}

async function rejects(promise: Promise<unknown> | undefined, code: 'CONFLICT', what: string): Promise<void> {
  try {
    await promise;
  } catch (error) {
    expect(FairleadError.isInstance(error, code), `${what} is refused with ${code}, not ${String(error)}`);
    return;
  }
  expect(false, `${what} is refused`);
}

function expect(holds: boolean, what: string): void {
  if (!holds) throw new Error(`Expected that ${what}.`);
}
