import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/*
 * Fetches the programs that the interop tests measure Fairlead against, each at a pinned version, into an ignored folder.
 * One function a peer; `npx tsx test/interop/setup.ts` prepares all of them ahead of time.
 */

/** A peer that can be run, or why it can't. */
export type Peer = { readonly command: string; readonly missing?: never } | { readonly missing: string };

const cache = fileURLToPath(new URL('../../.cache/interop/', import.meta.url));

/** With FAIRLEAD_REQUIRE_INTEROP=1 a missing peer is an error; else it is said aloud, and its tests are skipped. */
function absent(peer: string, reason: string): Peer {
  const missing = `${peer} cannot be had here: ${reason}`;
  if (process.env.FAIRLEAD_REQUIRE_INTEROP === '1')
    throw new Error(`${missing} (FAIRLEAD_REQUIRE_INTEROP=1 asks for it)`);
  console.warn(`interop: NOT TESTED: ${missing}`);
  return { missing };
}

function run(command: string, args: readonly string[], timeoutMs: number): string {
  return execFileSync(command, args, { encoding: 'utf8', timeout: timeoutMs, stdio: ['ignore', 'pipe', 'pipe'] });
}

/** What a program that failed had to say, in its last line. */
function lastWords(error: unknown): string {
  const { stderr, message } = error as { stderr?: string | Buffer; message?: string };
  const lines = String(stderr ?? '')
    .trim()
    .split('\n');
  return lines.at(-1) || String(message);
}

/** The version whose parser of OpenMetrics the tests were written against. */
export const prometheusClientVersion = '0.26.0';

/** Makes a virtual environment with Python's prometheus_client; `command` is its Python. */
export function preparePrometheusClient(): Peer {
  const peer = `prometheus_client ${prometheusClientVersion}`;
  const folder = join(cache, `prometheus-client-${prometheusClientVersion}`);
  const command = join(folder, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');
  const check = 'from importlib.metadata import version; print(version("prometheus_client"))';
  try {
    if (existsSync(command) && run(command, ['-c', check], 30_000).trim() === prometheusClientVersion)
      return { command };
  } catch {
    // A folder that an earlier attempt left half made: made anew below.
  }
  try {
    run('python3', ['--version'], 30_000);
  } catch (error) {
    return absent(peer, `no python3 (${lastWords(error)}); install Python 3.9 or later`);
  }
  try {
    console.log(`interop: installing ${peer} into ${folder}`);
    run('python3', ['-m', 'venv', '--clear', folder], 120_000);
    run(
      command,
      [
        '-m',
        'pip',
        'install',
        '--quiet',
        '--disable-pip-version-check',
        `prometheus_client==${prometheusClientVersion}`,
      ],
      300_000,
    );
    run(command, ['-c', check], 30_000);
  } catch (error) {
    return absent(peer, lastWords(error));
  }
  return { command };
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  preparePrometheusClient();
}
