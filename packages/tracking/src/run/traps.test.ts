import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256Hex } from '@fairlead/core';
import { createVirtualClock } from '@fairlead/core/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openEmbeddedStore } from '../embedded/embedded-store';
import { nodeFiles } from '../files/node-files';
import { createFaultyFiles } from '../fixtures/faulty-files';
import { temporaryFolder } from '../fixtures/temporary-folder';
import { openTracker } from '../open-tracker';

async function open(dir: string) {
  const lines: string[] = [];
  const add = (_details: object, message: string): void => void lines.push(message);
  const tracker = await openTracker({ dir, logger: { debug: add, info: add, warn: add, error: add } });
  onTestFinished(() => tracker.close());
  return { tracker, lines };
}

// Metrics that are texts and broken steps and timestamps are in open-tracker.test.ts.

test('a text of 6000 characters is a parameter; a longer one is an artifact that the parameter names with its hash', async () => {
  const { tracker } = await open(await temporaryFolder());
  const prompt = 'ü'.repeat(6001);
  const run = await tracker.startRun({ params: { 'model:prompt': prompt, short: 'x'.repeat(6000) } });
  run.logParams({ 'model:prompt': prompt });
  expect(() => run.logParams({ 'model:prompt': `${prompt}!` })).toThrow(expect.objectContaining({ code: 'CONFLICT' }));
  await run.complete();
  const record = await tracker.getRun(run.id);
  const digest = await sha256Hex(new TextEncoder().encode(prompt));
  expect(record.params).toEqual({
    short: 'x'.repeat(6000),
    'model:prompt': `artifact:params/model_prompt.txt#sha256:${digest}`,
  });
  const artifact = record.artifact('params/model_prompt.txt');
  expect(artifact).toMatchObject({ kind: 'text', digest });
  expect(new TextDecoder().decode(await artifact.read())).toBe(prompt);
  const again = await tracker.resumeRun(run.id);
  again.logParams({ 'model:prompt': prompt });
  await again.flush();
  again.logParams({ 'model:prompt': prompt });
  await again.complete();
  const third = await tracker.resumeRun(run.id);
  third.logParams({ 'model:prompt': `${prompt}!` });
  await expect(third.flush()).rejects.toMatchObject({ code: 'CONFLICT' });
});

