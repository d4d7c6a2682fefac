import { once } from 'node:events';
import { Agent } from 'node:http';
import { connect, type Socket } from 'node:net';
import { FairleadError } from '@fairlead/core';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  ask,
  get,
  inferBody,
  inferPath,
  isAlive,
  killAll,
  pidOf,
  type RunningCluster,
  startLoad,
  startPlan,
} from './cluster.fixture';
import { type ClusterOptions, startCluster } from './index';

const patient = { timeout: 240_000 };
const soon = { timeout: 60_000 };

afterEach(killAll);

/** Its port and pids, once it serves. */
async function served(cluster: RunningCluster): Promise<{ readonly port: number; readonly pids: number[] }> {
  const told = await Promise.race([cluster.told('port'), cluster.told('failed')]);
  expect(told.failed).toBeUndefined();
  return told as { port: number; pids: number[] };
}

/** The samples of an exposition whose names start so. */
function linesOf(text: string, ...starts: string[]): string[] {
  return text.split('\n').filter((line) => starts.some((start) => line.startsWith(start)));
}

function openHalf(port: number): Promise<{ readonly socket: Socket; readonly closed: Promise<string> }> {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  const closed = once(socket, 'close').then(() => text);
  const head = `POST ${inferPath} HTTP/1.1\r\nhost: x\r\ncontent-length: ${inferBody.length}\r\n\r\n`;
  return new Promise((resolve) => void socket.write(head + inferBody.slice(0, 20), () => resolve({ socket, closed })));
}

