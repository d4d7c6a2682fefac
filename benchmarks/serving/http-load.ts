import { connect, type Socket } from 'node:net';
import { quantile } from '../lib/load';
import type { ClosedLoad, LoadFigures } from './closed-load';
import { createResponseReader } from './responses';

/** A load on an HTTP server, closed or at a rate; whatever is under way at its end is waited for. */
export interface HttpLoad extends ClosedLoad {
  /** Arrivals a second, evenly spaced, whatever becomes of those before. @default each connection asks again once it has its answer */
  readonly perSecond?: number;
  /** Milliseconds after which an answer is of no use. @default none */
  readonly patienceMs?: number;
  /**
   * Milliseconds of its patience for which an arrival waits for a connection while all are busy, as it would in a pool of them; whichever
   * waits longest is sent first. @default 0: the newest alone waits
   */
  readonly waitMs?: number;
}

/**
 * What a load came to. Only answers within their patience count for `perSecond`, and where arrivals have a rate, only those that were
 * due in the time that counts. Latencies are those of answers with status 200.
 */
export interface HttpLoadResult extends LoadFigures {
  readonly slowest: number;
  /** Requests that were sent. */
  readonly sent: number;
  /** Requests that found no connection in their time, and were not sent. */
  readonly skipped: number;
  /** Answers with status 200 past their patience. */
  readonly late: number;
}

/** Drives a load over sockets, without an HTTP client between: it would cost more than many a server. */
export async function driveHttp(load: HttpLoad): Promise<HttpLoadResult> {
  const { connections, durationMs, warmUpMs, perSecond, patienceMs = Number.POSITIVE_INFINITY, waitMs = 0 } = load;
  const requests = load.requests.map((text) => Buffer.from(text, 'base64'));
  const times: number[] = [];
  const statuses: Record<string, number> = {};
  let [sent, skipped, late, next] = [0, 0, 0, 0];
  const begin = performance.now();
  const countFrom = begin + warmUpMs;
  const endAt = countFrom + durationMs;

  const count = (dueAt: number, status: number | 'broken'): void => {
    if (dueAt < countFrom) return;
    statuses[status] = (statuses[status] ?? 0) + 1;
    if (status !== 200) return;
    const took = performance.now() - dueAt;
    if (took <= patienceMs) times.push(took);
    else late++;
  };
  const nextRequest = (): Buffer => requests[next++ % requests.length] as Buffer;

  const idle: Client[] = [];
  let busy = 0;
  let due = 0;
  let onIdle = (): void => {};
  const dueAtOf = (index: number, ratePerSecond: number): number => begin + (index * 1000) / ratePerSecond;
  /** Gives up what has waited for a connection for too long, but for the newest. */
  const forgo = (ratePerSecond: number, now: number): void => {
    for (; dueAtOf(due + 1, ratePerSecond) <= Math.min(now - waitMs, endAt); due++) {
      if (dueAtOf(due, ratePerSecond) >= countFrom) skipped++;
    }
  };
  /** Sends what is due by now, as far as connections are idle. */
  const arrive = (ratePerSecond: number, now: number): void => {
    for (; idle.length > 0; due++) {
      const dueAt = dueAtOf(due, ratePerSecond);
      if (dueAt > now || dueAt >= endAt) return;
      ask(idle.pop() as Client, dueAt);
    }
  };
  let timer: NodeJS.Timeout | undefined;
  /** Sends what is due, and looks again while a connection is idle: a thread that wakes up for nothing takes its time from the server. */
  const look = (ratePerSecond: number): void => {
    const now = performance.now();
    arrive(ratePerSecond, now);
    if (idle.length > 0 && now < endAt) timer ??= setTimeout(onTimer, 1, ratePerSecond);
    else stopLooking();
  };
  const onTimer = (ratePerSecond: number): void => {
    timer = undefined;
    look(ratePerSecond);
  };
  const stopLooking = (): void => {
    clearTimeout(timer);
    timer = undefined;
  };
  const open = (): Promise<Client> =>
    openClient(load.port, (client, dueAt, status) => {
      busy--;
      count(dueAt, status);
      // One request counts at least, however slow the server is.
      const goesOn = perSecond === undefined && (performance.now() < endAt || sent === 0);
      if (goesOn) ask(client, performance.now());
      else {
        if (perSecond !== undefined && idle.length === 0) forgo(perSecond, performance.now());
        idle.push(client);
        // Where one waits it goes at once, and does not wait for a timer.
        if (perSecond !== undefined) look(perSecond);
      }
      if (busy === 0) onIdle();
    });
  const ask = (client: Client, dueAt: number): void => {
    busy++;
    if (dueAt >= countFrom) sent++;
    client.ask(nextRequest(), dueAt);
  };
  const clients = await Promise.all(Array.from({ length: connections }, open));
  let usedBefore = process.cpuUsage();
  const mark = setTimeout(() => {
    usedBefore = process.cpuUsage();
  }, warmUpMs);

  if (perSecond === undefined) for (const client of clients) ask(client, performance.now());
  else {
    idle.push(...clients);
    look(perSecond);
    // A timer may fire a little early, and what is still under way is waited for only once the end has come.
    for (let left = endAt - performance.now(); left > 0; left = endAt - performance.now()) {
      await new Promise<void>((resolve) => void setTimeout(resolve, left));
    }
    arrive(perSecond, performance.now());
    stopLooking();
    // Those that found every connection busy count to the last.
    for (; dueAtOf(due, perSecond) < endAt; due++) if (dueAtOf(due, perSecond) >= countFrom) skipped++;
  }
  if (busy > 0) {
    await new Promise<void>((resolve) => {
      onIdle = () => {
        if (performance.now() >= endAt) resolve();
      };
    });
  }
  clearTimeout(mark);
  const elapsedMs = performance.now() - countFrom;
  // Where arrivals have a rate, what comes after them is no time in which anything was asked.
  const countedMs = perSecond === undefined ? elapsedMs : durationMs;
  const used = process.cpuUsage(usedBefore);
  for (const client of clients) client.close();
  const ascending = Float64Array.from(times).sort();
  return {
    perSecond: (ascending.length / countedMs) * 1000,
    p50: quantile(ascending, 0.5),
    p99: quantile(ascending, 0.99),
    slowest: ascending.at(-1) ?? Number.NaN,
    sent,
    skipped,
    late,
    statuses,
    driverBusy: (used.user + used.system) / 1000 / elapsedMs,
  };
}

