import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inflateSync } from 'node:zlib';
import { sha256Hex } from '@fairlead/core';
import { describe, expect, onTestFinished, test } from 'vitest';
import { temporaryFolder } from '../fixtures/temporary-folder';
import { openTracker } from '../open-tracker';

async function startRun() {
  const dir = await temporaryFolder();
  const tracker = await openTracker({ dir: join(dir, 'store') });
  onTestFinished(() => tracker.close());
  const run = await tracker.startRun();
  const read = async (name: string): Promise<Uint8Array> => (await tracker.getRun(run.id)).artifact(name).read();
  const text = async (name: string): Promise<string> => new TextDecoder().decode(await read(name));
  return { dir, tracker, run, read, text };
}

const refused = (field: string) =>
  expect.objectContaining({ code: 'INVALID_ARGUMENT', details: expect.objectContaining({ field }) });

describe('an image', () => {
  test('of pixels is a PNG that holds exactly these pixels', async () => {
    const { run, tracker, read } = await startRun();
    const width = 3;
    const height = 2;
    for (const [channels, colourType] of [
      [4, 6],
      [3, 2],
      [1, 0],
    ] as const) {
      const data = Uint8Array.from({ length: width * height * channels }, (_, i) => (i * 91) & 0xff);
      const { name } = await run.logImage(`pixels${channels}`, { width, height, data }, { step: 3 });
      expect(name).toBe(`pixels${channels}/step-3.png`);
      const png = Buffer.from(await read(name));
      expect([png.readUInt32BE(16), png.readUInt32BE(20), png[24], png[25]]).toEqual([3, 2, 8, colourType]);
      const at = png.indexOf('IDAT');
      const rows = inflateSync(png.subarray(at + 4, at + 4 + png.readUInt32BE(at - 4)));
      const stride = width * channels;
      const pixels: number[] = [];
      for (let y = 0; y < height; y++) {
        expect(rows[y * (stride + 1)]).toBe(2);
        for (let x = 0; x < stride; x++) {
          pixels.push(
            ((rows[y * (stride + 1) + 1 + x] as number) + (y === 0 ? 0 : (pixels.at(-stride) as number))) & 0xff,
          );
        }
      }
      expect(pixels).toEqual([...data]);
    }
    const { artifacts } = await tracker.getRun(run.id);
    expect(artifacts[0]).toMatchObject({ kind: 'image', mediaType: 'image/png', step: 3 });
  });

  test('that is a file keeps its bytes, and is known by them whatever its name says', async () => {
    const { run, read } = await startRun();
    const jpeg = Uint8Array.of(0xff, 0xd8, 0xff, 0xe0, 1, 2);
    expect((await run.logImage('photo.png', jpeg)).name).toBe('photo.png.jpg');
    expect((await run.logImage('photo.JPEG', jpeg)).name).toBe('photo.JPEG');
    expect(await read('photo.JPEG')).toEqual(jpeg);
    await expect(run.logImage('x', new TextEncoder().encode('not an image'))).rejects.toEqual(refused('image'));
  });

  test.each([
    [{ width: 0, height: 1, data: new Uint8Array(4) }, 'image.width'],
    [{ width: 1.5, height: 1, data: new Uint8Array(4) }, 'image.width'],
    [{ width: 1, height: 20_000, data: new Uint8Array(4) }, 'image.height'],
    [{ width: 16_384, height: 16_384, data: new Uint8Array(4) }, 'image'],
    [{ width: 2, height: 2, data: new Uint8Array(15) }, 'image.data'],
    [{ width: 1, height: 1, data: [0, 0, 0, 0] }, 'image.data'],
    [undefined, 'image'],
  ])('refuses %j', async (image, field) => {
    const { run } = await startRun();
    await expect(run.logImage('x', image as never)).rejects.toEqual(refused(field));
  });
});

describe('a table', () => {
  test('of rows is CSV with its types beside it, and says every cell exactly', async () => {
    const { run, text, tracker } = await startRun();
    const rows = [
      { id: 1, score: 0.5, label: 'a,"b"', ok: true, at: new Date(0), mixed: 1, more: { x: [1] } },
      { id: 2n, score: Number.NaN, label: '', ok: null, mixed: 'one' },
      { id: 3, score: Number.NEGATIVE_INFINITY, label: ' x\n', extra: -0 },
    ];
    expect(await run.logTable('eval/errors', rows)).toMatchObject({ name: 'eval/errors.csv', rows: 3 });
    expect(await text('eval/errors.csv')).toBe(
      'id,score,label,ok,at,mixed,more,extra\n' +
        '1,0.5,"a,""b""",true,1970-01-01T00:00:00.000Z,1,"{""x"":[1]}",\n' +
        '2,NaN,"",,,"""one""",,\n' +
        '3,-INF," x\n",,,,,-0\n',
    );
    const metadata = JSON.parse(await text('eval/errors.csv-metadata.json')) as { url: string; tableSchema: unknown };
    expect(metadata.url).toBe('errors.csv');
    expect(metadata.tableSchema).toEqual({
      columns: [
        ['id', 'integer'],
        ['score', 'double'],
        ['label', 'string'],
        ['ok', 'boolean'],
        ['at', 'dateTime'],
        ['mixed', 'json'],
        ['more', 'json'],
        ['extra', 'double'],
      ].map(([titles, datatype]) => ({ titles, datatype })),
    });
    expect((await tracker.getRun(run.id)).artifact('eval/errors.csv')).toMatchObject({ kind: 'table' });
  });

  test('of columns is the same; one without rows is one too', async () => {
    const { run, text } = await startRun();
    await run.logTable('t', { a: Float32Array.of(1, 2.5), b: ['x', 'y'] });
    expect(await text('t.csv')).toBe('a,b\n1,x\n2.5,y\n');
    expect(await run.logTable('none', [])).toMatchObject({ rows: 0, size: 0 });
  });

  test.each([
    [{ a: [1], b: [1, 2] }, 'table.b'],
    [{ a: 3 }, 'table.a'],
    [[1], 'table[0]'],
    [[{ '': 1 }], 'table'],
    [[{ f: () => 1 }], 'table[0].f'],
    [[{ d: new Date(Number.NaN) }], 'table[0].d'],
    ['text', 'table'],
  ])('refuses %j', async (table, field) => {
    const { run } = await startRun();
    await expect(run.logTable('t', table as never)).rejects.toEqual(refused(field));
  });
});

