import type { Tracker } from '../tracker';
import type { Bench, StoreCase } from './bench';
import { expectCode, expectEqual, expectSameElements, expectThat } from './expectations';
import { built, drafts, filters, orders } from './search-table';

/* Which runs a search finds, in which order, and how they are paged. */

async function makeRuns(bench: Bench, tracker: Tracker): Promise<Map<string, string>> {
  const ids = new Map<string, string>();
  for (const [name, draft] of Object.entries(drafts)) {
    const { params = {}, tags = {}, metrics = {}, dataset, failed, elsewhere } = draft;
    const experiment = elsewhere === true ? `${bench.experiment} b` : bench.experiment;
    const parent = ids.get('alpha');
    const run = await tracker.startRun({
      experiment,
      name,
      params,
      tags,
      ...(name === 'beta' && parent !== undefined ? { parent } : {}),
    });
    // An earlier point, which does not count.
    if (Object.keys(metrics).length > 0)
      run.log(Object.fromEntries(Object.keys(metrics).map((key) => [key, 99])), { step: 1 });
    run.log(metrics, { step: 2 });
    if (dataset !== undefined) await run.logDataset({ name: dataset, digest: '1'.repeat(64), context: 'training' });
    await (failed === true ? run.fail(new Error('no')) : run.complete());
    ids.set(name, run.id);
    await bench.tick();
  }
  return ids;
}

function experimentsOf({ experiment }: Bench): string[] {
  return [experiment, `${experiment} b`];
}

