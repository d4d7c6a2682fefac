import type { Socket } from 'node:net';
import type { Clock } from '@fairlead/core';
import { createBackPressure, type ReadConnection } from './back-pressure';
import { createLoopDelay } from './loop-delay';

/** A thread stands still for so long, as often as that, in milliseconds: a machine has other things to do. */
export interface Pauses {
  readonly everyMs: number;
  readonly forMs: number;
}

/** What a server takes, in milliseconds. */
export interface SimulatedServer {
  /** Of the event loop, to read a request and send its answer, whatever that is. */
  readonly exchangeMs: number;
  /** Of the event loop besides, where the request is computed. */
  readonly decodeMs: number;
  /** Of the lane: a batch, and each of its rows. */
  readonly batchMs: number;
  readonly rowMs: number;
  /** Most rows of a batch. */
  readonly maxRows: number;
  /** Whether the lane is the event loop itself. */
  readonly isInline: boolean;
  /** @default none */
  readonly pauses?: Pauses | undefined;
  /** Whether what the loop takes counts, and whether connections of refused requests are left unread. */
  readonly countsDelay: boolean;
  readonly holds: boolean;
}

/** Who asks it. */
export interface SimulatedLoad {
  readonly connections: number;
  /** Arrivals a second; without it each connection asks again once it has its answer. */
  readonly perSecond?: number;
  readonly patienceMs: number;
  /** What the clients' one thread, which runs beside the server's, takes for an answer and the next request. @default 0 */
  readonly clientMs?: number;
  /** Of that thread. @default none */
  readonly clientPauses?: Pauses | undefined;
  readonly durationMs: number;
  /** Milliseconds before them that do not count. */
  readonly warmUpMs: number;
}

/** What became of those that were due in the time that counts. */
export interface SimulatedOutcome {
  /** Answers within the patience, a second. */
  readonly goodput: number;
  /** Milliseconds that half of these waited. */
  readonly p50: number;
  readonly sent: number;
  readonly refused: number;
  readonly late: number;
  /** Connections of which no request was answered in time. */
  readonly starved: number;
}

interface Connection {
  readonly index: number;
  readonly read: ReadConnection;
  isRead: boolean;
  /** When the request that it waits with was due. */
  dueAt: number | undefined;
  /** When it can be read; the system's buffers have it from then on. */
  inTime: number;
}

/** When a thread does what it would do at a time. */
function awake(at: number, pauses: Pauses | undefined): number {
  if (pauses === undefined) return at;
  return Math.max(at, at - (at % pauses.everyMs) + pauses.forMs);
}

/** Milliseconds in which an answer reaches its caller, as the runner has it. */
const reachMs = 0.25;

/** A request in the queue of the model. */
interface Queued {
  readonly connection: Connection;
  readonly deadline: number;
}

/**
 * Simulates the event loop of a server and its clients, in time that only the work moves, so that overload can be tested on a
 * machine that does other things: phases, polls and deferred callbacks are those of libuv; the model's queue is as simple as can be.
 */
