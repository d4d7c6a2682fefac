import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type RedisServer, startRedis } from './redis-server';
import { prepareRedis } from './setup';

/* Three processes with one rollout in a real Redis. */

const peer = prepareRedis();
const root = fileURLToPath(new URL('../../', import.meta.url));
const script = fileURLToPath(new URL('rollout-replica.process.ts', import.meta.url));

interface Said {
  readonly what: string;
  readonly [key: string]: unknown;
}

class Replica {
  readonly child: ChildProcess;
  readonly said: Said[] = [];
  #waiting = new Set<() => void>();

  constructor(socket: string, client: string, challenger: string) {
    const args = ['--import', 'tsx', script, socket, client, challenger];
    this.child = spawn(process.execPath, args, { cwd: root, stdio: ['pipe', 'pipe', 'inherit'] });
    if (this.child.stdout === null) throw new Error('The replica has no output.');
    createInterface({ input: this.child.stdout }).on('line', (line) => {
      this.said.push(JSON.parse(line) as Said);
      for (const check of this.#waiting) check();
    });
  }

  /** The first that it said, or says, of a kind, after so many lines. */
  first(isIt: (said: Said) => boolean, after = 0): Promise<Said> {
    return new Promise((resolve) => {
      const check = (): void => {
        const found = this.said.slice(after).find(isIt);
        if (found === undefined) return;
        this.#waiting.delete(check);
        resolve(found);
      };
      this.#waiting.add(check);
      check();
    });
  }

  changeTo(status: string): Promise<Said> {
    return this.first(({ what, to }) => what === 'change' && to === status);
  }

  /** Tells it to do something, and resolves with what it says of a kind then. */
  async command(line: string, answer = 'state'): Promise<Said> {
    const after = this.said.length;
    this.child.stdin?.write(`${line}\n`);
    return this.first(({ what }) => what === answer, after);
  }

  async end(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.kill('SIGKILL');
    await once(this.child, 'exit');
  }
}

describe.skipIf(peer.missing !== undefined)('three replicas of a rollout', { timeout: 90_000 }, () => {
  let folder: string;
  let server: RedisServer;
  let socket: string;
  let replicas: Replica[] = [];

  /** Puts a new Redis, which knows nothing, at the place where the replicas look for it. */
  const startServer = async (): Promise<void> => {
    if (peer.missing !== undefined) return;
    server = await startRedis(peer.command, peer.environment);
    await rm(socket, { force: true });
    await symlink(server.socket, socket);
  };
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fairlead-replicas-'));
    socket = join(folder, 'redis');
    await startServer();
  });
  afterEach(async () => {
    await Promise.all(replicas.map((replica) => replica.end()));
    await server.close();
    await rm(folder, { recursive: true, force: true });
  });
  const start = async (challenger: string): Promise<void> => {
    replicas = ['node-redis', 'ioredis', 'node-redis'].map((client) => new Replica(socket, client, challenger));
    await Promise.all(replicas.map((replica) => replica.first(({ what }) => what === 'ready')));
  };

  test('roll a model back that fails: one decides, all follow, and none asks twice', async () => {
    await start('broken');
    const changes = await Promise.all(replicas.map((replica) => replica.changeTo('rolled-back')));
    expect(new Set(changes.map(({ atEpochMs }) => atEpochMs)).size).toBe(1);
    expect(changes[0]).toMatchObject({ actor: 'guardrail', reason: expect.stringMatching(/next harms errors/) });
    const states = await Promise.all(replicas.map((replica) => replica.command('state')));
    for (const state of states) {
      expect(state).toMatchObject({ status: 'rolled-back', weights: { champion: 1 }, failed: 0 });
      expect(state.history).toEqual(['running', 'rolled-back']);
    }
  });

  test('promote one that does not, also when one of them is killed in between', async () => {
    await start('good');
    await Promise.all(replicas.map((replica) => replica.changeTo('waiting-for-approval')));
    const [first, ...others] = replicas as [Replica, Replica, Replica];
    await first.end();
    expect(await others[0].command('approve')).toMatchObject({ failed: 0 });
    const changes = await Promise.all(others.map((replica) => replica.changeTo('promoted')));
    expect(new Set(changes.map(({ atEpochMs }) => atEpochMs)).size).toBe(1);
    const states = await Promise.all(others.map((replica) => replica.command('state')));
    for (const state of states) {
      expect(state).toMatchObject({ status: 'promoted', promoted: 'next', failed: 0 });
      expect(state.history).toEqual(['running', 'waiting-for-approval', 'running', 'promoted']);
    }
    // One that comes later finds what was decided.
    const late = new Replica(socket, 'node-redis', 'good');
    replicas.push(late);
    await late.first(({ what }) => what === 'ready');
    expect(await late.command('state')).toMatchObject({ status: 'promoted', weights: { champion: 0, next: 1 } });
  });

