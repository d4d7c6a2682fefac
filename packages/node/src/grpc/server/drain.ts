import type { ServerHttp2Session } from 'node:http2';
import type { Server as NetServer, Socket } from 'node:net';
import type { Clock } from '@fairlead/core';
import type { ModelHost } from '@fairlead/core/serving';
import type { Server } from '@grpc/grpc-js';
import type { Calls } from './calls';
import type { ServeGrpcSettings } from './options';
import type { DrainableReadiness } from './readiness';

/** What is closed. */
export interface Draining {
  readonly server: Server;
  readonly listener: NetServer;
  readonly sockets: ReadonlySet<Socket>;
  readonly calls: Calls;
  readonly readiness: DrainableReadiness;
  readonly host: ModelHost;
}

/** How long aborted calls have to send their statuses, on a machine that may be busy. */
const abortGraceMs = 1500;
/** How long connections have to end by themselves. */
const closeGraceMs = 1000;

/** Closes a server without losing a call that it has accepted; see `close()` of `GrpcServer`. */
export async function drain(draining: Draining, settings: ServeGrpcSettings, handsOver: boolean): Promise<void> {
  const { server, listener, sockets, calls, readiness, host } = draining;
  const { drainDelayMs, drainTimeoutMs } = settings;
  const { clock, logger } = host;
  const delay = async (): Promise<void> => {
    if (drainDelayMs > 0) await new Promise<void>((resolve) => void clock.setTimer(resolve, drainDelayMs));
  };
  if (!handsOver) {
    readiness.drain();
    await delay();
  }
  const closed = new Promise<void>((resolve) => void listener.close(() => resolve()));
  if (handsOver) {
    await delay();
    // Others are ready in its place; who watches on a connection of this one has to ask them.
    readiness.drain();
  }
  const sessions = sessionsOf(server);
  // grpc-js itself waits too little where the client closes its side as well, and for ever where it never does.
  const answered = Promise.all(sessions.map(endOf));
  calls.sendAway();
  // Tells every client to go elsewhere. What has arrived is answered; what is on its way is refused as not begun, so that clients ask another.
  const shutDown = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
  const done = sessions.length > 0 ? answered : shutDown;
  if (!(await settlesWithin(done, drainTimeoutMs, clock))) {
    const { inFlight } = calls;
    const what = inFlight > 0 ? `${inFlight} calls were not done` : 'Clients had not read their answers';
    logger.warn({ calls: inFlight, drainTimeoutMs }, `${what} after ${drainTimeoutMs} ms and were aborted.`);
    calls.abortAll();
    await settlesWithin(done, abortGraceMs, clock);
    server.forceShutdown();
  }
  // To destroy a connection can take back an answer that its client has not read yet, so that comes last.
  if (!(await settlesWithin(closed, closeGraceMs, clock))) for (const socket of sockets) socket.destroy();
  await closed;
}

/** The connections of a server. Where this field is gone one day, grpc-js waits for them by itself. */
function sessionsOf(server: Server): readonly ServerHttp2Session[] {
  type Servers = ReadonlyMap<unknown, { readonly sessions: ReadonlySet<ServerHttp2Session> }>;
  const { http2Servers } = server as unknown as { readonly http2Servers?: Servers };
  return [...(http2Servers?.values() ?? [])].flatMap(({ sessions }) =>
    [...sessions].filter(({ destroyed }) => !destroyed),
  );
}

/** Resolves when nothing more is to be sent; whether the client closes its side, too, is its own affair. */
function endOf(session: ServerHttp2Session): Promise<void> {
  return new Promise((resolve) => {
    session.once('close', resolve);
    session.socket.once('finish', resolve);
  });
}

async function settlesWithin(settling: Promise<unknown>, timeoutMs: number, clock: Clock): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = clock.setTimer(() => resolve(false), timeoutMs);
    void settling.then(() => {
      timer.clear();
      resolve(true);
    });
  });
}
