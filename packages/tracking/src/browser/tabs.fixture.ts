import type { Clock } from '@fairlead/core';
import { createVirtualClock, type VirtualClock } from '@fairlead/core/testing';
import { IDBFactory } from 'fake-indexeddb';
import { openEmbeddedStore } from '../embedded/embedded-store';
import { type CrashingFiles, createCrashingFiles, type Draw } from '../fixtures/crashing-files';
import { openTracker } from '../open-tracker';
import { createRelayHandler, type RelayHandler } from '../relay/create-relay-handler';
import type { RelayHandlerOptions } from '../relay/relay-options';
import type { Tracker } from '../tracker';
import type { PageEvent, PagePlatform } from './page-platform';
import { openRelayStore } from './relay-store';

/** What happens to a request. */
export type Line = 'up' | 'down' | 'cut-before' | 'cut-after';

const quiet = { debug() {}, info() {}, warn() {}, error() {} };

/** A turn of the event loop, in which the database works. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Waits until something holds. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let turns = 0; !(await holds()); turns++) {
    if (turns > 5000) throw new Error('it never held');
    await turn();
  }
}

/** A tab: a tracker on the queue of the browser. */
export interface Tab {
  readonly tracker: Tracker;
  readonly events: Record<PageEvent, () => void>;
  /** The tab is gone, with all that it had in memory. */
  crash(): void;
}

/** One browser with several tabs, a line, and a server behind it whose disk loses power. */
export interface World {
  readonly clock: VirtualClock;
  readonly disk: CrashingFiles;
  /** Decides what happens to each request. */
  line: () => Line;
  /** Requests that reached the server, as `POST /batch`. */
  readonly requests: string[];
  openTab(options?: {
    readonly database?: boolean;
    readonly maxBufferedBytes?: number;
    readonly headers?: Record<string, string>;
  }): Promise<Tab>;
  /** The server loses power and comes back. */
  restartServer(draw: Draw): Promise<void>;
  server(): Tracker;
  /** Batches that wait in the browser. */
  waiting(): Promise<number>;
  /** Lets everything that can go come to its end. */
  settle(): Promise<void>;
}

