import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createVirtualClock } from '@fairlead/core/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { observe } from './call.fixture';
import { chainStart, openLine, sealLine } from './chain';
import { type AuditHead, type AuditSigning, createAuditLog, type VerifyAuditOptions, verifyAuditLog } from './index';

/* Any change of the lines of a log is found: 300 cases for each kind, of a log without signatures. */

const runs = { numRuns: 300 };
let folder: string;
let file: string;
let lines: readonly string[];

const bytesOf = (kept: readonly string[]): Buffer => Buffer.from(kept.map((line) => `${line}\n`).join(''));

async function writeLog(path: string, signing?: AuditSigning): Promise<readonly string[]> {
  const clock = createVirtualClock();
  const log = await createAuditLog({ file: path, sync: false, clock, checkpointLines: 4, ...(signing && { signing }) });
  for (let index = 0; index < 12; index++) {
    observe(log, { model: index % 3 === 0 ? 'digits' : 'größe' }, index % 4 === 0 ? { code: 'OVERLOADED' } : {});
    await clock.advance(7);
  }
  await log.close();
  return (await readFile(path, 'utf8')).trimEnd().split('\n');
}

async function broken(text: Uint8Array | string, options: VerifyAuditOptions = {}): Promise<number | undefined> {
  await writeFile(file, text);
  const { ok, broken: found } = await verifyAuditLog(file, options);
  expect(ok).toBe(found === undefined);
  return found?.line;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fairlead-tamper-'));
  file = join(folder, 'calls.jsonl');
  lines = await writeLog(file);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const anyLine = () => fc.nat({ max: lines.length - 1 });

describe('a log that was tampered with', () => {
  it('is whole before', async () => {
    expect(lines).toHaveLength(14);
    expect(await broken(bytesOf(lines))).toBeUndefined();
  });

  it('any byte changed', async () => {
    const whole = bytesOf(lines);
    const property = fc.asyncProperty(
      fc.nat({ max: whole.length - 1 }),
      fc.integer({ min: 1, max: 255 }),
      async (at, by) => {
        const changed = Buffer.from(whole);
        changed[at] = (changed[at] as number) ^ by;
        const line = whole.subarray(0, at).toString('latin1').split('\n').length;
        expect(await broken(changed)).toBe(line);
      },
    );
    await fc.assert(property, runs);
  });

  it('lines deleted', async () => {
    const property = fc.asyncProperty(fc.uniqueArray(anyLine(), { minLength: 1 }), async (gone) => {
      const first = Math.min(...gone);
      const found = await broken(bytesOf(lines.filter((_, index) => !gone.includes(index))));
      // Where all after it are gone too, that is a cut, which the head finds; else the first that follows shows it.
      expect(found).toBe(first + 1);
    });
    await fc.assert(property, runs);
  });

  it('lines inserted: copies, forged ones, or anything', async () => {
    const inserted = fc.oneof(
      anyLine().map((index) => lines[index] as string),
      fc
        .record({ seq: fc.nat({ max: 20 }), kind: fc.constantFrom('call', 'recovered', 'checkpoint') })
        .map(({ seq, kind }) => {
          const before =
            seq === 0 ? chainStart : openLine(Buffer.from(lines[Math.min(seq, 14) - 1] as string))?.position;
          return sealLine(before ?? chainStart, { kind, tornBytes: 0, tornHash: '' }).line;
        }),
      fc.string(),
    );
    const property = fc.asyncProperty(inserted, fc.nat({ max: lines.length }), async (line, at) => {
      // Behind the last, a line that follows it can be forged by anybody where nothing is signed.
      fc.pre(
        at < lines.length ||
          openLine(Buffer.from(line))?.previous !== openLine(Buffer.from(lines.at(-1) ?? ''))?.position.hash,
      );
      const found = await broken(bytesOf([...lines.slice(0, at), line, ...lines.slice(at)]));
      expect(found).toBeGreaterThanOrEqual(at + 1);
      expect(found).toBeLessThanOrEqual(at + 2);
    });
    await fc.assert(property, runs);
  });

  it('lines swapped', async () => {
    const property = fc.asyncProperty(anyLine(), anyLine(), async (one, other) => {
      fc.pre(one !== other);
      const swapped = [...lines];
      [swapped[one], swapped[other]] = [lines[other] as string, lines[one] as string];
      expect(await broken(bytesOf(swapped))).toBe(Math.min(one, other) + 1);
    });
    await fc.assert(property, runs);
  });

  it('cut off anywhere, in a line or behind one', async () => {
    const whole = bytesOf(lines);
    const property = fc.asyncProperty(fc.nat({ max: whole.length - 1 }), async (length) => {
      const found = await broken(whole.subarray(0, length));
      expect(found).toBe(whole.subarray(0, length).toString('latin1').split('\n').length);
    });
    await fc.assert(property, runs);
  });

  it('is cut off without a head: only where nothing is asked of the end does it pass', async () => {
    const path = join(folder, 'headless.jsonl');
    await writeFile(path, bytesOf(lines.slice(0, 9)));
    expect((await verifyAuditLog(path)).broken?.reason).toContain('.head is missing');
    expect(await verifyAuditLog(path, { allowMissingHead: true })).toMatchObject({ ok: true, closed: false, lines: 9 });
  });
});

describe('a signed log', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const other = generateKeyPairSync('ed25519');
  const secret = 'a secret of thirty-two bytes or more';
  const kinds = [
    ['ed25519', { ed25519: privateKey, keyId: '2030' }, { ed25519: publicKey }, { ed25519: other.publicKey }],
    ['hmac-sha256', { hmac: secret }, { hmac: secret }, { hmac: `${secret}!` }],
  ] as const;

  it.each(kinds)('by %s is proved by its key alone, to its end', async (algorithm, signing, key, wrong) => {
    const path = join(folder, `${algorithm}.jsonl`);
    const signed = await writeLog(path, signing);
    const checkpoints = signed.filter((line) => line.includes('"checkpoint"'));
    expect(checkpoints.length).toBeGreaterThan(2);
    expect(checkpoints[0]).toContain(`"algorithm":"${algorithm}"`);
    expect(await verifyAuditLog(path, { key })).toMatchObject({ ok: true, signedTo: signed.length, closed: true });
    expect(await verifyAuditLog(path)).toMatchObject({ ok: true });
    expect((await verifyAuditLog(path, { key: wrong })).broken?.reason).toBe('the signature is not by this key');

    // Somebody who can write all files, and computes every hash and the head anew, has not got the key.
    const forged: string[] = [];
    let position = chainStart;
    for (const [index, line] of signed.entries()) {
      const { fields } = openLine(Buffer.from(line)) ?? { fields: {} };
      const sealed = sealLine(position, index === 2 ? { ...fields, principal: 'somebody else' } : fields);
      forged.push(sealed.line);
      position = sealed.position;
    }
    await writeFile(path, bytesOf(forged));
    await writeFile(`${path}.head`, JSON.stringify({ ...position, at: '' }));
    expect(await verifyAuditLog(path)).toMatchObject({ ok: true });
    expect((await verifyAuditLog(path, { key })).broken?.reason).toBe('the signature is not by this key');
  });

  it.each(kinds)('by %s that is cut off at a checkpoint has no signed head', async (algorithm, signing, key) => {
    const path = join(folder, `${algorithm}-cut.jsonl`);
    const signed = await writeLog(path, signing);
    const at = signed.findIndex((line) => line.includes('"checkpoint"')) + 1;
    const kept = signed.slice(0, at);
    const checkpoint = openLine(Buffer.from(kept.at(-1) as string));
    await writeFile(path, bytesOf(kept));
    expect((await verifyAuditLog(path, { key })).broken?.reason).toContain('the log is cut off');
    // Nor does the checkpoint's own signature pass for one.
    const before = openLine(Buffer.from(kept.at(-2) as string))?.position;
    await writeFile(`${path}.head`, JSON.stringify({ ...before, at: '', ...checkpoint?.fields }));
    expect((await verifyAuditLog(path, { key })).broken?.reason).toBe('the signature of the head is not by this key');
  });

  it('put back to an older state with its head is found by a head that was kept elsewhere', async () => {
    const path = join(folder, 'older.jsonl');
    const log = await createAuditLog({ file: path, sync: false, signing: { ed25519: privateKey } });
    observe(log);
    await log.flush();
    const older = await readFile(path);
    const olderHead = await readFile(`${path}.head`);
    observe(log);
    const head: AuditHead = await log.flush();
    await log.close();
    const key = { ed25519: publicKey };
    expect(await verifyAuditLog(path, { key, head })).toMatchObject({ ok: true });
    await writeFile(path, older);
    await writeFile(`${path}.head`, olderHead);
    expect(await verifyAuditLog(path, { key })).toMatchObject({ ok: true });
    expect((await verifyAuditLog(path, { key, head })).broken?.reason).toContain('the log is cut off');
  });
});