test('a long parameter that cannot be kept rejects the flush and the end, and is kept when there is room again', async () => {
  const faulty = createFaultyFiles();
  const clock = createVirtualClock();
  const store = await openEmbeddedStore({
    files: faulty.files,
    dir: await temporaryFolder(),
    clock,
    pollMs: 1000,
    maxBufferedBytes: 65_536,
    overflow: 'write',
  });
  const failed: unknown[] = [];
  const tracker = await openTracker({ store, clock, on: { 'write-fail': ({ error }) => failed.push(error) } });
  const run = await tracker.startRun();
  faulty.writeFault = 'ENOSPC';
  run.logParams({ prompt: 'x'.repeat(7000) });
  await expect(run.flush()).rejects.toMatchObject({ code: 'STORE_FAILED', details: { errno: 'ENOSPC' } });
  expect(failed).toHaveLength(1);
  expect(run.health().failures).toBeGreaterThan(0);
  await expect(run.complete()).rejects.toMatchObject({ details: { errno: 'ENOSPC' } });
  faulty.writeFault = undefined;
  await run.complete();
  expect((await tracker.getRun(run.id)).params.prompt).toMatch(/^artifact:params\/prompt\.txt#sha256:/);
  await tracker.close();
});

describe('a secret', () => {
  const secret = 'hunter2-correct-horse';

  test('in a parameter, a tag or an error is not kept, and the warning names the field alone', async () => {
    const dir = await temporaryFolder();
    const { tracker, lines } = await open(dir);
    const run = await tracker.startRun({
      params: {
        apiKey: secret,
        'db.password': secret,
        url: `postgres://ada:${secret}@db/x`,
        max_tokens: 'all of them',
      },
      tags: { 'auth-token': secret, note: 'plain' },
    });
    run.logParams({ apiKey: secret });
    await run.fail(new Error(`connect to redis://:${secret}@cache failed`));
    await tracker.setTags(run.id, { client_secret: secret });
    const record = await tracker.getRun(run.id);
    expect(record.params).toEqual({
      apiKey: '[redacted]',
      'db.password': '[redacted]',
      url: 'postgres://[redacted]@db/x',
      max_tokens: 'all of them',
    });
    expect(record.tags).toEqual({ 'auth-token': '[redacted]', note: 'plain', client_secret: '[redacted]' });
    expect(record.error?.message).toBe('connect to redis://[redacted]@cache failed');
    const folder = join(dir, 'runs', run.id);
    for (const name of await nodeFiles.list(folder)) {
      expect((await readFile(join(folder, name))).includes(secret)).toBe(false);
    }
    expect(lines.join()).toContain('params.apiKey');
    expect(lines.join()).not.toContain(secret);
  });
});

test.each(['FINISHED', 'FAILED', 'INTERRUPTED'] as const)(
  'a run that is %s refuses whatever is logged to it, and what it has stays as it is',
  async (status) => {
    const { tracker } = await open(await temporaryFolder());
    const run = await tracker.startRun({ params: { lr: 1 } });
    run.log({ loss: 1 }, { step: 1, timestamp: 1 });
    await { FINISHED: () => run.complete(), FAILED: () => run.fail(new Error('x')), INTERRUPTED: () => run.close() }[
      status
    ]();
    const before = await tracker.getRun(run.id);
    expect(before.status).toBe(status);
    const late: readonly (() => unknown)[] = [
      () => run.log({ loss: 2 }, { step: 2 }),
      () => run.logParams({ other: 2 }),
      () => run.setTags({ a: 'b' }),
      () => run.logArtifact('a.bin', Uint8Array.of(1)),
      () => run.logText('a', 'b'),
      () => run.logTable('a', [{ b: 1 }]),
      () => run.logImage('a', { width: 1, height: 1, data: Uint8Array.of(0) }),
      () => run.logFigure('a', { series: [] }),
      () => run.logDataset({ name: 'd', digest: 'ab'.repeat(32) }),
      () => run.useModel({ name: 'm', version: '1' }),
      () => run.startRun(),
      () => run.flush(),
    ];
    for (const call of late) {
      await expect((async () => call())()).rejects.toMatchObject({ code: 'CLOSED' });
    }
    const { params, metrics, tags, artifacts, inputs, uses } = await tracker.getRun(run.id);
    const { params: p, metrics: m, tags: t, artifacts: a, inputs: i, uses: u } = before;
    expect({ params, metrics, tags, inputs, uses }).toEqual({ params: p, metrics: m, tags: t, inputs: i, uses: u });
    expect([artifacts, a]).toEqual([[], []]);
  },
);

test('a flush that the store cannot promise says what it can', async () => {
  const { tracker } = await open(await temporaryFolder());
  const run = await tracker.startRun();
  await expect(run.flush({ durability: 'remote' })).rejects.toMatchObject({
    code: 'UNSUPPORTED',
    message: expect.stringContaining('server'),
    details: { field: 'durability', expected: 'os, disk', given: 'remote' },
  });
  run.log({ loss: 1 });
  await run.flush({ durability: 'os' });
  expect(run.health()).toMatchObject({ bufferedPoints: 0, writtenPoints: 1, unsyncedPoints: 1, lagMs: 0 });
  await run.flush();
  expect(run.health()).toMatchObject({ unsyncedPoints: 0, droppedPoints: 0, failures: 0, lastError: undefined });
});

test('await using, without an end, leaves a run INTERRUPTED, whatever was thrown', async () => {
  const { tracker } = await open(await temporaryFolder());
  let id = '';
  const leave = async (): Promise<void> => {
    await using run = await tracker.startRun();
    id = run.id;
    throw new Error('unseen');
  };
  await expect(leave()).rejects.toThrow('unseen');
  expect((await tracker.getRun(id)).status).toBe('INTERRUPTED');
});
