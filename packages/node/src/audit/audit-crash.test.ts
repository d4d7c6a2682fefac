import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Logger } from '@fairlead/core';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type AuditHead, createAuditLog, verifyAuditLog } from './index';

const root = fileURLToPath(new URL('../../../../', import.meta.url));
const script = fileURLToPath(new URL('fixtures/writing-child.ts', import.meta.url));
const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fairlead-audit-crash-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Has a process write the log, and kills it once it has said so often that lines are safe; resolves with where they were. */
async function writeAndKill(file: string, flushes: number): Promise<AuditHead> {
  const child = spawn(process.execPath, ['--import', 'tsx', script, file], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let head: AuditHead | undefined;
  let count = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    head = JSON.parse(line) as AuditHead;
    if (++count === flushes) child.kill('SIGKILL');
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return head as AuditHead;
}

it('loses no line that was safe when its process is killed, three times over, and verifies', {
  timeout: 60_000,
}, async () => {
  const file = join(folder, 'calls.jsonl');
  const heads: AuditHead[] = [];
  for (const flushes of [3, 20, 7]) heads.push(await writeAndKill(file, flushes));
  const log = await createAuditLog({ file, sync: false, logger: silent });
  await log.close();
  const names = (await readdir(folder)).filter((name) => /^calls\.jsonl(\.\d+)?$/.test(name));
  expect(names.length).toBeGreaterThan(2);
  const files = names.map((name) => join(folder, name));
  for (const head of heads) expect(await verifyAuditLog(files, { head })).toMatchObject({ ok: true, closed: true });
  expect((await verifyAuditLog(files)).calls).toBeGreaterThanOrEqual(30 * 40);
});
