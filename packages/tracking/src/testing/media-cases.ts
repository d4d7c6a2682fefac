import { sha256Hex } from '@fairlead/core';
import { type Bench, bytesOf, evidence, type StoreCase, textOf } from './bench';
import { expectCode, expectEqual, expectFields, expectSameElements, expectThat } from './expectations';

/* What a run keeps beside numbers: images, tables, figures, texts, datasets, the models that it used. */

async function readAnew(bench: Bench, id: string) {
  return (await bench.tracker()).getRun(id);
}

const digestOf = (digit: string): string => digit.repeat(64);

export const mediaCases: readonly StoreCase[] = [
  [
    'images, tables, figures and texts are artifacts that say what they are, by step where they have one',
    async (bench) => {
      const tracker = await bench.tracker();
      const run = await tracker.startRun({ experiment: bench.experiment });
      const pixels = { width: 2, height: 1, data: Uint8Array.of(1, 2, 3, 255, 4, 5, 6, 255) };
      const image = await run.logImage('samples/ü', pixels, { step: 3 });
      const table = await run.logTable('rows', [
        { a: 1, b: 'x' },
        { a: Number.NaN, b: '' },
      ]);
      const figure = await run.logFigure('roc', '<svg xmlns="http://www.w3.org/2000/svg"/>');
      const text = await run.logText('notes.md', '# Größe', { step: 0 });
      await run.complete();
      const record = await readAnew(bench, run.id);
      const expected = [
        [image, { kind: 'image', mediaType: 'image/png', step: 3 }],
        [table, { kind: 'table', mediaType: 'text/csv' }],
        [figure, { kind: 'figure', mediaType: 'image/svg+xml' }],
        [text, { kind: 'text', mediaType: 'text/markdown', step: 0 }],
      ] as const;
      for (const [logged, facts] of expected) {
        const { name, digest, size } = logged;
        const found = record.artifact(name);
        expectFields(`the artifact ${name}`, found, { name, digest, size, ...facts });
        expectEqual(`the SHA-256 of what is read of ${name}`, await sha256Hex(await found.read()), digest);
      }
      expectEqual('the name of the image', image.name, 'samples/ü/step-3.png');
      expectEqual('the text', textOf(await record.artifact('notes/step-0.md').read()), '# Größe');
      expectSameElements(
        'the artifacts',
        record.artifacts.map(({ name }) => name),
        ['samples/ü/step-3.png', 'rows.csv', 'rows.csv-metadata.json', 'roc.svg', 'notes/step-0.md'],
      );
    },
  ],
  [
    'datasets come back with digest, context, source, rows, columns and tags; one of the same place replaces another',
    async (bench) => {
      const tracker = await bench.tracker();
      const run = await tracker.startRun({ experiment: bench.experiment });
      const whole = {
        name: 'mnist ü',
        digest: digestOf('a'),
        context: 'training',
        source: 's3://bucket/mnist.parquet?x=1',
        rows: 60_000,
        schema: [
          { name: 'pixel ü', type: 'float32' },
          { name: 'label', type: 'string' },
        ],
        tags: { license: 'CC0', empty: '' },
      };
      await run.logDataset({ ...whole, rows: 1 });
      await bench.tick();
      await run.logDataset(whole);
      await run.logDataset({ name: 'mnist ü', digest: digestOf('a'), context: 'test' });
      await run.logDataset({ name: 'mnist ü', digest: digestOf('b'), context: 'training' });
      await run.logDataset({ name: 'dvc', digest: `md5:${'c'.repeat(32)}.dir` });
      const computed = await run.logDataset({ name: 'bytes', bytes: bytesOf('some data') });
      const wide = Array.from({ length: 400 }, (_, i) => ({ name: `a column with a long name ${i}`, type: 'float64' }));
      await run.logDataset({ name: 'wide', digest: digestOf('d'), schema: wide });
      await run.complete();
      const { inputs } = await readAnew(bench, run.id);
      expectSameElements(
        'the datasets',
        inputs.map(({ name, digest, context }) => [name, digest, context ?? null]),
        [
          ['mnist ü', digestOf('a'), 'training'],
          ['mnist ü', digestOf('a'), 'test'],
          ['mnist ü', digestOf('b'), 'training'],
          ['dvc', `md5:${'c'.repeat(32)}.dir`, null],
          ['bytes', computed.digest, null],
          ['wide', digestOf('d'), null],
        ],
      );
      const find = (name: string) => inputs.find((input) => input.name === name && input.context !== 'test');
      expectEqual(
        'the dataset',
        inputs.find(({ rows }) => rows !== undefined),
        whole,
      );
      expectEqual('the columns of a wide one', find('wide')?.schema, wide);
      expectEqual('the digest that was computed', computed.digest, await sha256Hex(bytesOf('some data')));
      const { runs } = await tracker.search({ experiments: [bench.experiment], filter: "dataset.name = 'dvc'" });
      expectEqual(
        'the runs with the dataset',
        runs.map(({ id }) => id),
        [run.id],
      );
    },
  ],
  [
    'a run says which registered models it used',
    async (bench) => {
      const tracker = await bench.tracker();
      const { version, digest } = await tracker.registry.registerVersion(bench.model, { artifact: bytesOf('model') });
      await tracker.registry.setAlias(bench.model, 'champion', version, evidence);
      const run = await tracker.startRun({ experiment: bench.experiment });
      await run.useModel(`${bench.model}@champion`);
      await run.useModel({ name: 'elsewhere', version: '12' });
      await run.useModel({ name: 'elsewhere', version: '12' });
      await expectCode('a model that is not there', 'NOT_FOUND', () => run.useModel(`${bench.model}/77`));
      await run.complete();
      const { uses } = await readAnew(bench, run.id);
      expectSameElements('the models', uses, [
        { name: bench.model, version, digest },
        { name: 'elsewhere', version: '12' },
      ]);
    },
  ],
  [
    'what is logged after a resumption is added to what was there',
    async (bench) => {
      const first = await bench.tracker();
      const run = await first.startRun({ experiment: bench.experiment });
      await run.logText('a', 'first');
      await run.logDataset({ name: 'one', digest: digestOf('1') });
      await run.useModel({ name: 'm', version: '1' });
      await run.complete();
      await bench.tick();
      const again = await (await bench.tracker()).resumeRun(run.id);
      await again.logText('a', 'second');
      await again.logText('b', 'other');
      await again.logDataset({ name: 'two', digest: digestOf('2') });
      await again.useModel({ name: 'm', version: '2' });
      await again.complete();
      const record = await readAnew(bench, run.id);
      expectSameElements(
        'the datasets',
        record.inputs.map(({ name }) => name),
        ['one', 'two'],
      );
      expectSameElements(
        'the models',
        record.uses.map(({ version }) => version),
        ['1', '2'],
      );
      expectSameElements(
        'the artifacts',
        record.artifacts.map(({ name }) => name),
        ['a.txt', 'b.txt'],
      );
      const text = textOf(await record.artifact('a.txt').read());
      expectThat(text === 'second', `a later artifact of one name replaces the earlier, not "${text}"`);
    },
  ],
];
