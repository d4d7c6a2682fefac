import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { sha256Hex } from '@fairlead/core';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { bytesOf, evidence, open, openVersions } from '../registry/registry-kit.fixture';
import { formatModelCard, parseModelCard } from './card-text';
import { modelCard } from './generate-card';

const examples = fileURLToPath(new URL('../../../../examples/models/', import.meta.url));
const digest = 'e'.repeat(64);

/** A version with everything that a card can tell, and the run that made it. */
async function openDigits() {
  const { dir, clock, tracker, registry } = await openVersions(0.9);
  const run = await tracker.withRun({ experiment: 'digits', name: 'wide', params: { lr: 0.1, bias: true } }, (live) => {
    live.log({ loss: 0.5 }, { step: 1 });
    live.log({ loss: 0.25 }, { step: 2 });
    return live.id;
  });
  await registry.registerVersion('digits', {
    artifact: bytesOf('model'),
    signature: {
      inputs: [{ name: 'pixels', dtype: 'float32', shape: ['batch', 64] }],
      outputs: [{ name: 'label', dtype: 'int64', shape: ['batch'] }],
      batchAxis: 0,
    },
    metrics: { accuracy: 0.97, ece: Number.NaN },
    tags: { stage: 'test' },
    description: 'Reads digits.\n\nOf one writer.',
    run,
    parents: ['digits/1'],
    datasets: [{ name: 'UCI digits', digest, context: 'training' }],
    author: 'train.js',
  });
  const dataset = { name: 'UCI digits', digest, context: 'test' };
  await registry.recordEvaluation('digits', '2', { metrics: { accuracy: 0.5 }, dataset }, evidence);
  await registry.recordEvaluation('digits', '2', { metrics: { accuracy: 0.96 }, dataset }, evidence);
  await registry.approve('digits', '2', { actor: 'grace', reason: 'read it' });
  const version = await registry.getVersion('digits/2');
  return { dir, clock, tracker, registry, version, run: await tracker.getRun(run) };
}