describe('a figure and a text', () => {
  test('are known by what they are', async () => {
    const { run, tracker, text } = await startRun();
    const svg =
      '\uFEFF<?xml version="1.0"?>\n<!-- a --><!-- <svg> -->\n<!DOCTYPE svg [<!ENTITY a "b">]>\n<svg width="1"/>';
    await run.logFigure('a', svg);
    await run.logFigure('b', { $schema: 'https://vega.github.io/schema/vega-lite/v5.json', mark: 'bar' });
    await run.logFigure('c', { series: [{ type: 'line', data: [1, Number.NaN] }] }, { step: 1 });
    await run.logText('notes.md', '# ü');
    await run.logText('log', 'text', { step: -1 });
    const { artifacts } = await tracker.getRun(run.id);
    expect(artifacts.map(({ name, kind, mediaType }) => [name, kind, mediaType])).toEqual([
      ['a.svg', 'figure', 'image/svg+xml'],
      ['b.vl.json', 'figure', 'application/vnd.vegalite.v5+json'],
      ['c/step-1.echarts.json', 'figure', 'application/vnd.apache.echarts+json'],
      ['notes.md', 'text', 'text/markdown'],
      ['log/step--1.txt', 'text', 'text/plain'],
    ]);
    expect(await text('a.svg')).toBe(svg.slice(1)); // the decoder takes the mark of the byte order away
    expect(await text('notes.md')).toBe('# ü');
  });

  const circular: Record<string, unknown> = { series: [] };
  circular.self = circular;
  test.each([
    ['<html>', 'figure'],
    ['<!-- <svg>', 'figure'],
    [{ data: 1 }, 'figure'],
    [[], 'figure'],
    [{ series: [{ formatter: () => '' }] }, 'figure.series.0.formatter'],
    [circular, 'figure.self'],
  ])('refuse what is none: %#', async (figure, field) => {
    const { run } = await startRun();
    await expect(run.logFigure('f', figure as never)).rejects.toEqual(refused(field));
    await expect(run.logText('t', 3 as never)).rejects.toEqual(refused('text'));
    await expect(run.logText('t', '', { step: 1.5 })).rejects.toEqual(refused('step'));
  });
});

describe('datasets and models', () => {
  test('have the digest of their bytes, their file or their rows, and addresses without credentials', async () => {
    const { run, dir, tracker } = await startRun();
    const bytes = new TextEncoder().encode('a,b\n1,2\n');
    const digest = await sha256Hex(bytes);
    const file = join(dir, 'data.csv');
    await writeFile(file, bytes);
    const source = 'https://ada:secret@example.org/data.csv?X-Amz-Signature=abc&v=1';
    expect(await run.logDataset({ name: 'bytes', bytes, source })).toEqual({
      name: 'bytes',
      digest,
      source: 'https://[redacted]@example.org/data.csv?X-Amz-Signature=[redacted]&v=1',
    });
    expect(await run.logDataset({ name: 'file', file, context: 'training' })).toMatchObject({ digest, source: file });
    const table = [{ a: 1, b: 2 }];
    expect(await run.logDataset({ name: 'table', table })).toMatchObject({
      digest,
      rows: 1,
      schema: [
        { name: 'a', type: 'integer' },
        { name: 'b', type: 'integer' },
      ],
    });
    await run.logDataset({ name: 'dvc', digest: `md5:${'a'.repeat(32)}.dir` });
    const { version } = await tracker.registry.registerVersion('base', { artifact: bytes, run: run.id });
    expect(await run.useModel('base/1')).toEqual({ name: 'base', version, digest });
    await run.useModel({ name: 'elsewhere', version: '7' });
    const record = await tracker.getRun(run.id);
    expect(record.inputs.map((input) => input.name)).toEqual(['bytes', 'file', 'table', 'dvc']);
    expect(record.uses.map((use) => use.name)).toEqual(['base', 'elsewhere']);
  });

  test.each([
    [{ name: 'x' }, 'dataset'],
    [{ name: 'x', digest: 'a', bytes: new Uint8Array(1) }, 'dataset'],
    [{ name: 'x', digest: 'abc' }, 'dataset.digest'],
    [{ name: '', bytes: new Uint8Array(1) }, 'dataset.name'],
    [{ name: 'x', bytes: 'abc' }, 'dataset.bytes'],
    [{ name: 'x', bytes: new Uint8Array(1), rows: -1 }, 'dataset.rows'],
    [{ name: 'x', bytes: new Uint8Array(1), schema: ['a'] }, 'dataset.schema'],
    [{ name: 'x', bytes: new Uint8Array(1), contxt: 'a' }, 'dataset.contxt'],
    [undefined, 'dataset'],
  ])('refuse %j', async (draft, field) => {
    const { run } = await startRun();
    await expect(run.logDataset(draft as never)).rejects.toEqual(refused(field));
    await expect(run.logDataset({ name: 'x', file: '/nowhere/at/all' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(run.useModel('none/1')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(run.useModel({ name: 'a', version: '0' })).rejects.toEqual(refused('version'));
  });
});
