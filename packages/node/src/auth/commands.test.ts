import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { observe } from '../audit/call.fixture';
import { createAuditLog } from '../audit/index';
import { runCommand } from '../doctor/command';
import { admitted, bearer } from './arrival.fixture';
import { type ApiKeyRecord, apiKeys } from './index';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fairlead-commands-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function command(...args: readonly string[]) {
  const out: string[] = [];
  const err: string[] = [];
  const status = await runCommand(args, {
    stdout: { write: (part) => out.push(part) },
    stderr: { write: (part) => err.push(part) },
    env: {},
  });
  return { status, out: out.join(''), err: err.join('') };
}

describe('create-key', () => {
  it('prints a key and its record, which a guard takes', async () => {
    const { status, out } = await command(
      'create-key',
      '--principal',
      'checkout',
      '--models',
      'digits,team-*',
      '--days',
      '30',
      '--rate',
      '5',
      '--burst',
      '9',
    );
    expect(status).toBe(0);
    const [key, line] = out.trimEnd().split('\n') as [string, string];
    const record = JSON.parse(line) as ApiKeyRecord;
    expect(record).toMatchObject({
      principal: 'checkout',
      models: ['digits', 'team-*'],
      rateLimit: { requestsPerSecond: 5, burst: 9 },
    });
    expect(Date.parse(record.expiresAt ?? '') - Date.parse(record.createdAt ?? '')).toBe(30 * 86_400_000);
    expect(await admitted(apiKeys({ keys: [record] }), bearer(key))).toBe('api-key checkout');
    const json = JSON.parse((await command('create-key', '--json')).out) as { key: string; record: ApiKeyRecord };
    expect(await admitted(apiKeys({ keys: [json.record] }), bearer(json.key))).toBe(`api-key ${json.record.id}`);
  });

  it('appends the record to a file that only its owner reads', async () => {
    const file = join(folder, 'keys.jsonl');
    const one = await command('create-key', '--file', file, '--operations', 'load,unload');
    await writeFile(file, (await readFile(file, 'utf8')).trimEnd());
    const two = await command('create-key', '--file', file);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readFile(file, 'utf8')).not.toContain(one.out.trim().slice(20));
    const guard = apiKeys({ file });
    expect(await admitted(guard, bearer(one.out.trim()), { operation: 'load' })).toContain('api-key');
    expect(await admitted(guard, bearer(two.out.trim()), { operation: 'load' })).toBe('FORBIDDEN');
    expect(await command('create-key', '--file', folder)).toMatchObject({ status: 1, out: '' });
  });

  it('appends nothing to a file that no server would take, and says what to do', async () => {
    const file = join(folder, 'broken.jsonl');
    await command('create-key', '--file', file, '--principal', 'first');
    const good = await readFile(file, 'utf8');
    const [whole = ''] = good.split('\n');
    for (const [text, complaint] of [
      [`${good}{"id": "cut off`, `create-key: line 2 of ${file} is no record of a key.`],
      [`${whole.replace('sha256:', 'sha1:')}\n`, 'Its "hash" is wrong: expected "sha256:" and 64 hexadecimal digits.'],
      [`${good}${good}`, 'has two keys with the id'],
    ] as const) {
      await writeFile(file, text);
      const { status, out, err } = await command('create-key', '--file', file);
      expect({ status, out }).toEqual({ status: 1, out: '' });
      expect(err).toContain(complaint);
      expect(err).toContain('Mend or remove what is wrong there. Or give another --file. No key was made.');
      expect(await readFile(file, 'utf8')).toBe(text);
      expect(() => apiKeys({ file })).toThrow('Mend or remove what is wrong there.');
    }
  });

  it('refuses arguments that are none', async () => {
    expect(await command('create-key', '--help')).toMatchObject({
      status: 0,
      out: expect.stringContaining('--principal'),
    });
    for (const args of [
      ['--days', 'x'],
      ['--burst', '2'],
      ['--operations', 'delete'],
      ['--models', ''],
      ['--nonsense'],
      ['extra'],
    ]) {
      expect(await command('create-key', ...args)).toMatchObject({ status: 2, out: '' });
    }
    expect((await command('create-kee')).err).toContain('"create-key"');
  });
});

describe('verify-audit', () => {
  it('says whether a log is whole, and which line is the first that is not', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const file = join(folder, 'calls.jsonl');
    const key = join(folder, 'public.pem');
    await writeFile(key, publicKey.export({ type: 'spki', format: 'pem' }));
    const log = await createAuditLog({ file, sync: false, signing: { ed25519: privateKey } });
    observe(log);
    await log.flush();
    const open = await command('verify-audit', file);
    expect([open.status, open.out]).toEqual([0, expect.stringContaining('not closed')]);
    await writeFile(join(folder, 'head.json'), JSON.stringify(await log.flush()));
    await log.close();
    const whole = await command(
      'verify-audit',
      file,
      `${file}.head`,
      '--public-key',
      key,
      '--head',
      join(folder, 'head.json'),
    );
    expect(whole).toMatchObject({ status: 0, err: '' });
    expect(whole.out).toMatch(
      /^✓ The log is whole\.\n {2}5 good lines, 1 calls, 0 decisions, to line 5 \([0-9a-f]{16}…\)\n {2}signed to line 5\n$/,
    );
    await writeFile(file, (await readFile(file, 'utf8')).replace('checkout', 'somebody'));
    expect(await command('verify-audit', file)).toMatchObject({
      status: 1,
      out: expect.stringContaining(`✗ ${file}:2: the line was changed`),
    });
    const json = JSON.parse((await command('verify-audit', file, '--json')).out) as object;
    expect(json).toMatchObject({ ok: false, broken: { file, line: 2 } });
  });

  it('refuses arguments that are none', async () => {
    expect((await command('verify-audit', '--help')).out).toContain('--from-rotated');
    expect((await command('verify-audit')).status).toBe(2);
    expect((await command('verify-audit', 'x', '--public-key', 'a', '--hmac-key', 'b')).status).toBe(2);
    expect((await command('verify-audit', 'x', '--public-key', join(folder, 'none'))).status).toBe(2);
    expect((await command('verify-audit', join(folder, 'none'))).status).toBe(1);
  });
});