describe('a model card', () => {
  test('tells what the registry and the run know, in the form of Hugging Face', async () => {
    const { version, run } = await openDigits();
    const card = modelCard(version, run, {
      license: 'mit',
      tags: ['digits'],
      task: 'image-classification',
      dataset: 'held out',
    });
    expect(await formatModelCard(card)).toBe(
      `---
license: mit
library_name: onnx
pipeline_tag: image-classification
tags:
  - digits
datasets:
  - UCI digits
model-index:
  - name: digits
    results:
      - task:
          type: image-classification
        dataset:
          type: held-out
          name: held out
        metrics:
          - type: accuracy
            name: accuracy
            value: 0.97
          - type: ece
            name: ece
            value: .nan
      - task:
          type: image-classification
        dataset:
          type: uci-digits
          name: UCI digits
          split: test
          revision: ${digest}
        metrics:
          - type: accuracy
            name: accuracy
            value: 0.96
---

# digits, version 2

Reads digits.

Of one writer.

## Inputs and outputs

|  | Tensor | dtype | Shape |
|---|---|---|---|
| input | pixels | float32 | batch, 64 |
| output | label | int64 | batch |

## Evaluation

| Data | Part | Metric | Value |
|---|---|---|---|
| held out |  | accuracy | 0.97 |
| held out |  | ece | NaN |
| UCI digits | test | accuracy | 0.96 |

## Training

Run wide of the experiment digits, ${run.id}.

Made from digits/1.

| Parameter | Value |
|---|---|
| lr | 0.1 |
| bias | true |

| Metric of the run | Last | Least | Most |
|---|---|---|---|
| loss | 0.25 | 0.25 | 0.5 |

| Data | Used for | Rows | Digest |
|---|---|---|---|
| UCI digits | training |  | ${digest} |

## Provenance

|  |  |
|---|---|
| Registered | 2026-01-01T00:00:00.000Z |
| By | train.js |
| SHA-256 | ${await sha256Hex(bytesOf('model'))} |
| Bytes | 5 |
| Tag stage | test |

| Approval |  | By | Why |
|---|---|---|---|
| approval | yes | grace | read it |
`.replace('2026-01-01T00:00:00.000Z', new Date(version.registeredAt).toISOString()),
    );
  });

  test('reads back as it was written, and travels with its version', async () => {
    const { dir, registry, version, run } = await openDigits();
    const sections = { Use: 'Call `run`.\n\n---\n\n- [ ] **really**' };
    const card = modelCard(version, run, { sections });
    expect(card.body).toContain('## Use\n\nCall `run`.\n\n---\n\n- [ ] **really**\n\n## Inputs and outputs');
    const text = await formatModelCard(card);
    expect(await parseModelCard(text)).toEqual(card);
    await registry.annotate('digits', '2', { card: text }, evidence);
    const model = await (await open(dir)).registry.model('digits/2').resolve({});
    expect(await parseModelCard((await model.sidecar('card')) as Uint8Array)).toEqual(card);
  });

  test('of a version of which little is known is short', async () => {
    const { registry } = await openVersions();
    const version = await registry.registerVersion('digits', { artifact: bytesOf('x') });
    const card = modelCard(version);
    expect(card.results).toEqual([]);
    expect(card.metadata).toEqual({ library_name: 'onnx' });
    expect(card.body).toMatch(/^# digits, version 1\n\n## Provenance\n/);
    expect(() => modelCard(version, undefined, { licence: 'mit' } as never)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', details: expect.objectContaining({ field: 'licence' }) }),
    );
  });

  test('shows hostile texts as they are, and nothing else comes of them', async () => {
    const { registry } = await openVersions();
    const hostile = [
      '# not a heading',
      '- no list',
      '1. no list',
      '---',
      '=====',
      '<script>alert(1)</script>',
      '[click](javascript:alert(1))',
      '![pixel](https://evil.example/p.png)',
      '<https://evil.example>',
      'www.evil.example and https://evil.example and ada@evil.example',
      '`code` **bold** _emphasis_ ~~gone~~',
      'a | b | c',
      '&lt;b&gt; &#x3c;',
      '$$x$$ [^1]: note',
      '\\`escaped\\`',
      'one\n\n# two\n---\nthree',
      '\u202egnp.exe',
    ];
    const version = await registry.registerVersion('digits', {
      artifact: bytesOf('x'),
      description: hostile.join('\n\n'),
      tags: Object.fromEntries(hostile.map((text, index) => [`t${index}`, text])),
      author: 'x | y <b>',
      datasets: [{ name: '<img src=x onerror=alert(1)> | x', digest }],
    });
    const run = {
      id: 'r',
      name: '](x) # run',
      experiment: '<b>',
      params: { a: '|\n|---|\n| x' },
      metrics: {},
      inputs: [],
    };
    const card = modelCard(version, run, { title: '<b> # \n--- title' });
    const lines = card.body.split('\n');
    expect(card.body).not.toMatch(/<|https?:\/\/|www\.|\w@|\u202e/);
    expect(card.body).not.toMatch(/(?<!\\)[`*_~$^![\]]/);
    expect(lines.filter((line) => line.startsWith('#'))).toEqual([
      '# &lt;b&gt; \\# --- title',
      '## Training',
      '## Provenance',
    ]);
    expect(lines.filter((line) => /^\s*([-+=]|\d+[.)]\s)/.test(line))).toEqual([]);
    // Every row of the table has its two cells, so none was added.
    const cells = (line: string): number => line.split(/(?<!\\)\|/).length - 2;
    const rows = lines.filter((line) => line.startsWith('| Tag '));
    expect(rows.map(cells)).toEqual(hostile.map(() => 2));
    const text = await formatModelCard({
      ...card,
      metadata: { title: 'a\n---\n# b', '---': '---\n', list: ['x\n---'] },
    });
    expect(text.split('\n').filter((line) => line === '---')).toHaveLength(2);
    expect((await parseModelCard(text)).metadata).toEqual({ title: 'a\n---\n# b', '---': '---\n', list: ['x\n---'] });
  });
});

describe('the text of a card', () => {
  test('of the examples is read', async () => {
    const card = await parseModelCard(new Uint8Array(await readFile(`${examples}digits-v2.md`)));
    expect(card.metadata).toEqual({
      license: 'mit',
      library_name: 'onnx',
      pipeline_tag: 'image-classification',
      tags: ['onnx', 'scikit-learn', 'handwritten-digits'],
    });
    expect(card.results).toMatchObject([
      {
        model: 'digits-v2',
        task: { type: 'image-classification', name: 'Classification of 8x8 handwritten digits' },
        dataset: { type: 'uci-optical-digits', split: 'test' },
        metrics: [
          { type: 'accuracy', value: 0.987 },
          { type: 'f1', value: 0.9871 },
          { type: 'log_loss' },
          { value: 0.8204 },
        ],
      },
    ]);
    expect(card.body.startsWith('# digits, version 2\n')).toBe(true);
    expect(await parseModelCard(await formatModelCard(card))).toEqual(card);
  });

  test('keeps what it does not know, and numbers that JSON lacks', async () => {
    const text = [
      '---',
      'extra: { deep: [1, null] }',
      'model-index:',
      '- name: a',
      '  results:',
      '  - task: { type: x }',
      '    dataset: { type: y, name: Y, args: { n: 3 } }',
      '    metrics: [{ type: z, value: .inf, verified: true }, { type: s, value: "3 ± 1" }]',
      '    source: { url: "https://example.com" }',
      '---',
      'Body',
    ].join('\r\n');
    const card = await parseModelCard(`\uFEFF${text}`);
    expect(card).toEqual({
      metadata: { extra: { deep: [1, null] } },
      results: [
        {
          model: 'a',
          task: { type: 'x' },
          dataset: { type: 'y', name: 'Y', args: { n: 3 } },
          metrics: [
            { type: 'z', value: Number.POSITIVE_INFINITY, verified: true },
            { type: 's', value: '3 ± 1' },
          ],
          source: { url: 'https://example.com' },
        },
      ],
      body: 'Body',
    });
    expect(await parseModelCard(await formatModelCard(card))).toEqual(card);
  });

  test('is read by YAML 1.1, as Python does, in the same way', async () => {
    const metrics = [1e-7, -2e21, 1.5e-9, 0.5, 1].map((value) => ({ type: 'a', value }));
    const result = { model: 'a', task: { type: 'x' }, dataset: { type: 'y', name: 'Y' }, metrics };
    const metadata = {
      language: ['no', 'on'],
      tags: ['2020-01-01', '1:30', '1_000', '0o17', 'null', '1e-7', '~', '=', '<<'],
    };
    const card = { metadata, results: [result], body: '' };
    const text = await formatModelCard(card);
    expect(text).toContain('language:\n  - "no"\n  - "on"\ntags:\n  - "2020-01-01"\n  - "1:30"\n  - "1_000"\n');
    expect(text.match(/(?<=value: ).*/g)).toEqual(['1.0e-7', '-2.0e+21', '1.5e-9', '0.5', '1']);
    expect(await parseModelCard(text)).toEqual(card);
    expect(parse(text.slice(4, text.indexOf('---\n', 4)), { version: '1.1' })).toMatchObject(metadata);
  });

  test.each([
    ['no front matter', '# Title\n\n---\n', '# Title\n\n---\n'],
    ['nothing at all', '', ''],
    ['empty front matter', '---\n---\nBody', 'Body'],
    ['a comment for front matter', '---\n# nothing\n---\n\nBody', 'Body'],
  ])('with %s is all body', async (_name, text, body) => {
    const card = await parseModelCard(text);
    expect(card).toEqual({ metadata: {}, results: [], body });
    expect(await parseModelCard(await formatModelCard(card))).toEqual(card);
  });

  test.each([
    ['front matter that never ends', '---\na: 1\n', 'never ends'],
    ['front matter that is no YAML', '---\na: [1\n---\n', 'no YAML'],
    ['a name given twice', '---\na: 1\na: 2\n---\n', 'no YAML'],
    ['a list for front matter', '---\n- a\n---\n', 'no mapping'],
    ['a text for front matter', '---\njust text\n---\n', 'no mapping'],
    ['an index that is text', '---\nmodel-index: x\n---\n', '"model-index"'],
    [
      'a result without metrics',
      '---\nmodel-index: [{ name: a, results: [{ task: { type: x }, dataset: { type: y, name: Y } }] }]\n---\n',
      '"model-index.0.results.0.metrics"',
    ],
    ['bytes that are no UTF-8', Uint8Array.of(0xff, 0xfe), 'no UTF-8'],
    [
      'more aliases than there can be',
      `---\na: &a [x, x, x, x, x, x, x, x, x]\n${'bcdefgh'
        .split('')
        .map((key, i) => `${key}: &${key} [${Array(9).fill(`*${'abcdefgh'[i]}`).join(', ')}]`)
        .join('\n')}\n---\n`,
      'no YAML',
    ],
    ['something else', 5 as never, 'a string or a Uint8Array'],
  ])('is refused with %s', async (_name, text, problem) => {
    await expect(parseModelCard(text)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining(problem),
    });
  });

  test('makes no prototype of what it says', async () => {
    const { metadata } = await parseModelCard('---\n__proto__: { polluted: true }\nconstructor: x\n---\n');
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    expect((metadata as { polluted?: unknown }).polluted).toBeUndefined();
    expect(Object.keys(metadata)).toContain('constructor');
  });

  test('is refused when it is too long', async () => {
    await expect(parseModelCard('x'.repeat(1_048_577))).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  });
});
