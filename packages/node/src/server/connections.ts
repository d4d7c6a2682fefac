import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** What is under way on the connections of a server, with what its user keeps of each. */
export interface Connections<Kept> {
  /**
   * A request has come.
   * @param onEnd called when it was answered in full, or its connection is gone
   */
  begin(request: IncomingMessage, response: ServerResponse, onEnd: () => void): Connection<Kept>;
  /** Requests that were not answered in full yet. */
  readonly underWay: number;
  /** Resolves when none is under way. */
  whenIdle(): Promise<void>;
  /** Aborts what is under way. */
  abortAll(reason: unknown): void;
}

/** One connection, as its requests see it. */
export interface Connection<Kept> {
  /** What is kept of it, for as long as requests follow one another on it. */
  readonly kept: Kept;
  /** Aborted when the connection is gone, or with all. */
  readonly signal: AbortSignal;
}

/**
 * Follows requests by their connections. All requests of a connection of HTTP/1 share one signal: they end with it and not before,
 * and to make a signal costs more than to answer a small request. For the same reason what else is known of a connection is kept here: to
 * look it up in a map of its own would cost each request as much again.
 *
 * @param keep makes what is kept of a connection
 */
export function createConnections<Kept>(keep: (socket: Socket) => Kept): Connections<Kept> {
  const known = new WeakMap<Duplex, OpenConnection<Kept>>();
  /** Those that are open, or of HTTP/2 those with something under way: what is looked at by nobody but `abortAll` costs nothing by the request. */
  const open = new Set<OpenConnection<Kept>>();
  let waiting: (() => void)[] = [];
  let underWay = 0;

  const ended = (connection: OpenConnection<Kept>, requests: number): void => {
    connection.underWay -= requests;
    underWay -= requests;
    if (connection.underWay === 0 && (connection.isGone || !connection.isShared)) open.delete(connection);
    if (underWay > 0) return;
    for (const resolve of waiting) resolve();
    waiting = [];
  };

  const connectionOf = ({ socket, httpVersionMajor }: IncomingMessage): OpenConnection<Kept> => {
    // A connection of HTTP/2 carries many requests, which end each for itself.
    if (httpVersionMajor > 1) {
      const made = new OpenConnection(keep(socket), false);
      open.add(made);
      return made;
    }
    const found = known.get(socket);
    if (found !== undefined) return found;
    const made = new OpenConnection(keep(socket), true);
    known.set(socket, made);
    open.add(made);
    // Requests that came one behind the other have responses that never hear of it: they had no turn yet.
    socket.once('close', () => {
      made.isGone = true;
      if (made.underWay === 0) {
        open.delete(made);
        return;
      }
      made.controller.abort(gone());
      ended(made, made.underWay);
    });
    return made;
  };

  return {
    begin(request, response, onEnd) {
      const connection = connectionOf(request);
      connection.underWay++;
      underWay++;
      response.once('close', () => {
        onEnd();
        if (connection.isGone) return;
        if (!response.writableFinished) connection.controller.abort(gone());
        ended(connection, 1);
      });
      return connection;
    },
    get underWay() {
      return underWay;
    },
    whenIdle: () =>
      new Promise<void>((resolve) => {
        if (underWay === 0) resolve();
        else waiting.push(resolve);
      }),
    abortAll(reason) {
      for (const { controller, underWay: requests } of open) if (requests > 0) controller.abort(reason);
    },
  };
}

class OpenConnection<Kept> implements Connection<Kept> {
  readonly kept: Kept;
  /** Whether requests follow one another on it. */
  readonly isShared: boolean;
  readonly controller = new AbortController();
  readonly signal = this.controller.signal;
  underWay = 0;
  isGone = false;

  constructor(kept: Kept, isShared: boolean) {
    this.kept = kept;
    this.isShared = isShared;
  }
}

function gone(): Error {
  return new Error('The client closed its connection.');
}
