import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRunner, FairleadError, type Logger } from '@fairlead/core';
import { canary, createMemoryRolloutStore, createRollout, type RolloutOptions } from '@fairlead/core/rollouts';
import { createMockBackend, createVirtualClock } from '@fairlead/core/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { observe } from './call.fixture';
import { chainStart, openLine, sealLine } from './chain';
import { type AuditedDecision, type AuditSink, createAuditLog, verifyAuditLog } from './index';
import { verifyAuditCommand } from './verify-command';

let folder: string;
let file: string;
let logged: string[];
const keep = (_details: unknown, message?: string): void => void logged.push(message ?? '');
const logger: Logger = { debug() {}, info() {}, warn: keep, error: keep };

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fairlead-decisions-'));
  file = join(folder, 'calls.jsonl');
  logged = [];
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const startMs = Date.parse('2030-01-02T03:04:05Z');

async function rolloutOn(clock: ReturnType<typeof createVirtualClock>, options: Partial<RolloutOptions> = {}) {
  const runner = (model: string) => createRunner({ model, backend: createMockBackend(), clock, logger });
  return createRollout({
    name: 'digits',
    champion: await runner('1'),
    challengers: { canary: await runner('2') },
    strategy: canary({ steps: [{ weight: 0.1, minRequests: 1e6 }] }),
    lookEveryMs: 1e6,
    coolDownMs: 0,
    clock,
    logger,
    ...options,
  });
}

const linesOf = async (path = file): Promise<string[]> => (await readFile(path, 'utf8')).trimEnd().split('\n');
const decisionsOf = async (path = file): Promise<AuditedDecision[]> =>
  (await linesOf(path)).map((line) => JSON.parse(line) as AuditedDecision).filter(({ kind }) => kind === 'decision');

async function verifyCommand(...args: readonly string[]) {
  let out = '';
  let err = '';
  const status = await verifyAuditCommand(args, {
    stdout: { write: (text) => (out += text) },
    stderr: { write: (text) => (err += text) },
  });
  return { status, out, err };
}