  test('serve while Redis is away, and go on when it is back, even with nothing in it', async () => {
    await start('good');
    await Promise.all(replicas.map((replica) => replica.changeTo('waiting-for-approval')));
    await server.close();
    await Promise.all(replicas.map((replica) => replica.first(({ what }) => what === 'store-fail')));
    const before = await Promise.all(replicas.map((replica) => replica.command('state')));
    let after = before;
    while (after.some(({ served }, index) => Number(served) < Number(before[index]?.served) + 500)) {
      after = await Promise.all(replicas.map((replica) => replica.command('state')));
    }
    for (const state of after) {
      expect(state).toMatchObject({ status: 'waiting-for-approval', weights: { champion: 0.8, next: 0.2 }, failed: 0 });
    }
    await startServer();
    await Promise.all(replicas.map((replica) => replica.first(({ what }) => what === 'store-back')));
    // Evidence is gathered anew, since Redis has lost what there was; then somebody approves.
    const enough = async (replica: Replica): Promise<void> => {
      while (Number((await replica.command('state')).requests) < 500);
    };
    await Promise.all(replicas.map(enough));
    await replicas[2]?.command('approve');
    const changes = await Promise.all(replicas.map((replica) => replica.changeTo('promoted')));
    expect(new Set(changes.map(({ atEpochMs }) => atEpochMs)).size).toBe(1);
    const states = await Promise.all(replicas.map((replica) => replica.command('state')));
    for (const state of states) expect(state).toMatchObject({ status: 'promoted', promoted: 'next', failed: 0 });
  });

  test('count for the sample ratio what all of them assigned, and raise no alarm', async () => {
    await start('good');
    await Promise.all(replicas.map((replica) => replica.changeTo('waiting-for-approval')));
    const pooled = async (): Promise<readonly Said[]> =>
      Promise.all(replicas.map((replica) => replica.command('state')));
    let states = await pooled();
    // No request of theirs has a key, so each is a unit, and a replica knows of more of them than it has served.
    while (states.some(({ units, served }) => Number(units) < 1.5 * Number(served))) states = await pooled();
    for (const state of states) expect(state).toMatchObject({ isMismatch: false, failed: 0 });
  });

  test('count a reward once, whichever of them is told, also when the one that decided is killed and Redis was away', async () => {
    await start('bandit');
    // On a slow machine the store may not answer in time at first; from here on all know the run, and what signs its ids.
    await Promise.all(replicas.map((replica) => replica.changeTo('running')));
    const [first, second, third] = replicas as [Replica, Replica, Replica];
    const decided = async (replica: Replica): Promise<string> =>
      String((await replica.command('decide', 'decision')).id);
    const reward = async (replica: Replica, id: string): Promise<unknown> => {
      const said = await replica.command(`reward ${id} 1`, 'outcome');
      return said.outcome;
    };
    const learnt = async (replica: Replica, rewards: number): Promise<void> => {
      for (;;) {
        const said = await replica.command('learnt', 'learnt');
        if (Number(said.rewards) >= rewards && said.waiting === 0 && said.isCurrent === true) {
          expect(said.rewards).toBe(rewards);
          return;
        }
      }
    };
    const ids = [await decided(first), await decided(first), await decided(first)] as [string, string, string];
    expect(await reward(second, ids[0])).toBe('accepted');
    expect(await reward(third, ids[0])).toBe('accepted');
    expect(await reward(first, ids[0])).toMatch(/^(counted|duplicate)$/);
    for (const replica of replicas) await learnt(replica, 1);
    expect(await reward(first, ids[0])).toBe('duplicate');
    const forged = await second.command(`reward ${ids[1].slice(0, -1)}x 1`, 'refused');
    expect(forged.reason).toMatch(/no decision .* is known/);
    await first.end();
    expect(await reward(second, ids[1])).toBe('accepted');
    // Who gives a Redis that lost everything its state back gives what it knows: each must have heard of the reward before.
    for (const replica of [second, third]) await learnt(replica, 2);
    // What is told while Redis is away waits for it; Redis comes back as it was before, or with nothing.
    await server.close();
    await Promise.all([second, third].map((replica) => replica.first(({ what }) => what === 'store-fail')));
    expect(await reward(third, ids[2])).toBe('accepted');
    await startServer();
    await Promise.all([second, third].map((replica) => replica.first(({ what }) => what === 'store-back')));
    await learnt(third, 3);
    expect(await reward(second, ids[2])).toBe('accepted');
    await learnt(second, 3);
  });
});
