import { cp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createVirtualClock } from '@fairlead/core/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { crc32 } from '../files/crc32';
import type { Files } from '../files/files';
import { nodeFiles } from '../files/node-files';
import { temporaryFolder } from '../fixtures/temporary-folder';
import { openTracker } from '../open-tracker';
import type { RegistryChange } from '../store/registry-store';
import { CommitLog, decodeCommit, encodeCommit } from './commit-log';

const fixture = fileURLToPath(new URL('../fixtures/format-1/store', import.meta.url));
const evidence = { actor: 'ada', reason: 'because' };
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

function tagging(tag: string): RegistryChange {
  return { type: 'annotate', at: 1, version: '1', evidence, tags: { tag } };
}

/** A log that holds a version and as many annotations as asked, tagged `2`, `3`, … by their numbers. */
async function openLog(annotations: number) {
  const root = await temporaryFolder();
  const log = new CommitLog(nodeFiles, root, 'digits');
  const version = { version: '1', digest: 'd', size: 1, registeredAt: 1, metrics: {}, tags: {}, sidecars: {} };
  const lineage = { parents: [], datasets: [], evaluations: [] };
  await log.append({ type: 'version', at: 1, version: { ...version, ...lineage } }, 0);
  for (let i = 0; i < annotations; i++) expect(await log.append(tagging(`${i + 2}`), i + 1)).toBe(true);
  return {
    root,
    log,
    pathOf: (sequence: number) => join(root, 'digits', `${String(sequence).padStart(10, '0')}.json`),
  };
}

const tagsOf = (log: CommitLog) =>
  log.model?.changes.flatMap((change) => (change.type === 'annotate' ? [change.tags?.tag] : []));

describe('the commits of a model', () => {
  test('of format 1 are read, and followed by those of format 2', async () => {
    const dir = await temporaryFolder();
    await cp(fixture, dir, { recursive: true });
    const tracker = await openTracker({ dir, clock: createVirtualClock() });
    onTestFinished(() => tracker.close());
    const model = await tracker.registry.getModel('digits');
    expect(model).toMatchObject({ aliases: { champion: '2' }, damage: [] });
    expect(model.versions).toMatchObject([
      {
        version: '1',
        metrics: { accuracy: 0.98 },
        tags: { stage: 'test' },
        parents: [],
        datasets: [],
        evaluations: [],
      },
      { version: '2', metrics: { accuracy: 0.99 }, aliases: ['champion'] },
    ]);
    expect(model.versions[0]?.sidecars.card?.size).toBe(9);
    expect(await tracker.registry.aliasHistory('digits', 'champion')).toEqual([
      {
        alias: 'champion',
        from: null,
        to: '1',
        evidence: { actor: 'train.js', reason: 'the first' },
        at: 1700000000500,
      },
      {
        alias: 'champion',
        from: '1',
        to: '2',
        evidence: { actor: 'ada', reason: 'better', data: { accuracy: [0.98, 0.99] } },
        at: 1700000003500,
      },
    ]);
    await tracker.registry.setAlias('digits', 'champion', '1', evidence);
    const text = new TextDecoder().decode(await nodeFiles.read(join(dir, 'registry/digits/0000000005.json')));
    expect(text).toMatch(/^\{"format":2,"crc32":"[0-9a-f]{8}","commit":\{"model":"digits","change":\{"type":"alias",/);
    expect((await tracker.registry.getModel('digits')).aliases).toEqual({ champion: '1' });
  });

  test('come back as they were made, numbers that JSON lacks included', () => {
    const change: RegistryChange = {
      type: 'annotate',
      at: 5,
      version: '1',
      evidence: { ...evidence, data: { psi: Number.NaN } },
      evaluation: { at: 5, metrics: { accuracy: -0, loss: Number.POSITIVE_INFINITY } },
    };
    expect(decodeCommit(encodeCommit('digits', change))).toEqual(change);
  });

  test('are refused where a later release wrote them', () => {
    expect(() => decodeCommit(bytesOf('{"format":3,"crc32":"00000000","commit":{}}\n'))).toThrow(
      expect.objectContaining({ code: 'UNSUPPORTED', message: expect.stringContaining('Upgrade') }),
    );
  });

  test.each([
    ['no text at all', ''],
    ['a torn text', '{"format":2,"crc32":"00000000","commit":{"model"'],
    ['a checksum of something else', '{"format":2,"crc32":"00000000","commit":{}}\n'],
    ['a head that is no JSON', '{"format":2,,"commit":{}}\n'],
  ])('with %s are corrupt', (_name, text) => {
    expect(decodeCommit(bytesOf(text))).toBe('corrupt');
  });

  test('of an unknown type are stepped over', () => {
    const body = '{"model":"digits","change":{"type":"dance"}}';
    const crc = crc32(bytesOf(body)).toString(16).padStart(8, '0');
    expect(decodeCommit(bytesOf(`{"format":2,"crc32":"${crc}","commit":${body}}\n`))).toBe('unknown-record');
  });

  test('that a listing left out are found by their numbers', async () => {
    const { root } = await openLog(5);
    // A listing may miss a file that is made while it goes on, and have a later one.
    const hidden = new Set(['0000000003.json', '0000000005.json']);
    const files: Files = {
      ...nodeFiles,
      list: async (path) => (await nodeFiles.list(path)).filter((name) => !hidden.has(name)),
    };
    const reader = new CommitLog(files, root, 'digits');
    await reader.refresh();
    expect(tagsOf(reader)).toEqual(['2', '3', '4', '5', '6']);
    expect(reader.model?.damage).toEqual([]);
  });

  test('that are gone are reported, and the rest is read', async () => {
    const { root, pathOf } = await openLog(4);
    await rm(pathOf(3));
    const reader = new CommitLog(nodeFiles, root, 'digits');
    await reader.refresh();
    expect(tagsOf(reader)).toEqual(['2', '4', '5']);
    expect(reader.model?.damage).toEqual([
      { file: 'registry/digits/0000000003.json', offset: 0, length: 0, kind: 'missing' },
    ]);
    await writeFile(pathOf(999_999_999), encodeCommit('digits', tagging('far')));
    await reader.refresh(); // does not look at a thousand million files
    const fresh = new CommitLog(nodeFiles, root, 'digits');
    await fresh.refresh();
    expect(tagsOf(fresh)).toEqual(['2', '4', '5', 'far']);
  });

  test('that are still being written at the end are looked at again', async () => {
    const { root, log, pathOf } = await openLog(0);
    const whole = encodeCommit('digits', tagging('2'));
    await writeFile(pathOf(2), whole.subarray(0, 40));
    const reader = new CommitLog(nodeFiles, root, 'digits');
    await reader.refresh();
    expect(reader.model?.damage).toMatchObject([{ kind: 'corrupt' }]);
    await writeFile(pathOf(2), whole);
    await reader.refresh();
    expect(tagsOf(reader)).toEqual(['2']);
    expect(reader.model?.damage).toEqual([]);
    // One that does not know of it yet is too late with its own.
    expect(await log.append(tagging('late'), 1)).toBe(false);
    await log.refresh();
    expect(await log.append(tagging('late'), log.last)).toBe(true);
    expect(tagsOf(log)).toEqual(['2', 'late']);
  });

  test('leave a model that was read before as it was', async () => {
    const { log } = await openLog(1);
    const before = log.model;
    await log.append(tagging('3'), 2);
    expect(before?.changes).toHaveLength(2);
    expect(before?.versions[0]?.tags).toEqual({ tag: '2' });
    expect(log.model?.versions[0]?.tags).toEqual({ tag: '3' });
  });
});