interface Client {
  /** Sends a request; one at a time. */
  ask(request: Buffer, dueAt: number): void;
  close(): void;
}

type OnAnswer = (client: Client, dueAt: number, status: number | 'broken') => void;

/** A connection that is opened again when the server closes it. */
async function openClient(port: number, onAnswer: OnAnswer): Promise<Client> {
  let socket: Socket;
  let reader = createResponseReader();
  let dueAt: number | undefined;
  let isClosed = false;
  const finish = (status: number | 'broken'): void => {
    const asked = dueAt;
    dueAt = undefined;
    if (asked !== undefined) onAnswer(client, asked, status);
  };
  const dial = (): void => {
    reader = createResponseReader();
    const dialled = connect({ port, host: '127.0.0.1', noDelay: true });
    socket = dialled;
    dialled.on('data', (chunk) => {
      try {
        const response = reader.push(chunk);
        if (response === undefined) return;
        if (!response.keepsAlive) {
          dialled.removeAllListeners('close').destroy();
          dial();
        }
        finish(response.status);
      } catch {
        dialled.destroy();
      }
    });
    dialled.on('error', () => {});
    dialled.on('close', () => {
      if (isClosed) return;
      dial();
      // Not at once: a server that is gone would be asked without an end.
      setTimeout(finish, 10, 'broken');
    });
  };
  const client: Client = {
    ask(request, due) {
      dueAt = due;
      socket.write(request);
    },
    close() {
      isClosed = true;
      socket.destroy();
    },
  };
  dial();
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve).once('error', reject);
  });
  return client;
}