export function simulate(server: SimulatedServer, load: SimulatedLoad): SimulatedOutcome {
  let now = 0;
  let deferred: (() => void)[] = [];
  let timers: { at: number; callback: () => void }[] = [];
  const clock: Clock = {
    now: () => now,
    epochMs: () => now,
    defer: (callback) => void deferred.push(callback),
    setTimer(callback, delayMs) {
      const timer = { at: now + delayMs, callback };
      timers.push(timer);
      return {
        clear: () => {
          timers = timers.filter((other) => other !== timer);
        },
      };
    },
  };
  const loop = createLoopDelay(clock);
  const pressure = createBackPressure(clock, loop, 8000, 5000);

  const connections = Array.from({ length: load.connections }, (_, index): Connection => {
    const socket = {
      destroyed: false,
      setTimeout: () => socket,
      pause: () => {
        connection.isRead = false;
      },
      resume: () => {
        connection.isRead = true;
      },
    };
    const connection: Connection = {
      index,
      isRead: true,
      dueAt: undefined,
      inTime: 0,
      read: pressure.open(socket as unknown as Socket),
    };
    return connection;
  });
  const endAt = load.warmUpMs + load.durationMs;
  const idle: Connection[] = [];
  const waiting = new Set<Connection>();
  const times: number[] = [];
  const inTimeOf = new Array<number>(load.connections).fill(0);
  let [due, sent, refused, late] = [0, 0, 0, 0];

  const ask = (connection: Connection, dueAt: number): void => {
    connection.dueAt = dueAt;
    if (dueAt >= load.warmUpMs) sent++;
    waiting.add(connection);
  };
  /** Answers on their way to the clients, which take one after the other. */
  const coming: { readonly connection: Connection; readonly ok: boolean; readonly at: number }[] = [];
  let clientFreeAt = 0;
  const receive = (connection: Connection, ok: boolean): void => {
    clientFreeAt = awake(Math.max(clientFreeAt, now), load.clientPauses) + (load.clientMs ?? 0);
    coming.push({ connection, ok, at: clientFreeAt });
  };
  /** What clients have taken until a time. */
  const take = (until: number): void => {
    for (let next = coming[0]; next !== undefined && next.at <= until; next = coming[0]) {
      coming.shift();
      const { connection, ok, at } = next;
      const dueAt = connection.dueAt as number;
      if (dueAt >= load.warmUpMs && dueAt < endAt) {
        if (!ok) refused++;
        else if (at - dueAt > load.patienceMs) late++;
        else {
          times.push(at - dueAt);
          inTimeOf[connection.index] = (inTimeOf[connection.index] as number) + 1;
        }
      }
      if (load.perSecond === undefined) ask(connection, at);
      else idle.push(connection);
    }
  };
  /** What clients do until now: whoever is answered last asks first. */
  const arrive = (): void => {
    if (load.perSecond !== undefined) {
      for (; (due * 1000) / load.perSecond <= now; due++) {
        const dueAt = (due * 1000) / load.perSecond;
        const sentAt = awake(dueAt, load.clientPauses);
        if (sentAt > now) break;
        take(sentAt);
        const connection = idle.pop();
        if (connection !== undefined) ask(connection, dueAt);
      }
    }
    take(now);
  };

  const queue: Queued[] = [];
  /** In the lane: the one that it computes, and where it is a worker the next, which lies ready there. */
  const inLane: { readonly requests: readonly Queued[]; readonly startedAt: number; readonly endsAt: number }[] = [];
  const batchMs = (rows: number): number => server.batchMs + rows * server.rowMs;
  /** What batches took lately as the loop found them, of what they compute; and when it found the last one. */
  let [foundTimes, foundAt] = [1, 0];
  const predict = (): number => {
    let freeAt = foundAt;
    for (const { requests, startedAt } of inLane) {
      freeAt = Math.max(freeAt, startedAt) + foundTimes * batchMs(requests.length);
    }
    const ahead = queue.length + 1;
    const full = Math.ceil(ahead / server.maxRows) * batchMs(server.maxRows);
    return Math.max(now, freeAt) + foundTimes * (ahead <= server.maxRows ? batchMs(ahead) : full);
  };
  /** What a prediction may use of the time that is left, as the runner has it. */
  const usable = (deadline: number): number => deadline - Math.min(2, (deadline - now) / 10);
  const startBatches = (): void => {
    while (inLane.length < 2) {
      while (queue[0] !== undefined && queue[0].deadline <= now) refuse((queue.shift() as Queued).connection);
      const requests = queue.splice(0, server.maxRows);
      if (requests.length === 0) return;
      const endsAt = Math.max(now, inLane.at(-1)?.endsAt ?? now) + batchMs(requests.length);
      inLane.push({ requests, startedAt: now, endsAt });
      if (!server.isInline) continue;
      now = inLane[0]?.endsAt as number;
      endBatch();
    }
  };
  const endBatch = (): void => {
    const { requests = [], startedAt = now } = inLane.shift() ?? {};
    const tookMs = now - Math.max(startedAt, foundAt);
    foundTimes += 0.1 * (tookMs / batchMs(requests.length) - foundTimes);
    foundAt = now;
    for (const { connection, deadline } of requests) {
      // Nobody is told an outcome after its time.
      if (deadline <= now + reachMs) {
        refuse(connection);
        continue;
      }
      now += server.exchangeMs / 2;
      pressure.answered(connection.read);
      receive(connection, true);
    }
  };
  const refuse = (connection: Connection): void => {
    now += server.exchangeMs / 2;
    const holdMs = server.holds ? pressure.refuse(connection.read) : undefined;
    if (holdMs !== undefined) pressure.hold(connection.read);
    receive(connection, false);
  };
  const read = (connection: Connection): void => {
    waiting.delete(connection);
    const delay = server.countsDelay ? pressure.arrived(connection.read) : { beforeMs: 0 };
    const deadline = now - delay.beforeMs + load.patienceMs;
    now += server.exchangeMs / 2;
    if (deadline <= now || (delay.isTooMuch && deadline < Number.POSITIVE_INFINITY) || predict() > usable(deadline)) {
      refuse(connection);
      return;
    }
    now += server.decodeMs;
    queue.push({ connection, deadline });
  };

  if (load.perSecond === undefined) for (const connection of connections) ask(connection, 0);
  else idle.push(...connections);
  while (now < endAt) {
    now = awake(now, server.pauses);
    for (const timer of timers.filter(({ at }) => at <= now)) {
      timers = timers.filter((other) => other !== timer);
      timer.callback();
    }
    arrive();
    // One poll: what is ready now, and no more.
    const ready = [...waiting].filter(({ isRead }) => isRead);
    const done = inLane.filter(({ endsAt }) => endsAt <= now).length;
    const wasIdle = ready.length === 0 && done === 0 && deferred.length === 0;
    for (let count = 0; count < done; count++) endBatch();
    startBatches();
    for (const connection of ready) read(connection);
    startBatches();
    const callbacks = deferred;
    deferred = [];
    for (const callback of callbacks) callback();
    if (wasIdle) now += 0.05;
  }
  times.sort((left, right) => left - right);
  return {
    goodput: (times.length / load.durationMs) * 1000,
    p50: times[times.length >> 1] ?? Number.NaN,
    sent,
    refused,
    late,
    starved: inTimeOf.filter((count) => count === 0).length,
  };
}