describe('a cluster', patient, () => {
  it('serves one port by all processes, is scraped as one, and loses no accepted request when SIGTERM comes', async () => {
    const cluster = startPlan({ options: { processes: 2 }, serve: { drainDelayMs: 2000 } });
    const { port, pids } = await served(cluster);
    expect(pids).toHaveLength(2);
    const isReady = async (): Promise<boolean> => (await get(port, '/v2/health/ready')).status === 200;
    const load = startLoad(port, isReady);
    await load.more(200);

    const { text } = await get(port, '/metrics');
    expect(linesOf(text, 'fairlead_cluster_')).toEqual([
      'fairlead_cluster_processes 2',
      'fairlead_cluster_restarts_total 0',
      'fairlead_cluster_workers 2',
    ]);
    expect(
      linesOf(text, 'pid{')
        .map((line) => Number(line.split(' ')[1]))
        .sort(),
    ).toEqual([...pids].sort());

    // A request that is half sent when the signal comes has been accepted.
    const half = await openHalf(port);
    cluster.primary.kill('SIGTERM');
    await vi.waitFor(async () => expect(await isReady()).toBe(false), soon);
    await load.stop();
    half.socket.write(inferBody.slice(20));
    expect(await half.closed).toMatch(/^HTTP\/1.1 200 /);
    expect(await cluster.ended).toEqual([null, 'SIGTERM']);

    expect(new Set(load.answers.map(({ status }) => status))).toEqual(new Set([200]));
    const versions = load.answers.map(({ text }) =>
      Number((JSON.parse(text) as { model_version: string }).model_version),
    );
    expect([...new Set(versions)].sort()).toEqual([...pids].sort());
    expect(pids.map(isAlive)).toEqual([false, false]);
    await expect(ask(port)).rejects.toThrow();
  });

  it('replaces a process that was killed, and counts what that one had counted', async () => {
    const cluster = startPlan({ options: { processes: 2 } });
    const { port, pids } = await served(cluster);
    const counted = async () => linesOf((await get(port, '/metrics')).text, 'starts_total');
    expect(await counted()).toEqual(['starts_total 2']);
    process.kill(pids[0] as number, 'SIGKILL');
    expect(await cluster.told('warn')).toMatchObject({ pid: pids[0], how: 'SIGKILL', waitMs: 100 });
    await cluster.told('info');
    const [kept, fresh] = (await cluster.pids()) as [number, number];
    expect(kept).toBe(pids[1]);
    expect(pids).not.toContain(fresh);
    const { text } = await get(port, '/metrics');
    expect(linesOf(text, 'fairlead_cluster_', 'starts_total')).toEqual([
      'starts_total 3',
      'fairlead_cluster_processes 2',
      'fairlead_cluster_restarts_total 1',
      'fairlead_cluster_workers 2',
    ]);
    cluster.order('close');
    expect((await cluster.told('closed')).closed).toEqual([]);
    expect(await cluster.ended).toEqual([0, null]);
    expect(isAlive(fresh)).toBe(false);
  });

  it('ends with an error when a process dies again and again', async () => {
    const cluster = startPlan({ options: { processes: 2, maxRestarts: 2 }, failsLater: true });
    const { pids } = await served(cluster);
    process.kill(pids[1] as number, 'SIGKILL');
    expect(await cluster.told('warn')).toMatchObject({ how: 'SIGKILL', waitMs: 100 });
    expect(await cluster.told('warn')).toMatchObject({ how: expect.stringContaining('no luck in 2'), waitMs: 200 });
    expect((await cluster.told('error')).text).toContain('after 2 restarts within 60000 ms');
    expect(await cluster.ended).toEqual([1, null]);
    expect(pids.map(isAlive)).toEqual([false, false]);
  });

  it('replaces a process that SIGTERM came to, and then all others, and loses no request', async () => {
    const cluster = startPlan({ options: { processes: 2 }, serve: { drainDelayMs: 300 } });
    const { port, pids } = await served(cluster);
    let asksForReadiness = true;
    const readiness = (async () => {
      const found = new Set<number | undefined>();
      while (asksForReadiness) found.add((await get(port, '/v2/health/ready')).status);
      return found;
    })();
    const load = startLoad(port, () => true);
    await load.more(100);
    process.kill(pids[0] as number, 'SIGTERM');
    expect((await cluster.told('info')).text).toContain('was asked to end');
    await vi.waitFor(async () => expect(await cluster.pids()).toEqual([pids[1], expect.any(Number)]), soon);
    await load.more(100);
    const between = await cluster.pids();

    cluster.order('reload');
    const { reloaded } = (await cluster.told('reloaded')) as { reloaded: number[] };
    expect(reloaded).toHaveLength(2);
    expect(reloaded.filter((pid) => between.includes(pid) || pids.includes(pid))).toEqual([]);
    await load.more(100);
    await load.stop();
    asksForReadiness = false;
    expect(await readiness).toEqual(new Set([200]));
    expect(new Set(load.answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect([...pids, ...between].map(isAlive)).toEqual([false, false, false, false]);
    cluster.primary.kill('SIGINT');
    expect(await cluster.ended).toEqual([null, 'SIGINT']);
  });

  it('goes on with what it has when a reload fails', async () => {
    const cluster = startPlan({ options: { processes: 2 }, failsLater: true });
    const { port, pids } = await served(cluster);
    cluster.order('reload');
    // A process that is started beside two others is number 3.
    expect((await cluster.told('reloadFailed')).reloadFailed).toContain('process 3 could not start: no luck in 3');
    expect(await cluster.pids()).toEqual(pids);
    expect((await ask(port)).status).toBe(200);
    cluster.order('close');
    await cluster.ended;
  });

  it('whose primary process is killed answers what it accepted, and ends', async () => {
    const cluster = startPlan({ options: { processes: 2 } });
    const { port, pids } = await served(cluster);
    const halves = [await openHalf(port), await openHalf(port)];
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    await ask(port, agent);
    cluster.primary.kill('SIGKILL');
    await cluster.ended;
    for (const { socket } of halves) socket.write(inferBody.slice(20));
    for (const { closed } of halves) expect(await closed).toMatch(/^HTTP\/1.1 200 /);
    await vi.waitFor(() => expect(pids.map(isAlive)).toEqual([false, false]), soon);
    agent.destroy();
  });

  it('ends at once by a second signal', async () => {
    const cluster = startPlan({ options: { processes: 2 }, staysOpen: true });
    const { pids } = await served(cluster);
    cluster.primary.kill('SIGTERM');
    cluster.order('pids');
    await cluster.told('pids');
    expect(pids.map(isAlive)).toEqual([true, true]);
    cluster.primary.kill('SIGTERM');
    expect(await cluster.ended).toEqual([null, 'SIGTERM']);
    await vi.waitFor(() => expect(pids.map(isAlive)).toEqual([false, false]), soon);
  });

  it('kills a process that does not end in time', async () => {
    const cluster = startPlan({ options: { processes: 1, closeTimeoutMs: 50 }, staysOpen: true });
    const { pids } = await served(cluster);
    cluster.order('close');
    expect((await cluster.told('warn')).text).toContain('had not ended 50 ms after');
    expect(await cluster.ended).toEqual([0, null]);
    expect(pids.map(isAlive)).toEqual([false]);
  });

  it('is scraped without a process that does not answer, which is counted', async () => {
    const cluster = startPlan({ options: { processes: 2, scrapeTimeoutMs: 3000 } });
    const { port, pids } = await served(cluster);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const asked = await pidOf(port, agent);
    const other = pids.find((pid) => pid !== asked) as number;
    process.kill(other, 'SIGSTOP');
    const { text } = await get(port, '/metrics', agent);
    expect(linesOf(text, 'fairlead_cluster_workers', 'fairlead_cluster_left_out_total')).toEqual([
      'fairlead_cluster_workers 1',
      'fairlead_cluster_left_out_total{reason="timeout"} 1',
    ]);
    expect(linesOf(text, 'pid{').map((line) => line.split(' ')[1])).toEqual([String(asked)]);
    process.kill(other, 'SIGCONT');
    agent.destroy();
    cluster.order('close');
    await cluster.ended;
  });

  it('fails a scrape whose primary process does not answer, since sums of one process would be no sums', async () => {
    const cluster = startPlan({ options: { processes: 1, scrapeTimeoutMs: 100 } });
    const { port, pids } = await served(cluster);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    await ask(port, agent);
    cluster.primary.kill('SIGSTOP');
    expect((await get(port, '/metrics', agent)).status).toBe(502);
    expect((await ask(port, agent)).status).toBe(200);
    cluster.primary.kill('SIGCONT');
    agent.destroy();
    cluster.primary.kill('SIGTERM');
    await cluster.ended;
    expect(pids.map(isAlive)).toEqual([false]);
  });

  it('closes connections beyond the limit of a process at once', async () => {
    const cluster = startPlan({ options: { processes: 2 }, serve: { maxConnections: 1 } });
    const { port } = await served(cluster);
    const agents = [0, 1].map(() => new Agent({ keepAlive: true, maxSockets: 1 }));
    const answering = await Promise.all(agents.map((agent) => pidOf(port, agent)));
    expect(new Set(answering).size).toBe(2);
    const third = connect(port, '127.0.0.1');
    third.on('error', () => {});
    await once(third, 'close');
    for (const agent of agents) agent.destroy();
    cluster.primary.kill('SIGTERM');
    await cluster.ended;
  });
});

describe('a cluster that cannot start', patient, () => {
  const noLuck = { code: 'LANE_LOST', message: 'startCluster: process 2 could not start: no luck in 2' };
  const failures: [string, NonNullable<Parameters<typeof startPlan>[0]['instead']>, ClusterOptions, object][] = [
    ['says what was thrown', { 2: 'fail' }, {}, { ...noLuck, cause: expect.stringContaining('serving-cluster.ts') }],
    ['does so though another one still loads', { 1: 'hang', 2: 'fail' }, {}, noLuck],
    [
      'keeps the code',
      { 1: 'fail-fairlead' },
      {},
      {
        code: 'MODEL_NOT_FOUND',
        message: 'startCluster: process 1 could not start: no such model',
        details: { process: 1 },
      },
    ],
    [
      'says how a process ended',
      { 1: 'exit' },
      {},
      { code: 'LANE_LOST', message: expect.stringContaining('(exit code 7)') },
    ],
    [
      'does not wait for ever',
      { 2: 'hang' },
      { startTimeoutMs: 100 },
      { code: 'DEADLINE_EXCEEDED', message: expect.stringContaining('within 100 ms') },
    ],
    [
      'says what has to be returned',
      { 2: 'nothing' },
      {},
      { code: 'INVALID_OPTION', details: { field: 'start', given: 'nothing', process: 2 } },
    ],
  ];
  it.each(failures)('%s, and leaves no process', async (_what, instead, options, expected) => {
    const cluster = startPlan({ options: { processes: 2, ...options }, instead });
    expect((await cluster.told('failed')).failed).toMatchObject(expected);
    expect(await cluster.ended).toEqual([0, null]);
  });

  it.each([
    [{ processes: 0 }, 'processes'],
    [{ processes: 1.5 }, 'processes'],
    [{ processes: 257 }, 'processes'],
    [{ maxRestarts: -1 }, 'maxRestarts'],
    [{ startTimeoutMs: 0 }, 'startTimeoutMs'],
    [{ port: 8080 }, 'port'],
  ] as const)('refuses %j', async (options, field) => {
    const error = await startCluster(() => Promise.reject(new Error('never')), options as ClusterOptions).catch(
      (thrown: unknown) => thrown,
    );
    expect(FairleadError.isInstance(error, 'INVALID_OPTION')).toBe(true);
    expect((error as FairleadError).details.field).toBe(field);
    expect((error as FairleadError).message).toContain('startCluster: ');
  });

  it('refuses a start that is no function', async () => {
    await expect(startCluster({} as never)).rejects.toMatchObject({
      code: 'INVALID_OPTION',
      details: { field: 'start' },
    });
  });
});

it('in a cluster of somebody else serves, tells its own metrics, and closes by SIGTERM', patient, async () => {
  const cluster = startPlan({ options: {}, foreign: true });
  const { port, pids } = await served(cluster);
  await vi.waitFor(async () => expect((await get(port, '/v2/health/ready')).status).toBe(200), soon);
  expect(linesOf((await get(port, '/metrics')).text, 'pid')).toEqual([`pid ${pids[0]}`]);
  process.kill(pids[0] as number, 'SIGTERM');
  expect((await cluster.told('exit')).exit).toBe(0);
  await cluster.ended;
});