export const searchCases: readonly StoreCase[] = [
  [
    'a filter finds what it says, by every operator and scope, with AND, OR, NOT and parentheses',
    async (bench) => {
      await makeRuns(bench, await bench.tracker());
      const other = await bench.tracker();
      const experiments = experimentsOf(bench);
      for (const [filter, found] of [...filters, ...built]) {
        const { runs } = await other.search({ experiments, filter });
        const what = `what ${typeof filter === 'string' ? filter : JSON.stringify(filter)} finds`;
        expectSameElements(
          what,
          runs.map(({ name }) => name),
          found.split(' ').filter(Boolean),
        );
      }
      const { runs } = await other.search({
        experiments: [bench.experiment],
        filter: `experiment = '${bench.experiment}'`,
      });
      expectEqual('how many runs are in the experiment', runs.length, 5);
      expectEqual('the runs of no experiment', (await other.search({ experiments: [] })).runs, []);
      const unknown = await other.search({ experiments: [`${bench.experiment} never made`] });
      expectEqual('the runs of an experiment that is not there', unknown.runs, []);
    },
  ],
  [
    'an id and a parent find their runs, and a list of ids all of them',
    async (bench) => {
      const ids = await makeRuns(bench, await bench.tracker());
      const other = await bench.tracker();
      const [alpha, beta] = [ids.get('alpha') as string, ids.get('beta') as string];
      const names = async (filter: string) => (await other.search({ filter })).runs.map(({ name }) => name);
      expectEqual('the run of an id', await names(`id = '${alpha}'`), ['alpha']);
      expectEqual('the parts of a run', await names(`parent = '${alpha}'`), ['beta']);
      expectEqual('the runs of a list', await names(`run_id IN ('${alpha}', '${beta}')`), ['beta', 'alpha']);
    },
  ],
  [
    'runs come in the order that was asked for, NaN last and behind it what is missing',
    async (bench) => {
      await makeRuns(bench, await bench.tracker());
      const other = await bench.tracker();
      for (const [orderBy, names] of orders) {
        const { runs } = await other.search({ experiments: experimentsOf(bench), orderBy });
        expectEqual(
          `the runs by ${orderBy.join(', ') || 'default'}`,
          runs.map(({ name }) => name),
          names.split(' '),
        );
      }
    },
  ],
  [
    'columns are those that were asked for, with their values',
    async (bench) => {
      const ids = await makeRuns(bench, await bench.tracker());
      const columns = [
        'id',
        'name',
        'status',
        'metrics.loss',
        'params.lr',
        'tags.team',
        'dataset.name',
        'parent',
      ] as const;
      const { rows } = await (await bench.tracker()).search({
        experiments: [bench.experiment],
        filter: "name IN ('beta', 'gamma')",
        orderBy: ['name'],
        columns,
      });
      expectEqual('the rows', rows, [
        {
          id: ids.get('beta'),
          name: 'beta',
          status: 'FINISHED',
          'metrics.loss': 0.25,
          'params.lr': 0.01,
          'tags.team': 'speech',
          'dataset.name': ['mnist'],
          parent: ids.get('alpha'),
        },
        {
          id: ids.get('gamma'),
          name: 'gamma',
          status: 'FAILED',
          'metrics.loss': Number.NaN,
          'params.lr': '1e-02',
          'tags.team': 'Vision',
          'dataset.name': [],
          parent: undefined,
        },
      ]);
    },
  ],
  [
    'pages hold every run once, though runs are added and deleted between them',
    async (bench) => {
      const tracker = await bench.tracker();
      const { experiment } = bench;
      const make = (name: string, loss: number) =>
        tracker.withRun({ experiment, name }, (run) => {
          run.log({ loss });
          return run.id;
        });
      const ids: string[] = [];
      for (let i = 0; i < 7; i++) {
        ids.push(await make(`run ${i}`, i % 3));
        await bench.tick();
      }
      const walk = async (
        orderBy: readonly string[],
        between: (page: number) => Promise<unknown>,
      ): Promise<string[]> => {
        const seen: string[] = [];
        for (let page = 0, pageToken: string | undefined; ; page++) {
          const query = { experiments: [experiment], filter: 'metrics.loss >= 0', orderBy, limit: 2 };
          const found = await (await bench.tracker()).search({
            ...query,
            ...(pageToken === undefined ? {} : { pageToken }),
          });
          expectThat(found.runs.length <= 2, `a page holds at most 2 runs, not ${found.runs.length}`);
          seen.push(...found.runs.map(({ name }) => name));
          pageToken = found.nextPageToken;
          if (pageToken === undefined) return seen;
          await between(page);
        }
      };
      const quiet = await walk(['metrics.loss', 'start_time ASC'], async () => undefined);
      expectEqual('the runs by loss', quiet, ['run 0', 'run 3', 'run 6', 'run 1', 'run 4', 'run 2', 'run 5']);
      let added = 0;
      for (const orderBy of [['metrics.loss DESC'], []]) {
        const seen = await walk(orderBy, (page) => make(`new ${added++}`, page % 4));
        const old = seen.filter((name) => name.startsWith('run'));
        expectSameElements(
          'the runs that were there from the beginning',
          old,
          ids.map((_, i) => `run ${i}`),
        );
        expectThat(new Set(seen).size === seen.length, `no run comes twice: ${seen.join(', ')}`);
      }
      const fewer = await walk(['start_time ASC'], async (page) => page === 0 && tracker.deleteRun(ids[1] as string));
      expectEqual('the oldest five', fewer.slice(0, 5), ['run 0', 'run 1', 'run 2', 'run 3', 'run 4']);
    },
  ],
  [
    'a search sees what a run that goes on has logged, and the runs of another tracker',
    async (bench) => {
      const [mine, theirs] = [await bench.tracker(), await bench.tracker()];
      const run = await mine.startRun({ experiment: bench.experiment, name: 'now' });
      run.log({ loss: 0.125 });
      const query = { experiments: [bench.experiment], filter: "status = 'RUNNING' AND metrics.loss = 0.125" };
      expectEqual(
        'what its own tracker finds',
        (await mine.search(query)).runs.map(({ name }) => name),
        ['now'],
      );
      await run.flush();
      expectEqual(
        'what another one finds',
        (await theirs.search(query)).runs.map(({ name }) => name),
        ['now'],
      );
      await theirs.withRun({ experiment: bench.experiment, name: 'theirs' }, () => undefined);
      const { runs } = await mine.search({ experiments: [bench.experiment] });
      expectSameElements(
        'the runs',
        runs.map(({ name }) => name),
        ['now', 'theirs'],
      );
      await run.complete();
      expectEqual('the runs that go on', (await theirs.search(query)).runs, []);
      const listed = await theirs.runs({ experiment: bench.experiment, status: 'FINISHED' });
      expectSameElements(
        'the finished runs',
        listed.map(({ name }) => name),
        ['now', 'theirs'],
      );
      expectEqual('the newest', (await theirs.runs({ experiment: bench.experiment, limit: 1 })).length, 1);
    },
  ],
  [
    'what cannot be searched for is refused: filters, orders, columns, pages of another search',
    async (bench) => {
      const tracker = await bench.tracker();
      const { experiment } = bench;
      for (let i = 0; i < 2; i++) await tracker.withRun({ experiment }, () => undefined);
      const query = { experiments: [experiment], limit: 1 };
      const { nextPageToken: pageToken } = await tracker.search(query);
      if (pageToken === undefined) throw new Error('Expected that the first of two pages has a token.');
      const wrong = [
        { filter: 'loss < 1' },
        { filter: "metrics.loss LIKE 'a'" },
        { filter: "status = 'DONE'" },
        { orderBy: ['metrics.loss DOWN'] },
        { columns: ['los'] },
        { ...query, pageToken: 'nonsense' },
        { ...query, pageToken, filter: 'metrics.a > 1' },
        { ...query, pageToken, orderBy: ['name'] },
      ];
      for (const options of wrong) {
        await expectCode(`a search for ${JSON.stringify(options)}`, 'INVALID_ARGUMENT', () => tracker.search(options));
      }
      const signal = AbortSignal.abort();
      await expectCode('a search that was called off', 'ABORTED', () => tracker.search({ signal }));
    },
  ],
];
