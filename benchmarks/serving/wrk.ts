import { execFile, spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { SuiteContext } from '../lib/suite';
import type { ClosedLoad, LoadFigures } from './closed-load';
import { readWrkOutput } from './wrk-output';

const pathOf = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const run = promisify(execFile);
/** What figures are compared by: another version counts otherwise. */
const version = '4.1.0';
const inCache = pathOf('../../.cache/peers/wrk/bin/wrk');
const script = pathOf('./wrk.lua');

/** Finds wrk on the path or where it was unpacked, without fetching it; undefined where it is not. */
export async function findWrk(): Promise<string | undefined> {
  for (const command of ['wrk', inCache]) {
    // It says its version, then misses an address and fails.
    const said = await run(command, ['-v']).catch((error: { readonly stdout?: string }) => error);
    if (new RegExp(`^wrk (debian/)?${version.replaceAll('.', '\\.')}\\b`).test(said.stdout ?? '')) return command;
  }
  return undefined;
}

/**
 * The command that drives closed loops, fetched where it is not yet. Undefined where it can't be had, or FAIRLEAD_BENCH_DRIVER is `node`,
 * which is said aloud.
 *
 * @throws Error for a driver that there is not
 */
export async function prepareWrk(
  note: SuiteContext['note'],
  wish = process.env.FAIRLEAD_BENCH_DRIVER,
): Promise<string | undefined> {
  if (wish === 'node') {
    note(
      "closed loops are driven by Node and not by wrk, as FAIRLEAD_BENCH_DRIVER asks: it takes more of the servers' cores",
    );
    return undefined;
  }
  if (wish !== undefined && wish !== '' && wish !== 'wrk') {
    throw new Error(`FAIRLEAD_BENCH_DRIVER is "${wish}"; it may be wrk or node.`);
  }
  const found = await findWrk();
  if (found !== undefined) return found;
  try {
    note("wrk: taking it out of Debian's packages into .cache/peers/wrk, once");
    await run(pathOf('../peers/wrk/setup'), { timeout: 300_000 });
    return inCache;
  } catch (error) {
    note(
      `closed loops are driven by Node, which takes more of the servers' cores, since benchmarks/peers/wrk/setup failed: ${String(error)}`,
    );
    return undefined;
  }
}

/** What the results call it. */
export const wrkTitle = `wrk ${version}, one thread`;

/** Seconds in which one answer must have come, on the slowest machine. */
const mostSeconds = 32;

/**
 * Drives a closed loop by wrk, from one thread of its own. Times are whole seconds, for wrk takes no others; a warm-up is a run by itself, and
 * a run in which nothing was answered is done again for twice as long.
 */
export async function driveByWrk(command: string, load: ClosedLoad): Promise<LoadFigures> {
  if (load.warmUpMs > 0) await runWrk(command, load, secondsOf(load.warmUpMs));
  for (let seconds = secondsOf(load.durationMs); ; seconds *= 2) {
    const figures = await runWrk(command, load, seconds);
    if (Object.keys(figures.statuses).length > 0 || seconds >= mostSeconds) return figures;
  }
}

const secondsOf = (milliseconds: number): number => Math.max(1, Math.ceil(milliseconds / 1000));

async function runWrk(
  command: string,
  { port, requests, connections }: ClosedLoad,
  seconds: number,
): Promise<LoadFigures> {
  const child = spawn(
    command,
    ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '20s', '-s', script, `http://127.0.0.1:${port}`],
    { stdio: ['pipe', 'pipe', 'pipe'] },
  );
  const gone = new Promise<number | null>((resolve, reject) => void child.once('error', reject).once('close', resolve));
  // It may end before it has read them, and says why.
  child.stdin.on('error', () => {});
  for (const request of requests) {
    const bytes = Buffer.from(request, 'base64');
    child.stdin.write(`${bytes.length}\n`);
    child.stdin.write(bytes);
  }
  child.stdin.end();
  const [output, complaint, code] = await Promise.all([text(child.stdout), text(child.stderr), gone]);
  if (code !== 0) throw new Error(`wrk ended with ${code}: ${complaint.trim()}`);
  return readWrkOutput(output, connections);
}
