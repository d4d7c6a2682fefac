import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openTracker } from '..';
import { captureEnvironment, logEnvironment } from '.';
import { cutDiff, redactDiff } from './git';
import { isSecretFile, isSecretVariable, redactCode } from './redact';

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'fairlead-capture-'));
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(root, { recursive: true });
});

function git(...args: string[]): string {
  const identity = ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.com', '-c', 'commit.gpgsign=false'];
  return execFileSync('git', [...identity, ...args], { cwd: root, encoding: 'utf8' }).trim();
}

function repository(): string {
  git('init', '--quiet', '--initial-branch=main');
  git('remote', 'add', 'origin', 'https://ada:hunter2@example.com/models.git');
  writeFileSync(join(root, 'train.js'), 'const rate = 0.1;\n');
  writeFileSync(join(root, '.env'), 'HOST=a\n');
  git('add', '.');
  git('commit', '--quiet', '-m', 'first');
  return git('rev-parse', 'HEAD');
}

describe('an environment', () => {
  it('tells the commit, and that nothing changed', async () => {
    const commit = repository();
    const { git: state } = await captureEnvironment({ folder: root });
    expect(state).toEqual({ commit, branch: 'main', remote: 'https://example.com/models.git', dirty: false });
  });

  it('tells the changes only where they are asked for, without secrets', async () => {
    const commit = repository();
    writeFileSync(join(root, 'train.js'), 'const rate = 0.2;\nconst password = "hunter2";\n');
    writeFileSync(join(root, '.env'), 'HOST=b\nANYTHING=4711\n');
    expect((await captureEnvironment({ folder: root })).git).toMatchObject({ commit, dirty: true });
    expect((await captureEnvironment({ folder: root })).git).not.toHaveProperty('diff');
    const { git: state } = await captureEnvironment({ folder: root, diff: true });
    const { diff } = state as { diff: { text: string; truncated: boolean } };
    expect(diff.truncated).toBe(false);
    expect(diff.text).toContain('+const rate = 0.2;');
    expect(diff.text).not.toContain('hunter2');
    expect(diff.text).not.toContain('4711');
    const cut = (await captureEnvironment({ folder: root, diff: true, maxDiffBytes: 60 })).git as {
      diff: { truncated: boolean };
    };
    expect(cut.diff.truncated).toBe(true);
  });

  it('counts an untracked file as a change, and no ignored one', async () => {
    repository();
    writeFileSync(join(root, '.git/info/exclude'), 'ignored\n');
    writeFileSync(join(root, 'ignored'), '');
    expect((await captureEnvironment({ folder: root })).git).toMatchObject({ dirty: false });
    writeFileSync(join(root, 'new.js'), '');
    expect((await captureEnvironment({ folder: root })).git).toMatchObject({ dirty: true });
  });

  it('is captured in a repository without a commit, outside one, and without Git', async () => {
    expect((await captureEnvironment({ folder: root })).git).toMatchObject({
      missing: expect.stringMatching(/not a git repository/i),
    });
    git('init', '--quiet', '--initial-branch=main');
    expect((await captureEnvironment({ folder: root, diff: true })).git).toMatchObject({
      branch: 'main',
      dirty: false,
    });
    vi.stubEnv('PATH', root);
    expect((await captureEnvironment({ folder: root })).git).toEqual({ missing: 'git is not installed' });
    expect(await captureEnvironment({ folder: root, git: false })).not.toHaveProperty('git');
  });

  it('runs nothing that the configuration of a repository asks for', async () => {
    repository();
    const marker = join(root, 'was-run');
    for (const [key, value] of [
      ['core.fsmonitor', `touch ${marker}; true`],
      ['diff.external', `touch ${marker}; true`],
      ['diff.evil.textconv', `touch ${marker}; cat`],
    ] as const) {
      git('config', key, value);
    }
    writeFileSync(join(root, '.gitattributes'), '*.js diff=evil\n');
    writeFileSync(join(root, 'train.js'), 'const rate = 0.3;\n');
    const { git: state } = await captureEnvironment({ folder: root, diff: true });
    expect((state as { diff: { text: string } }).diff.text).toContain('0.3');
    expect(() => execFileSync('ls', [marker], { stdio: 'ignore' })).toThrow();
  });

  it('tells the lock file above the folder, and the packages that are installed for it', async () => {
    writeFileSync(join(root, 'package-lock.json'), '{}');
    mkdirSync(join(root, 'node_modules/some-model'), { recursive: true });
    writeFileSync(join(root, 'node_modules/some-model/package.json'), '{"version":"1.2.3","exports":{}}');
    mkdirSync(join(root, 'src'));
    const environment = await captureEnvironment({ folder: join(root, 'src'), packages: ['some-model', 'not-there'] });
    expect(environment.lockfile).toEqual({
      path: '../package-lock.json',
      digest: createHash('sha256').update('{}').digest('hex'),
    });
    expect(environment.packages).toEqual({ 'some-model': '1.2.3' });
  });

  it('tells runtime, platform and hardware', async () => {
    const { runtime, platform, hardware, capturedAt } = await captureEnvironment({ folder: root });
    expect(runtime).toMatchObject({ name: 'node', version: process.versions.node });
    expect(platform.arch).toBe(process.arch);
    expect(hardware.cores).toBeGreaterThan(0);
    expect(hardware.memory).toBeGreaterThan(2 ** 20);
    expect(Math.abs(Date.now() - capturedAt)).toBeLessThan(60_000);
  });

  it('takes variables by name alone, and none that is a secret', async () => {
    vi.stubEnv('OMP_NUM_THREADS', '4');
    vi.stubEnv('BASE_URL', 'https://ada:hunter2@example.com');
    const { variables } = await captureEnvironment({
      folder: root,
      variables: ['OMP_NUM_THREADS', 'BASE_URL', 'NOT_SET'],
    });
    expect(variables).toEqual({ OMP_NUM_THREADS: '4', BASE_URL: 'https://[redacted]@example.com' });
    await expect(captureEnvironment({ folder: root, variables: ['AWS_SECRET_ACCESS_KEY'] })).rejects.toMatchObject({
      code: 'INVALID_OPTION',
      details: { field: 'variables', given: 'AWS_SECRET_ACCESS_KEY' },
    });
  });

  it('stops when it is told to', async () => {
    await expect(captureEnvironment({ folder: root, signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'ABORTED',
    });
  });
});

it('an environment is kept with its run, and searched by', async () => {
  const commit = repository();
  writeFileSync(join(root, 'train.js'), 'const rate = 0.2;\n');
  const tracker = await openTracker({ dir: join(root, 'store') });
  const id = await tracker.withRun({}, async (run) => {
    await logEnvironment(run, { folder: root, diff: true, seeds: { weights: 42 } });
    return run.id;
  });
  const record = await tracker.getRun(id);
  expect(record.tags).toMatchObject({
    'git.commit': commit,
    'git.branch': 'main',
    'git.remote': 'https://example.com/models.git',
    'git.dirty': 'true',
    'seed.weights': '42',
    runtime: `node ${process.versions.node}`,
  });
  const text = async (name: string) => new TextDecoder().decode(await record.artifact(name).read());
  expect(JSON.parse(await text('environment.json'))).toMatchObject({ git: { commit }, seeds: { weights: 42 } });
  expect(JSON.parse(await text('environment.json')).git).not.toHaveProperty('diff');
  expect(await text('environment.diff')).toContain('+const rate = 0.2;');
  await tracker.close();
});

describe('secrets', () => {
  it.each([
    ['password = "hunter2"', 'password = [redacted]'],
    ["'api_key': 'abc def'", "'api_key': [redacted]"],
    ['DB_PASSWORD=hunter2 node train.js', 'DB_PASSWORD=[redacted] node train.js'],
    ['--auth-token abc123', '--auth-token [redacted]'],
    ['postgres://ada:hunter2@db.example.com/x', 'postgres://[redacted]@db.example.com/x'],
    ['Authorization: Bearer abcdefgh12345678', 'Authorization: [redacted] [redacted]'],
    ['key AKIAABCDEFGHIJKLMNOP here', 'key [redacted] here'],
    ['ghp_abcdefghijklmnopqrstuvwxyz0123456789', '[redacted]'],
    ['-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----', '[redacted]'],
    ['eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc', '[redacted]'],
  ])('are taken out of %j', (text, clean) => {
    const found = redactCode(text);
    // A header's name says it as well, so what is left of it may be less.
    if (text.startsWith('Authorization')) expect(found).not.toContain('abcdefgh');
    else expect(found).toBe(clean);
  });

  it('leave alone what is none', () => {
    for (const text of ['const rate = 0.1;', 'tokenize(text)', 'the author wrote', 'a@b.com', '/users/ada/key.txt']) {
      expect(redactCode(text)).toBe(text);
    }
  });

  it('are known by the names of variables and files', () => {
    expect(['HF_TOKEN', '--api-key', 'MY_PASSWORD'].every(isSecretVariable)).toBe(true);
    expect(['HOME', 'OMP_NUM_THREADS', '--epochs'].some(isSecretVariable)).toBe(false);
    expect(['.env', 'a/.env.local', 'tls/server.key', 'id_rsa', 'secrets.yaml'].every(isSecretFile)).toBe(true);
    expect(['keys.ts', 'environment.ts', 'train.js'].some(isSecretFile)).toBe(false);
  });

  it('never come through, whatever surrounds them', () => {
    fc.assert(
      fc.property(
        fc.string({ maxLength: 40 }),
        fc.stringMatching(/^[A-Za-z0-9]{12,30}$/),
        fc.string({ maxLength: 40 }),
        (before, secret, after) => {
          fc.pre(!before.includes(secret) && !after.includes(secret));
          expect(redactCode(`${before}\npassword = "${secret}"\n${after}`)).not.toContain(secret);
        },
      ),
    );
  });

  it('are looked for in texts that a repetition could be lost in', () => {
    // One that explodes takes hours, and the limit of this test, far above what a busy machine needs, fails it.
    const texts = [
      'password'.repeat(20_000),
      `token${' '.repeat(100_000)}`,
      `a://${'x'.repeat(100_000)}`,
      '"'.repeat(100_000),
    ];
    for (const text of texts) expect(redactCode(text).length).toBeGreaterThan(0);
  }, 60_000);

  it('a file of them tells nothing but that it changed', () => {
    const diff =
      'diff --git a/config/.env b/config/.env\n--- a/config/.env\n+++ b/config/.env\n@@\n+X=4711\ndiff --git a/x.js b/x.js\n+let x;\n';
    expect(redactDiff(diff)).toBe(
      'diff --git a/config/.env b/config/.env\n[redacted]: a file that may hold secrets\ndiff --git a/x.js b/x.js\n+let x;\n',
    );
  });

  it('a difference is cut after a whole line', () => {
    expect(cutDiff('one\ntwo\nthree\n', 9)).toEqual({
      text: 'one\ntwo\n[6 bytes more were left out]\n',
      truncated: true,
    });
    expect(cutDiff('one\n', 4)).toEqual({ text: 'one\n', truncated: false });
    expect(cutDiff('ééé\n', 3)).toEqual({ text: '[7 bytes more were left out]\n', truncated: true });
  });
});