describe('decisions in an audit log', () => {
  it('say what was decided of which models, by whom, why and on what evidence, in one chain with the calls', async () => {
    const clock = createVirtualClock(startMs);
    const audit = await createAuditLog({ file, sync: false, clock, logger });
    const rollout = await rolloutOn(clock);
    const watching = audit.observeRollout(rollout);
    observe(audit);
    await clock.advance(1000);
    await rollout.pause({ actor: 'ann', reason: 'Lunch.' });
    await rollout.resume({ actor: 'ann' });
    observe(audit);
    await rollout.promote({ actor: 'bob', reason: 'It is better.' });
    await rollout.rollback({ actor: 'ann', reason: 'It is not.' });
    await rollout.start({ actor: 'bob' });
    await rollout.abort();
    await watching.close();
    await rollout.start();
    await rollout.close();
    await audit.close();

    const decisions = await decisionsOf();
    expect(decisions.map(({ decision, actor }) => `${decision} by ${actor}`)).toEqual([
      'start by strategy',
      'pause by ann',
      'resume by ann',
      'promote by bob',
      'rollback by ann',
      'start by bob',
      'abort by user',
    ]);
    expect(decisions[3]).toMatchObject({
      at: '2030-01-02T03:04:06.000Z',
      decidedAt: '2030-01-02T03:04:06.000Z',
      rollout: 'digits',
      reason: 'It is better.',
      from: 'running',
      to: 'promoted',
      weights: { champion: 0, canary: 1 },
      models: {
        champion: { name: 'mock', digest: expect.stringMatching(/./) },
        canary: { name: 'mock', digest: expect.stringMatching(/./) },
      },
      evidence: [
        {
          arm: 'canary',
          verdict: 'inconclusive',
          requests: 0,
          guardrails: [{ guardrail: 'errors', harm: 1, nonInferiority: 1, margin: 0.01, alpha: 0.01, blocks: 0 }],
        },
      ],
    });
    expect(decisions.some((decision) => 'found' in decision)).toBe(false);
    const told: string[] = [];
    const report = await verifyAuditLog(file, {
      onDecision: ({ decision }, { seq }) => told.push(`${seq} ${decision}`),
    });
    expect(report).toMatchObject({ ok: true, lines: 11, calls: 2, decisions: 7, closed: true });
    expect(told).toEqual(['2 start', '4 pause', '5 resume', '7 promote', '8 rollback', '9 start', '10 abort']);
  });

  it('are not written again by a process that starts again, but for the one that it finds', async () => {
    const clock = createVirtualClock(startMs);
    const store = createMemoryRolloutStore();
    const first = await createAuditLog({ file, sync: false, clock, logger });
    const rollout = await rolloutOn(clock, { store });
    first.observeRollout(rollout);
    await rollout.pause({ actor: 'ann' });
    await rollout.close();
    await first.close();

    await clock.advance(60_000);
    const second = await createAuditLog({ file, sync: false, clock, logger });
    const again = await rolloutOn(clock, { store });
    second.observeRollout(again);
    second.observeRollout(again);
    await again.resume({ actor: 'bob' });
    await again.close();
    await second.close();
    const decisions = await decisionsOf();
    expect(decisions.map(({ decision, found = false }) => [decision, found])).toEqual([
      ['start', false],
      ['pause', false],
      // Each of the two observers tells what it saw.
      ['pause', true],
      ['pause', true],
      ['resume', false],
      ['resume', false],
    ]);
    expect(decisions[2]).toMatchObject({ at: '2030-01-02T03:05:05.000Z', decidedAt: '2030-01-02T03:04:05.000Z' });
    expect(await verifyAuditLog(file)).toMatchObject({ ok: true, decisions: 6 });
  });

  it('come late where the store was down, and past ones that it then tells are left out', async () => {
    const clock = createVirtualClock(startMs);
    const store = createMemoryRolloutStore();
    const before = await rolloutOn(clock, { store });
    await before.pause({ actor: 'ann' });
    await before.resume({ actor: 'ann' });
    await before.close();
    await clock.advance(60_000);
    let isDown = true;
    const away = {
      ...store,
      read: (name: string) => (isDown ? Promise.reject(new FairleadError('STORE_FAILED', 'Away.')) : store.read(name)),
    };
    const audit = await createAuditLog({ file, sync: false, clock, logger });
    const rollout = await rolloutOn(clock, { store: away });
    audit.observeRollout(rollout);
    isDown = false;
    await rollout.look();
    await rollout.abort({ actor: 'bob' });
    await rollout.close();
    await audit.close();
    expect((await decisionsOf()).map(({ decision, found }) => [decision, found])).toEqual([
      ['resume', true],
      ['abort', undefined],
    ]);
  });

  it('have room where calls have none any more, and are counted where they have none either', async () => {
    const kept: string[] = [];
    let isFailing = true;
    const sink: AuditSink = {
      open: async () => undefined,
      append: async (lines) => {
        if (isFailing) throw new Error('disk full');
        kept.push(...lines.trimEnd().split('\n'));
      },
      close: async () => {},
    };
    const clock = createVirtualClock(startMs);
    const audit = await createAuditLog({ sink, clock, logger, maxWaitingLines: 3 });
    const rollout = await rolloutOn(clock);
    audit.observeRollout(rollout);
    for (let call = 0; call < 5; call++) observe(audit);
    expect(audit.stats()).toMatchObject({ waiting: 3, dropped: 4 });
    await rollout.pause();
    expect(audit.stats()).toMatchObject({ waiting: 4, dropped: 4 });
    for (let turn = 0; turn < 600; turn++) {
      await rollout.resume({ reason: `Turn ${turn}.` });
      await rollout.pause({ reason: `Turn ${turn}.` });
    }
    expect(audit.stats()).toMatchObject({ waiting: 1003, dropped: 4 + 1200 - 999 });
    expect(logged.filter((message) => message.startsWith('Calls are not recorded'))).toHaveLength(1);
    isFailing = false;
    await audit.flush();
    await rollout.close();
    await audit.close();
    expect(kept.filter((line) => line.includes('"kind":"dropped"')).map((line) => JSON.parse(line).count)).toEqual([
      4 + 1200 - 999,
    ]);
  });

  it('of a rollout that is closed after its log are counted, and told to the logger', async () => {
    const audit = await createAuditLog({ file, sync: false, logger });
    const rollout = await rolloutOn(createVirtualClock(Date.now() + 1000));
    audit.observeRollout(rollout);
    await audit.close();
    await rollout.pause();
    expect(logged).toContain('A rollout decided after its audit log was closed. Close the rollout first.');
    expect(audit.stats().dropped).toBe(1);
    await rollout.close();
  });

  it('hold no secret and nothing endless, whatever somebody gives for a reason', async () => {
    const clock = createVirtualClock(startMs);
    const audit = await createAuditLog({ file, sync: false, clock, logger });
    const rollout = await rolloutOn(clock);
    audit.observeRollout(rollout);
    await rollout.pause({ actor: `fl_0123456789abcdef_${'k'.repeat(43)}`, reason: `Bearer abc ${'x'.repeat(1e6)}` });
    await rollout.close();
    await audit.close();
    const [, paused] = await decisionsOf();
    expect(paused?.actor).toBe('[secret]');
    expect(paused?.reason).toMatch(/^\[secret\] x{1000,1020}…$/);
  });

  it('are shortened where they would be no line any more', async () => {
    const clock = createVirtualClock(startMs);
    const audit = await createAuditLog({ file, sync: false, clock, logger });
    const runner = await createRunner({ model: '2', backend: createMockBackend(), clock, logger });
    const challengers = Object.fromEntries(
      Array.from({ length: 900 }, (_, index) => [`${index} ${'ä'.repeat(150)}`, runner]),
    );
    const rollout = await rolloutOn(clock, { challengers, strategy: canary({ steps: [{ weight: 0.001 }] }) });
    audit.observeRollout(rollout);
    await rollout.close();
    await audit.close();
    expect(await decisionsOf()).toMatchObject([{ decision: 'start', shortened: true }]);
    expect((await decisionsOf())[0]).not.toHaveProperty('weights');
    expect(await verifyAuditLog(file)).toMatchObject({ ok: true, decisions: 1 });
  });
});