/** Makes a world. */
export async function createWorld(relayOptions: Partial<RelayHandlerOptions> = {}): Promise<World> {
  globalThis.indexedDB = new IDBFactory();
  const clock = createVirtualClock(1_700_000_000_000);
  const disk = createCrashingFiles();
  const requests: string[] = [];
  const locks: { queue: (() => void)[]; held: boolean } = { queue: [], held: false };
  const channels = new Set<(message: unknown, from: object) => void>();
  let tracker: Tracker;
  let relay: RelayHandler;

  const startServer = async (): Promise<void> => {
    const settings = { pollMs: 1000, maxBufferedBytes: 1 << 20, overflow: 'write' } as const;
    const store = await openEmbeddedStore({ files: disk.files, dir: '/store', clock, ...settings });
    tracker = await openTracker({ store, clock, logger: quiet });
    const limits = { requestsPerSecond: 1e6 };
    relay = createRelayHandler({ tracker, authorize: () => 'ada', clock, logger: quiet, limits, ...relayOptions });
  };
  await startServer();

  const releaseLock = (): void => {
    locks.held = false;
    locks.queue.shift()?.();
  };

  const ask = async (request: Request): Promise<Response> => {
    const line = world.line();
    if (line === 'down' || line === 'cut-before') throw new TypeError('the line is down');
    requests.push(`${request.method} ${new URL(request.url).pathname.replace(/[0-9a-f]{64}/, '…')}`);
    const response = await relay(request);
    if (line === 'cut-after') throw new TypeError('the line was cut');
    return response;
  };

  const openTab: World['openTab'] = async ({ database = true, maxBufferedBytes = 8 << 20, headers = {} } = {}) => {
    let isDead = false;
    let holdsLock = false;
    const myself = {};
    const listeners: Record<PageEvent, Set<() => void>> = { online: new Set(), hide: new Set(), leave: new Set() };
    let hear: ((message: unknown, from: object) => void) | undefined;
    const platform: PagePlatform = {
      base: 'http://relay.test/page',
      hasDatabase: database,
      random: () => 0.5,
      listen(event, callback) {
        listeners[event].add(callback);
        return () => listeners[event].delete(callback);
      },
      async lead(_name, signal, work) {
        if (!database) return work();
        await new Promise<void>((resolve) => {
          const take = (): void => {
            if (isDead || signal.aborted) {
              releaseLock();
              return;
            }
            locks.held = true;
            holdsLock = true;
            resolve();
          };
          signal.addEventListener('abort', () => resolve());
          if (locks.held) locks.queue.push(take);
          else take();
        });
        if (!holdsLock) return;
        await work();
        if (isDead) return;
        holdsLock = false;
        releaseLock();
      },
      channel(_name, onMessage) {
        hear = (message, from) => {
          if (from !== myself && !isDead) onMessage(message);
        };
        channels.add(hear);
        return {
          post: (message) => {
            if (!isDead) for (const listener of [...channels]) listener(structuredClone(message), myself);
          },
          close: () => void channels.delete(hear as (message: unknown, from: object) => void),
        };
      },
    };
    const never = new Promise<never>(() => {});
    // A dead tab does nothing any more: no timer fires, no request is sent and no answer heard.
    const own: Clock = {
      ...clock,
      setTimer: (callback, ms) => clock.setTimer(() => (isDead ? undefined : callback()), ms),
    };
    const fetchOfTab: typeof fetch = async (input, init) => {
      if (isDead) return never;
      try {
        const response = await ask(
          new Request(input, {
            ...init,
            ...(init?.body instanceof Blob ? { body: await init.body.arrayBuffer() } : {}),
          }),
        );
        return isDead ? never : response;
      } catch (error) {
        if (isDead) return never;
        throw error;
      }
    };
    const opened = await openRelayStore({
      relay: { url: '/tracking', fetch: fetchOfTab, headers },
      clock: own,
      logger: quiet,
      maxBufferedBytes,
      platform,
    });
    const page = await openTracker({ store: opened.store, clock: own, logger: quiet });
    opened.watchPage(() => {});
    const fire = (event: PageEvent) => (): void => {
      for (const listener of [...listeners[event]]) listener();
    };
    return {
      tracker: page,
      events: { online: fire('online'), hide: fire('hide'), leave: fire('leave') },
      crash() {
        isDead = true;
        if (hear !== undefined) channels.delete(hear);
        if (holdsLock) releaseLock();
      },
    };
  };

  const waiting = async (): Promise<number> => {
    for (const { name } of await indexedDB.databases()) {
      const opened = await new Promise<IDBDatabase>((resolve, reject) => {
        const asked = indexedDB.open(name as string);
        asked.onsuccess = () => resolve(asked.result);
        asked.onerror = () => reject(asked.error);
      });
      const count = await new Promise<number>((resolve, reject) => {
        const asked = opened.transaction('batches').objectStore('batches').count();
        asked.onsuccess = () => resolve(asked.result);
        asked.onerror = () => reject(asked.error);
      });
      opened.close();
      return count;
    }
    return 0;
  };

  const world: World = {
    clock,
    disk,
    line: () => 'up',
    requests,
    openTab,
    async restartServer(draw) {
      disk.crash(draw);
      await startServer();
    },
    server: () => tracker,
    waiting,
    async settle() {
      for (let i = 0; i < 500; i++) {
        // Runs that go on give signs of life, so there is always something new after a while.
        for (let turns = 0; turns < 1000; turns++) {
          await turn();
          if (turns % 25 === 0 && (await waiting()) === 0) return;
        }
        await clock.advance(61_000);
      }
      throw new Error('it never came to its end');
    },
  };
  return world;
}
