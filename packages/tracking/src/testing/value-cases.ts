import { sha256Hex } from '@fairlead/core';
import type { ParamValue } from '../store/stored-run';
import { type Bench, bytesOf, type StoreCase, textOf } from './bench';
import { expectCode, expectEqual, expectFields, expectThat } from './expectations';

/* Parameters and tags. */

const oddParams: Readonly<Record<string, ParamValue>> = {
  text: 'plain',
  empty: '',
  spaces: '  a  b ',
  lines: 'one\ntwo\r\n\tthree',
  unicode: 'ü 語 😀 \u0000'.slice(0, -1),
  quotes: `it's "so" \`here\` \\`,
  json: '{"a":[1,null]}',
  zero: 0,
  'minus zero': -0,
  fraction: 0.1,
  small: 5e-324,
  large: 1.7976931348623157e308,
  whole: Number.MAX_SAFE_INTEGER,
  negative: -17,
  nan: Number.NaN,
  infinite: Number.POSITIVE_INFINITY,
  'minus infinite': Number.NEGATIVE_INFINITY,
  yes: true,
  no: false,
  'text/1': '1',
  'text/1.0': '1.0',
  'text/true': 'true',
  'text/NaN': 'NaN',
  'text/-0': '-0',
  'text/null': 'null',
  'schlüssel.ä:b-c d': 'a key with everything in it',
};

/** What is read of a run by a tracker that knows nothing of it yet. */
async function readAnew(bench: Bench, id: string) {
  return (await bench.tracker()).getRun(id);
}

export const valueCases: readonly StoreCase[] = [
  [
    'parameters come back as what they were: text as text, numbers as numbers, booleans as booleans',
    async (bench) => {
      const tracker = await bench.tracker();
      const run = await tracker.startRun({ experiment: bench.experiment, params: oddParams });
      await run.flush();
      expectEqual('the parameters of a run that goes on', (await readAnew(bench, run.id)).params, oddParams);
      await run.complete();
      expectEqual('the parameters', (await readAnew(bench, run.id)).params, oddParams);
      const { runs } = await tracker.search({ experiments: [bench.experiment] });
      expectEqual('the parameters that a search answers', runs[0]?.params, oddParams);
    },
  ],
  [
    'hundreds of parameters and tags are kept, and those that come later',
    async (bench) => {
      const tracker = await bench.tracker();
      const many = (name: string, from: number) =>
        Object.fromEntries(Array.from({ length: 230 }, (_, i) => [`${name} ${from + i}`, `wert ü ${from + i}`]));
      const run = await tracker.startRun({ experiment: bench.experiment, params: many('p', 0), tags: many('t', 0) });
      run.logParams(many('p', 1000));
      run.setTags(many('t', 200));
      await run.complete();
      const record = await readAnew(bench, run.id);
      expectEqual('the parameters', record.params, { ...many('p', 0), ...many('p', 1000) });
      expectEqual('the tags', record.tags, { ...many('t', 0), ...many('t', 200) });
    },
  ],
  [
    'a parameter is written once: the same value again is no error, another one is a conflict, also after a resumption',
    async (bench) => {
      const tracker = await bench.tracker();
      const params = { lr: 0.1, nan: Number.NaN, text: '1', flag: true };
      const run = await tracker.startRun({ experiment: bench.experiment, params });
      const check = async (live: Pick<typeof run, 'logParams'>): Promise<void> => {
        live.logParams(params);
        const others: Record<string, ParamValue> = { lr: '0.1', nan: 0, text: 1, flag: false };
        for (const [key, value] of Object.entries(others)) {
          await expectCode(`another value of ${key}`, 'CONFLICT', () => live.logParams({ [key]: value }));
        }
      };
      await check(run);
      await run.complete();
      const again = await (await bench.tracker()).resumeRun(run.id);
      await check(again);
      await again.complete();
      expectEqual('the parameters', (await readAnew(bench, run.id)).params, params);
    },
  ],
  [
    'a text of 6000 characters is a parameter, and a longer one an artifact that the parameter names; nothing is cut',
    async (bench) => {
      const tracker = await bench.tracker();
      const [longest, longer] = ['ü'.repeat(6000), `${'ß'.repeat(6000)}!`];
      const run = await tracker.startRun({ experiment: bench.experiment, params: { longest, 'model:prompt': longer } });
      await run.complete();
      const record = await readAnew(bench, run.id);
      const digest = await sha256Hex(bytesOf(longer));
      expectEqual('the parameters', record.params, {
        longest,
        'model:prompt': `artifact:params/model_prompt.txt#sha256:${digest}`,
      });
      const artifact = record.artifact('params/model_prompt.txt');
      expectFields('the artifact', artifact, { digest, kind: 'text', mediaType: 'text/plain' });
      expectThat(textOf(await artifact.read()) === longer, 'the artifact holds the whole text');
    },
  ],
  [
    'tags come back as they were, empty and long ones too, and a later value replaces an earlier one',
    async (bench) => {
      const tracker = await bench.tracker();
      const store = await bench.store();
      const longest = 'é'.repeat(store.limits?.tagLength ?? 65_536);
      const tags = {
        empty: '',
        lines: 'a\nb\t"c" \'d\'',
        unicode: 'ü 語 😀',
        json: '{"a":1}',
        'team/vision.x:y z-1': 'a key with everything in it',
        longest,
        changed: 'before',
      };
      const run = await tracker.startRun({ experiment: bench.experiment, tags });
      await run.flush();
      await bench.tick();
      run.setTags({ changed: 'between' });
      run.setTags({ changed: 'after' });
      await run.complete();
      expectEqual('the tags', (await readAnew(bench, run.id)).tags, { ...tags, changed: 'after' });
      const { runs } = await tracker.search({ experiments: [bench.experiment] });
      expectEqual('the tags that a search answers', runs[0]?.tags, { ...tags, changed: 'after' });
      await expectCode('a tag that is too long', 'LIMIT_EXCEEDED', () => tracker.setTags(run.id, { a: `${longest}x` }));
    },
  ],
  [
    'names and titles of people are kept as they are',
    async (bench) => {
      const tracker = await bench.tracker();
      const experiment = `${bench.experiment} / “Zählung” 語 'a' 100%_`;
      const name = 'Lauf 1: “ä” \\ 語 😀 \'x\' "y" %_';
      const id = await tracker.withRun({ experiment, name }, (run) => run.id);
      expectFields('the run', await readAnew(bench, id), { experiment, name });
      const { runs } = await tracker.search({ experiments: [experiment] });
      expectEqual(
        'what a search in the experiment finds',
        runs.map((run) => [run.id, run.name]),
        [[id, name]],
      );
    },
  ],
];
