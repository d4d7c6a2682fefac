import { appendFile, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FairleadError, Logger } from '@fairlead/core';
import { createVirtualClock } from '@fairlead/core/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { observe } from './call.fixture';
import { type AuditHead, type AuditLogOptions, type AuditSink, createAuditLog, verifyAuditLog } from './index';

let folder: string;
let file: string;
let logged: string[];
const logger: Logger = {
  debug() {},
  info() {},
  warn: (_details, message) => void logged.push(message),
  error: (_details, message) => void logged.push(message),
};

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fairlead-audit-'));
  file = join(folder, 'calls.jsonl');
  logged = [];
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const open = (options: AuditLogOptions = {}) =>
  createAuditLog({ ...('sink' in options ? {} : { file }), sync: false, logger, ...options });
const linesOf = async (path = file): Promise<Record<string, unknown>[]> =>
  (await readFile(path, 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

/** A sink in memory, which fails while it is told to. */
function memorySink() {
  const state = { text: '', heads: [] as AuditHead[], isFailing: false, appends: 0 };
  const sink: AuditSink = {
    open: async () => undefined,
    append: async (lines, head) => {
      state.appends++;
      if (state.isFailing) throw new Error('disk full');
      state.text += lines;
      state.heads.push(head);
    },
    close: async () => {},
  };
  return { sink, state };
}

describe('an audit log', () => {
  it('says who called which version of which model, when, and how it ended', async () => {
    const clock = createVirtualClock(Date.parse('2030-01-02T03:04:05Z'));
    const log = await open({ clock });
    observe(log, { peer: { address: '10.0.0.7' } }, {}, { 'x-request-id': 'order-17' });
    observe(
      log,
      { model: 'secret', version: '9' },
      { code: 'FORBIDDEN', error: new Error('inputs were 1, 2, 3'), facts: undefined },
    );
    observe(log, { operation: 'list', model: undefined }, { principal: undefined, facts: undefined });
    observe(log, { operation: 'health', model: undefined });
    await log.close();
    const [opened, first, second, third, closed] = await linesOf();
    expect(opened).toMatchObject({ seq: 1, previous: '0'.repeat(64), kind: 'open', at: '2030-01-02T03:04:05.000Z' });
    expect(first).toEqual({
      seq: 2,
      previous: opened?.hash,
      kind: 'call',
      at: '2030-01-02T03:04:05.000Z',
      protocol: 'open-inference',
      operation: 'infer',
      model: 'digits',
      version: '2',
      digest: 'd'.repeat(64),
      principal: 'checkout',
      scheme: 'api-key',
      address: '10.0.0.7',
      requestId: 'order-17',
      outcome: 'ok',
      rows: 3,
      batchSize: 8,
      durationMs: 2.25,
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(second).toMatchObject({ model: 'secret', version: '9', outcome: 'FORBIDDEN', previous: first?.hash });
    expect(JSON.stringify(second)).not.toContain('inputs');
    expect(Object.keys(third ?? {})).toEqual([
      'seq',
      'previous',
      'kind',
      'at',
      'protocol',
      'operation',
      'outcome',
      'durationMs',
      'hash',
    ]);
    expect(closed).toMatchObject({ seq: 5, kind: 'close' });
    expect(await verifyAuditLog(file)).toMatchObject({
      ok: true,
      lines: 5,
      calls: 3,
      closed: true,
      dropped: 0,
      torn: 0,
    });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readdir(folder)).toEqual(['calls.jsonl', 'calls.jsonl.head']);
  });

  it('writes no secret that a caller puts where a name belongs, and no endless text', async () => {
    const log = await open();
    const key = `fl_0123456789abcdef_${'k'.repeat(43)}`;
    const token = `eyJhbGciOiJFUzI1NiJ9.${'p'.repeat(30)}.${'s'.repeat(86)}`;
    observe(log, { model: `a${key}b`, version: token }, { facts: undefined }, { 'x-request-id': `Bearer ${token}` });
    observe(log, { model: 'm'.repeat(100_000) }, { facts: undefined });
    observe(log, { model: `${'m'.repeat(4090)}${key}` }, { facts: undefined });
    await log.close();
    const text = await readFile(file, 'utf8');
    expect(text).not.toMatch(/k{5}|p{5}|s{5}/);
    expect(text).toContain('a[secret]');
    expect(text.length).toBeLessThan(5000);
    expect((await verifyAuditLog(file)).ok).toBe(true);
  });

  it('goes on where it ended, and one process at a time writes it', async () => {
    const first = await open();
    observe(first);
    const refused = await open().catch((error: FairleadError) => [error.code, error.message]);
    expect(refused).toEqual(['CONFLICT', expect.stringContaining('writes this audit log')]);
    await first.close();
    await first.close();
    const second = await open();
    observe(second);
    await second.close();
    expect((await linesOf()).map(({ kind }) => kind)).toEqual(['open', 'call', 'close', 'open', 'call', 'close']);
    expect(await verifyAuditLog(file)).toMatchObject({ ok: true, lines: 6, calls: 2 });
  });

  it('begins another file when one is full, in one chain, and the verifier takes them in any order', async () => {
    const log = await open({ maxFileBytes: 65_536 });
    for (let count = 0; count < 6; count++) {
      for (let index = 0; index < 100; index++) observe(log);
      await log.flush();
    }
    await log.close();
    const names = (await readdir(folder)).filter((name) => !name.endsWith('.head'));
    expect(names.length).toBeGreaterThan(3);
    const files = names.map((name) => join(folder, name));
    expect(await verifyAuditLog(files)).toMatchObject({ ok: true, calls: 600, closed: true });
    expect(await verifyAuditLog([...files].reverse())).toMatchObject({ ok: true, calls: 600 });
    const without = files.filter((path) => !path.endsWith('.2'));
    expect(await verifyAuditLog(without)).toMatchObject({
      ok: false,
      broken: { file: join(folder, 'calls.jsonl.3'), line: 1, reason: expect.stringContaining('missing before') },
    });
    const late = files.filter((path) => !path.endsWith('.1'));
    expect((await verifyAuditLog(late)).broken?.reason).toContain('missing before');
    expect(await verifyAuditLog(late, { allowMissingStart: true })).toMatchObject({ ok: true });
    expect((await verifyAuditLog(join(folder, 'calls.jsonl.1'))).broken?.reason).toContain('cut off');
    // The files before are enough to go on, where a crash came between two.
    await rm(file);
    const again = await open();
    expect(logged.at(-1)).toContain('its end is gone');
    await again.close();
  });

  it('goes on behind a line that a crash cut short, and says so', async () => {
    const log = await open();
    observe(log);
    await log.close();
    await appendFile(file, '{"seq":4,"previous":"ab');
    expect(await verifyAuditLog(file)).toMatchObject({
      ok: false,
      broken: { line: 4, reason: 'the line is cut short' },
    });
    const next = await open();
    observe(next);
    await next.close();
    expect(logged).toEqual([expect.stringContaining('23 bytes of a line that was never whole')]);
    expect(await verifyAuditLog(file)).toMatchObject({ ok: true, calls: 2, torn: 1, lines: 7 });
    // What the crash left is part of what is proved.
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replace('"ab\n', '"ac\n'));
    expect(await verifyAuditLog(file)).toMatchObject({ ok: false, broken: { line: 4 } });
    await writeFile(file, text.replace(/^.*"ab\n/m, ''));
    expect((await verifyAuditLog(file)).broken).toMatchObject({ line: 4, reason: expect.stringContaining('is gone') });
  });

  it('takes a line for whole that lacks its newline alone', async () => {
    const log = await open();
    observe(log);
    await log.close();
    await truncate(file, (await stat(file)).size - 1);
    expect((await verifyAuditLog(file)).broken?.reason).toBe('the end of the line is missing');
    const next = await open();
    await next.close();
    expect(logged).toEqual([]);
    expect(await verifyAuditLog(file)).toMatchObject({ ok: true, lines: 5, torn: 0 });
  });

  it('notices on opening that its end is gone, goes on, and never verifies again', async () => {
    const log = await open();
    observe(log);
    observe(log);
    await log.close();
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.split('\n').slice(0, 2).join('\n').concat('\n'));
    const next = await open();
    observe(next);
    await next.close();
    expect(logged).toEqual([expect.stringContaining('its end is gone')]);
    expect((await verifyAuditLog(file)).broken).toMatchObject({
      line: 3,
      reason: 'when the log was opened, lines 3 to 4 were gone',
    });
    await rm(file);
    const afterAll = await open();
    await afterAll.close();
    expect((await verifyAuditLog(file)).broken?.reason).toContain('were gone');
  });

  it('refuses to go on behind a last line that was changed', async () => {
    const log = await open();
    await log.close();
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replace('"close"', '"clone"'));
    const refused = await open().catch((error: FairleadError) => [error.code, error.message]);
    expect(refused).toEqual(['STORE_CORRUPT', expect.stringContaining('verify-audit')]);
    // And leaves no lock behind.
    await writeFile(file, text);
    await (await open()).close();
  });

  it('keeps what cannot be written, tries again, and says when calls got no line', async () => {
    const clock = createVirtualClock();
    const { sink, state } = memorySink();
    const log = await open({ sink, clock, maxWaitingLines: 5, flushIntervalMs: 100 });
    await clock.advance(100);
    state.isFailing = true;
    for (let index = 0; index < 8; index++) observe(log);
    expect(log.stats()).toMatchObject({ waiting: 5, dropped: 3, written: 1 });
    expect(logged).toEqual([expect.stringContaining('Calls are not recorded')]);
    await clock.advance(100);
    expect(log.stats().failures).toBe(1);
    await expect(log.flush()).rejects.toThrow('disk full');
    state.isFailing = false;
    await clock.advance(60_000);
    expect(log.stats()).toMatchObject({ waiting: 0, dropped: 3, written: 7, failures: 2 });
    await log.close();
    expect(clock.pendingTimers).toBe(0);
    await writeFile(file, state.text);
    const head = state.heads.at(-1) as AuditHead;
    expect(await verifyAuditLog(file, { head })).toMatchObject({ ok: true, calls: 5, dropped: 3, lines: 8 });
  });

  it('lets nobody in of whom no line could tell, with requireRoom', async () => {
    const clock = createVirtualClock();
    const { sink, state } = memorySink();
    const log = await open({ sink, clock, maxWaitingLines: 3 });
    await log.flush();
    state.isFailing = true;
    const guard = log.requireRoom({ admit: () => ({ id: 'you', scheme: 'test' }) });
    const call = {
      protocol: 'p',
      model: 'digits',
      version: undefined,
      header: () => undefined,
      peer: undefined,
      signal: undefined,
    };
    const admit = (operation: 'infer' | 'health') => {
      try {
        return guard.admit({ ...call, operation });
      } catch (error) {
        return `${(error as FairleadError).code} ${(error as FairleadError).details.retryAfterMs}`;
      }
    };
    expect(admit('infer')).toEqual({ id: 'you', scheme: 'test' });
    for (let index = 0; index < 3; index++) observe(log);
    expect(admit('infer')).toBe('OVERLOADED 1000');
    expect(admit('health')).toEqual({ id: 'you', scheme: 'test' });
    state.isFailing = false;
    await log.flush();
    expect(admit('infer')).toEqual({ id: 'you', scheme: 'test' });
    await log.close();
    expect(admit('infer')).toBe('OVERLOADED 1000');
  });

  it('says at closing how many lines are lost, and that a call ended later', async () => {
    const { sink, state } = memorySink();
    const log = await open({ sink });
    const watch = log.begin({
      protocol: 'p',
      operation: 'infer',
      model: 'm',
      version: undefined,
      header: () => undefined,
      peer: undefined,
      signal: undefined,
    });
    observe(log);
    state.isFailing = true;
    const failed = await log.close().catch((error: FairleadError) => [error.code, error.details.lines]);
    expect(failed).toEqual(['STORE_FAILED', 3]);
    watch?.end({
      code: undefined,
      error: undefined,
      principal: undefined,
      served: undefined,
      facts: undefined,
      durationMs: 1,
    });
    expect(log.stats().dropped).toBe(1);
    expect(logged.at(-1)).toContain('Close the server first');
  });

  it('refuses options that it cannot use, and quotes no key', async () => {
    const refused = (options: object) =>
      createAuditLog(options as AuditLogOptions).then(
        () => 'opened',
        (error: FairleadError) => `${error.code} ${error.details.field} ${error.message}`,
      );
    expect(await refused({})).toContain('INVALID_OPTION file');
    expect(await refused({ file, sink: memorySink().sink })).toContain('INVALID_OPTION file');
    expect(await refused({ file, maxFileBytes: 10 })).toContain('INVALID_OPTION maxFileBytes');
    expect(await refused({ file, operations: ['delete'] })).toContain('INVALID_OPTION operations');
    expect(await refused({ file, signing: 'my-secret' })).toMatch(/^INVALID_OPTION signing (?!.*my-secret)/);
    expect(await refused({ file, signing: { hmac: 'my-secret' } })).toMatch(/^INVALID_OPTION hmac (?!.*my-secret)/);
    expect(await refused({ file, signing: { ed25519: 'my-secret' } })).toMatch(
      /^INVALID_OPTION ed25519 (?!.*my-secret)/,
    );
    expect(await refused({ file: join(folder, 'calls.jsonl', '\0') })).toContain('STORE_FAILED');
    await expect(verifyAuditLog([])).rejects.toThrow('given none');
    await expect(verifyAuditLog(undefined as never)).rejects.toMatchObject({ code: 'INVALID_OPTION' });
    await expect(verifyAuditLog([7] as never)).rejects.toMatchObject({ code: 'INVALID_OPTION' });
    await expect(verifyAuditLog(join(folder, 'none'))).rejects.toThrow('cannot be read');
  });
});
