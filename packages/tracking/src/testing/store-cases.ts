import type { TrackingStore } from '../store/tracking-store';
import { bytesOf, evidence, type StoreCase } from './bench';
import { expectCode, expectEqual, expectFields, expectSameElements, expectThat } from './expectations';

/* What a store owes the tracker as a whole: its promises, its registry, and that everything is there later. */

export const storeCases: readonly StoreCase[] = [
  [
    'a store says its spec version, its name, and what it can promise',
    async (bench) => {
      const { specVersion, name, durabilities, limits, maintenance } = await bench.store();
      expectEqual('specVersion', specVersion, 'v1');
      expectThat(typeof name === 'string' && name !== '', 'name is not empty');
      expectThat(durabilities.length > 0, 'at least one durability is promised');
      for (const one of durabilities) expectThat(['os', 'disk', 'remote'].includes(one), `"${one}" is a durability`);
      const { tagLength } = limits ?? {};
      expectThat(tagLength === undefined || tagLength >= 100, `tags may have 100 characters, not ${tagLength} at most`);
      const tracker = await bench.tracker();
      await tracker.withRun({ experiment: bench.experiment }, (run) => run.log({ a: 1 }));
      if (maintenance === undefined) await expectCode('a check', 'UNSUPPORTED', () => tracker.check());
      else expectEqual('the problems that a check finds', (await tracker.check()).problems, []);
    },
  ],
  [
    'a flush keeps each durability that is promised, and refuses the others',
    async (bench) => {
      const tracker = await bench.tracker();
      const { durabilities } = await bench.store();
      const run = await tracker.startRun({ experiment: bench.experiment });
      await run.flush();
      expectFields('health', run.health(), {
        bufferedPoints: 0,
        droppedPoints: 0,
        droppedEvents: 0,
        failures: 0,
        lastError: undefined,
      });
      let logged = 0;
      for (const durability of ['os', 'disk', 'remote'] as const) {
        run.log({ m: logged, n: -1 }, { step: logged });
        if (!durabilities.includes(durability)) {
          const error = await expectCode(`the durability ${durability}`, 'UNSUPPORTED', () =>
            run.flush({ durability }),
          );
          expectEqual('the field', error.details.field, 'durability');
          continue;
        }
        logged++;
        await run.flush({ durability });
        const { bufferedPoints, unsyncedPoints, writtenPoints } = run.health();
        expectThat(bufferedPoints === 0, `nothing waits after a flush, not ${bufferedPoints} points`);
        expectThat(writtenPoints > 0, 'what was flushed is counted as written');
        if (durability !== 'os')
          expectThat(unsyncedPoints === 0, `nothing is unsafe after it, not ${unsyncedPoints} points`);
        const { metrics } = await (await bench.tracker()).getRun(run.id);
        expectEqual('the last value that another tracker reads', metrics.m?.last, logged - 1);
      }
      await expectCode('an unknown durability', 'UNSUPPORTED', () => run.flush({ durability: 'moon' as 'os' }));
      await run.complete();
      expectFields('health', run.health(), {
        bufferedPoints: 0,
        unsyncedPoints: 0,
        droppedPoints: 0,
        droppedEvents: 0,
        lagMs: 0,
        pendingArtifacts: 0,
      });
    },
  ],
  [
    'a commit decides on the state that it changes, keeps one change, and none where nothing is to be done',
    async (bench) => {
      const stores = [await bench.store(), await bench.store(), await bench.store()];
      const [first] = stores as [TrackingStore, ...TrackingStore[]];
      const name = bench.model;
      const nothing = await first.registry.commit(name, (model) => {
        expectEqual('a model that is not there', model, undefined);
        return undefined;
      });
      expectEqual('what a commit of nothing comes to', nothing, { model: undefined, change: undefined });
      const tracker = await bench.tracker();
      const { version } = await tracker.registry.registerVersion(name, { artifact: bytesOf('a') });
      const error = await first.registry
        .commit(name, () => {
          throw new RangeError('decided against it');
        })
        .catch((reason: unknown) => reason);
      expectThat(error instanceof RangeError, `what a decision throws is thrown on, not ${String(error)}`);
      // Each says how many deployments it saw: where two saw the same number, one of them was lost.
      const deploy = (store: TrackingStore) =>
        store.registry.commit(name, (model) => {
          const seen = model?.changes.filter(({ type }) => type === 'deploy').length;
          return {
            type: 'deploy',
            at: bench.clock.epochMs(),
            evidence,
            version,
            target: `target ${seen}`,
            active: true,
          };
        });
      const results = await Promise.all([...stores, ...stores].map(deploy));
      const targets = results.map(({ change }) => change?.type === 'deploy' && change.target);
      expectSameElements(
        'what the commits saw',
        targets,
        [0, 1, 2, 3, 4, 5].map((seen) => `target ${seen}`),
      );
      const model = await (await bench.store()).registry.read(name);
      const kept = model?.changes.flatMap((change) => (change.type === 'deploy' ? [change.target] : []));
      expectEqual(
        'the changes',
        kept,
        [0, 1, 2, 3, 4, 5].map((seen) => `target ${seen}`),
      );
      expectThat((await first.registry.names()).includes(name), 'the model is among the names');
    },
  ],
  [
    'a watch calls back after a change by another store, and not after it was closed',
    async (bench) => {
      const [mine, theirs] = [await bench.store(), await bench.tracker()];
      const { version } = await theirs.registry.registerVersion(bench.model, { artifact: bytesOf('a') });
      let calls = 0;
      const watch = mine.registry.watch(bench.model, () => void calls++);
      await theirs.registry.setAlias(bench.model, 'a', version, evidence);
      await bench.until(() => calls > 0, 'a watch calls back');
      await watch.close();
      await watch.close();
      const before = calls;
      await theirs.registry.setAlias(bench.model, 'b', version, evidence);
      expectEqual('the calls after it was closed', calls, before);
    },
  ],
  [
    'everything is there after all were closed, and closing twice is no error',
    async (bench) => {
      const tracker = await bench.tracker();
      const run = await tracker.startRun({ experiment: bench.experiment, params: { a: 1 } });
      run.log({ m: 0.5 }, { step: 3 });
      await run.logText('note', 'kept');
      const { version } = await tracker.registry.registerVersion(bench.model, { artifact: bytesOf('a'), run: run.id });
      await tracker.registry.setAlias(bench.model, 'champion', version, evidence);
      await run.complete();
      await tracker.close();
      await tracker.close();
      const store = await bench.store();
      await store.close();
      await store.close();
      const later = await bench.tracker();
      const record = await later.getRun(run.id);
      expectFields('the run', record, { status: 'FINISHED', params: { a: 1 }, metrics: { m: { last: 0.5, step: 3 } } });
      expectEqual('the size of its artifact', (await record.artifact('note.txt').read()).byteLength, 4);
      expectEqual('the points', (await record.history('m')).values, [0.5]);
      const found = await later.registry.getVersion(`${bench.model}@champion`);
      expectFields('the version', found, { version, run: run.id });
    },
  ],
];
