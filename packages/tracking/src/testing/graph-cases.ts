import { bytesOf, evidence, type StoreCase } from './bench';
import { expectCode, expectEqual, expectFields, expectSameElements } from './expectations';

/* What runs have in common, and where data, models and deployments come from. */

export const graphCases: readonly StoreCase[] = [
  [
    'runs are compared field by field',
    async (bench) => {
      const tracker = await bench.tracker();
      const ids: string[] = [];
      for (const [index, loss] of [0.5, 0.25, Number.NaN].entries()) {
        const params = { lr: 10 ** -index, depth: 3 };
        const tags = { team: index === 0 ? 'a' : 'b', 'git.commit': 'c0ffee' };
        const run = await tracker.startRun({ experiment: bench.experiment, name: `run ${index}`, params, tags });
        run.log({ loss: loss * 2 }, { step: 1 });
        run.log({ loss }, { step: 2 });
        await run.logDataset({ name: 'mnist', digest: String(index).repeat(64), context: 'training' });
        await run.complete();
        ids.push(run.id);
      }
      const other = await bench.tracker();
      const compared = await other.compare(ids, { directions: { loss: 'minimize' } });
      expectEqual(
        'the runs',
        compared.runs.map(({ name, status }) => [name, status]),
        [
          ['run 0', 'FINISHED'],
          ['run 1', 'FINISHED'],
          ['run 2', 'FINISHED'],
        ],
      );
      expectEqual('the parameters', compared.params, [
        { key: 'depth', values: [3, 3, 3], differs: false },
        { key: 'lr', values: [1, 0.1, 0.01], differs: true },
      ]);
      const { NaN: nan } = Number;
      expectEqual('the metrics', compared.metrics, [
        {
          key: 'loss',
          last: [0.5, 0.25, nan],
          min: [0.5, 0.25, nan],
          max: [1, 0.5, nan],
          direction: 'minimize',
          best: [1],
        },
      ]);
      expectEqual('the tags', compared.tags, [{ key: 'team', values: ['a', 'b', 'b'], differs: true }]);
      expectEqual('the environment', compared.environment, [
        { key: 'git.commit', values: ['c0ffee', 'c0ffee', 'c0ffee'], differs: false },
      ]);
      expectFields('the datasets', compared.datasets, [{ name: 'mnist', context: 'training', differs: true }]);
      await expectCode('a run that is not there', 'NOT_FOUND', () => other.compare([bench.newRunId()]));
    },
  ],
  [
    'lineage leads from data through runs and versions to deployments, and back',
    async (bench) => {
      const tracker = await bench.tracker();
      const { model, experiment } = bench;
      const digest = bench.newRunId() + bench.newRunId();
      const train = await tracker.startRun({ experiment, name: 'train' });
      await train.logDataset({ name: 'mnist', digest, context: 'training' });
      await train.logArtifact('model.bin', bytesOf(`model of ${train.id}`));
      await train.complete();
      const first = await tracker.registry.registerVersion(model, {
        artifact: bytesOf(`model of ${train.id}`),
        run: train.id,
      });
      await tracker.registry.setAlias(model, 'champion', first.version, evidence);
      const tune = await tracker.startRun({ experiment, name: 'tune' });
      await tune.useModel(`${model}@champion`);
      await tune.complete();
      const draft = { artifact: bytesOf(`tuned by ${tune.id}`), run: tune.id, parents: [`${model}@champion`] };
      const second = await tracker.registry.registerVersion(model, draft);
      const target = `eu ${model}`;
      await tracker.registry.recordDeployment(model, second.version, { target }, evidence);
      const { lineage } = await bench.tracker();
      const [one, two] = [`model:${model}/${first.version}`, `model:${model}/${second.version}`];
      const impact = await lineage.descendants(`dataset:@${digest}`);
      expectSameElements(
        'what descends from the data',
        impact.nodes.map(({ ref }) => ref),
        [`dataset:mnist@${digest}`, `run:${train.id}`, one, `run:${tune.id}`, two, `deployment:${target}`],
      );
      const origin = await lineage.ancestors(`deployment:${target}`);
      expectSameElements(
        'where the deployment comes from',
        origin.edges.map(({ from, kind, to }) => `${from} ${kind} ${to}`),
        [
          `dataset:mnist@${digest} input run:${train.id}`,
          `run:${train.id} output ${one}`,
          `${one} use run:${tune.id}`,
          `${one} parent ${two}`,
          `run:${tune.id} output ${two}`,
          `${two} deploy deployment:${target}`,
        ],
      );
      expectEqual('the roots', (await lineage.graph(`model:${model}@champion`)).roots, [one]);
      await expectCode('data that is nowhere', 'NOT_FOUND', () => lineage.ancestors(`dataset:@${bench.newRunId()}`));
    },
  ],
];