describe('a log with decisions that was tampered with', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');

  /** A log of calls and decisions, in lines. */
  async function written(signed: boolean): Promise<string[]> {
    const clock = createVirtualClock(startMs);
    const signing = signed ? { signing: { ed25519: privateKey } } : {};
    const audit = await createAuditLog({ file, sync: false, clock, logger, ...signing });
    const rollout = await rolloutOn(clock);
    audit.observeRollout(rollout);
    observe(audit);
    await rollout.promote({ actor: 'mallory', reason: 'Nobody saw me.' });
    observe(audit);
    await rollout.rollback({ actor: 'ann', reason: 'It harms.' });
    await rollout.close();
    await audit.close();
    return linesOf();
  }

  const verdictOn = async (lines: readonly string[], options = {}) => {
    await writeFile(file, lines.map((line) => `${line}\n`).join(''));
    const { ok, broken } = await verifyAuditLog(file, options);
    expect(ok).toBe(broken === undefined);
    return broken;
  };

  it('is found at the decision: another actor, another reason, another time, other evidence', async () => {
    const lines = await written(false);
    const at = lines.findIndex((line) => line.includes('"promote"'));
    expect(at).toBe(3);
    for (const [what, instead] of [
      ['"mallory"', '"ann"'],
      ['Nobody saw me.', 'All was well..'],
      ['2030-01-02', '2030-01-03'],
      ['"harm":1', '"harm":0'],
      ['"decision":"promote"', '"decision":"approve"'],
    ] as const) {
      expect(lines[at]).toContain(what);
      const changed = lines.with(at, (lines[at] as string).replaceAll(what, instead));
      expect(await verdictOn(changed)).toMatchObject({ line: at + 1, reason: 'the line was changed or cut short' });
    }
  });

  it('is found where a decision was taken out, moved, doubled or put in', async () => {
    const lines = await written(false);
    const at = lines.findIndex((line) => line.includes('"promote"'));
    expect(await verdictOn(lines.toSpliced(at, 1))).toMatchObject({ line: at + 1 });
    expect(await verdictOn(lines.toSpliced(at, 0, lines[at] as string))).toMatchObject({ line: at + 2 });
    expect(await verdictOn([...lines.toSpliced(at, 1), lines[at] as string])).toMatchObject({ line: at + 1 });
    const before = openLine(Buffer.from(lines[at - 1] as string))?.position ?? chainStart;
    const forged = sealLine(before, { kind: 'decision', rollout: 'digits', decision: 'approve', actor: 'ann' }).line;
    expect(await verdictOn(lines.toSpliced(at, 0, forged))).toMatchObject({ line: at + 2 });
  });

  it('is found by the key where all hashes were computed anew', async () => {
    const lines = await written(true);
    const key = { ed25519: publicKey };
    expect(await verdictOn(lines, { key })).toBeUndefined();
    const forged: string[] = [];
    let position = chainStart;
    for (const line of lines) {
      const { fields } = openLine(Buffer.from(line)) ?? { fields: {} };
      const isHers = 'actor' in fields && fields.actor === 'mallory';
      const sealed = sealLine(position, isHers ? { ...fields, actor: 'ann' } : fields);
      forged.push(sealed.line);
      position = sealed.position;
    }
    await writeFile(`${file}.head`, JSON.stringify({ ...position, at: '' }));
    expect(await verdictOn(forged)).toBeUndefined();
    expect((await verdictOn(forged, { key }))?.reason).toContain('is not by this key');
  });
});

