import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request as httpRequest } from 'node:http';
import { fileURLToPath } from 'node:url';
import type { Plan } from './fixtures/serving-cluster';

const root = fileURLToPath(new URL('../../../../', import.meta.url));
const script = fileURLToPath(new URL('fixtures/serving-cluster.ts', import.meta.url));

type Told = Readonly<Record<string, unknown>>;

/** A cluster of real processes, as its parent sees it. */
export interface RunningCluster {
  readonly primary: ChildProcess;
  /** Sends an order, and nothing else. */
  order(order: 'pids' | 'reload' | 'close'): void;
  /** The next message, from the first one on, that has this field, or says this at a level. */
  told(field: string): Promise<Told>;
  /** The pids of the workers that are there. */
  pids(): Promise<number[]>;
  /** How the primary process ended. */
  readonly ended: Promise<[number | null, NodeJS.Signals | null]>;
}

const started = new Set<ChildProcess>();
const known = new Set<number>();

/** Starts a cluster by a plan. */
export function startPlan(plan: Plan): RunningCluster {
  const primary = fork(script, [JSON.stringify(plan)], { cwd: root, execArgv: ['--import', 'tsx'] });
  started.add(primary);
  const ended = once(primary, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const messages: Told[] = [];
  let wake = (): void => {};
  primary.on('message', (message) => {
    messages.push(message as Told);
    for (const pid of ((message as Told).pids as number[] | undefined) ?? []) known.add(pid);
    wake();
  });
  const has = (message: Told, field: string) => field in message || message.level === field;
  const told = async (field: string): Promise<Told> => {
    for (;;) {
      const at = messages.findIndex((message) => has(message, field));
      if (at >= 0) return messages.splice(at, 1)[0] as Told;
      await new Promise<void>((resolve) => {
        const before = wake;
        wake = () => {
          before();
          resolve();
        };
      });
    }
  };
  const order = (what: string): void => void primary.send(what);
  return {
    primary,
    order,
    told,
    ended,
    async pids() {
      order('pids');
      return (await told('pids')).pids as number[];
    },
  };
}

/** Ends what a failed test left. */
export function killAll(): void {
  for (const child of started) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  for (const pid of known) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
  started.clear();
  known.clear();
}

/** Whether there is such a process. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

export const inferPath = '/v2/models/mock/infer';
export const inferBody = JSON.stringify({ inputs: [{ name: 'x', shape: [1, 2], datatype: 'FP32', data: [1, 2] }] });

/** An answer, and which process gave it. */
export interface Answer {
  readonly status: number | undefined;
  readonly isLast: boolean;
  readonly text: string;
}

/** One infer request; a connection that breaks rejects. */
export function ask(port: number, agent: Agent | false = false): Promise<Answer> {
  return send(port, agent, 'POST', inferPath, inferBody);
}

/** Any request without a body. */
export function get(port: number, path: string, agent: Agent | false = false): Promise<Answer> {
  return send(port, agent, 'GET', path);
}

/** The pid of the process that answers on a connection. */
export async function pidOf(port: number, agent: Agent | false = false): Promise<number> {
  return Number((JSON.parse((await ask(port, agent)).text) as { model_version: string }).model_version);
}

function send(port: number, agent: Agent | false, method: string, path: string, body = ''): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: '127.0.0.1', port, agent, method, path }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      response.on('error', reject);
      const isLast = response.headers.connection === 'close';
      response.on('end', () => resolve({ status: response.statusCode, isLast, text }));
    });
    request.on('error', reject);
    request.end(body);
  });
}

/** Clients of both kinds: some keep their connections until they are sent away, and then open another one. */
export interface Load {
  readonly answers: Answer[];
  /** Lets them go on for so many answers more. */
  more(count: number): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Asks without a pause until it is stopped.
 * @param goesOn whether a client opens another connection when it was sent away
 */
export function startLoad(port: number, goesOn: () => boolean | Promise<boolean>): Load {
  const answers: Answer[] = [];
  const waiting: { readonly at: number; readonly resolve: () => void }[] = [];
  let isStopped = false;
  const count = (answer: Answer): void => {
    answers.push(answer);
    for (const { at, resolve } of waiting) if (answers.length >= at) resolve();
  };
  const keeping = Array.from({ length: 8 }, async () => {
    while (!isStopped && (await goesOn())) {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      for (;;) {
        const answer = await ask(port, agent);
        count(answer);
        if (answer.isLast || isStopped) break;
      }
      agent.destroy();
    }
  });
  const opening = Array.from({ length: 2 }, async () => {
    while (!isStopped && (await goesOn())) count(await ask(port));
  });
  const all = Promise.all([...keeping, ...opening]).then(() => {});
  // Whoever stops it hears of it.
  all.catch(() => {});
  return {
    answers,
    more: (more) =>
      Promise.race([
        all.then(() => {
          throw new Error('The load has ended.');
        }),
        new Promise<void>((resolve) => void waiting.push({ at: answers.length + more, resolve })),
      ]),
    stop() {
      isStopped = true;
      return all;
    },
  };
}