describe('verify-audit --decisions', () => {
  it('prints who decided what and why, and then whether the log is whole', async () => {
    const clock = createVirtualClock(startMs);
    const audit = await createAuditLog({ file, sync: false, clock, logger });
    const rollout = await rolloutOn(clock);
    audit.observeRollout(rollout);
    observe(audit);
    await rollout.promote({ actor: 'bob', reason: 'Good\u001b[2J\nline 9  forged' });
    await rollout.close();
    await audit.close();
    const { status, out } = await verifyCommand(file, '--decisions');
    expect(status).toBe(0);
    expect(out.split('\n')).toEqual([
      'line 2  2030-01-02T03:04:05.000Z  digits: start (idle → running) by strategy',
      '  It starts by itself.',
      'line 4  2030-01-02T03:04:05.000Z  digits: promote (running → promoted) by bob',
      '  Good\ufffd[2J\ufffdline 9  forged',
      '  canary: inconclusive after 0 requests',
      '✓ The log is whole.',
      expect.stringMatching(/^ {2}5 good lines, 1 calls, 2 decisions, to line 5 \([0-9a-f]{16}…\)$/),
      '',
    ]);
    const json = JSON.parse((await verifyCommand(file, '--decisions', '--json')).out) as Record<string, unknown>;
    expect(json).toMatchObject({
      ok: true,
      decisions: 2,
      decisionLines: [
        { seq: 2, decision: 'start' },
        { seq: 4, decision: 'promote', actor: 'bob' },
      ],
    });
    expect((await verifyCommand(file)).out).not.toContain('bob');
  });

  it('are of a rollout: a runner by itself is refused', async () => {
    const runner = await createRunner({ model: '1', backend: createMockBackend(), logger });
    const audit = await createAuditLog({ file, sync: false, logger });
    for (const wrong of [runner, undefined]) {
      expect(() => audit.observeRollout(wrong as never)).toThrow('expected a rollout that createRollout() made');
    }
    await audit.close();
    await runner.close();
  });
});
