import { FairleadError } from '@fairlead/core';
import { createSha256 } from '#files';
import { searchRuns } from '../search/search-runs';
import type { RegistryStore } from '../store/registry-store';
import type { MetricHistory, RunEvent, RunStart, RunWriter, StoredRun } from '../store/run-store';
import type { TrackingStore } from '../store/tracking-store';
import { pointText } from './point-mark';
import { inputKey, useKey } from './run-state';

type Point = readonly [step: number, timestamp: number, value: number];

interface ServedRun {
  readonly start: RunStart;
  leaseUntil: number;
  end: StoredRun['end'];
  deletedAt: number | undefined;
  readonly params: Map<string, StoredRun['params'][string]>;
  readonly tags: Map<string, string>;
  readonly artifacts: Map<string, StoredRun['artifacts'][number]>;
  readonly inputs: Map<string, StoredRun['inputs'][number]>;
  readonly uses: Map<string, StoredRun['uses'][number]>;
  /** By their texts, in the order in which they came: equal ones are kept once. */
  readonly points: Map<string, Map<string, Point>>;
}

/** What a test sees and decides of a {@link createServerStore}. */
export interface ServerStore {
  readonly store: TrackingStore;
  /** Called before and after everything that reaches the server; what it throws is what the caller gets. */
  trip: (what: string) => void;
  /** What was asked of the server, by name. */
  readonly calls: string[];
  /** Runs that the server refuses. */
  readonly refused: Set<string>;
  /** Everything is lost. */
  wipe(): void;
}

/**
 * A store that keeps to the contract as a server of MLflow does: equal points are kept once, nothing is taken for a run that
 * was deleted, bytes lie at their place in the run.
 */
export function createServerStore(): ServerStore {
  const served = new Map<string, ServedRun>();
  const blobs = new Map<string, Uint8Array>();
  const calls: string[] = [];
  const refused = new Set<string>();

  const reach = async <T>(what: string, effect: () => T): Promise<T> => {
    calls.push(what);
    server.trip(what);
    const result = effect();
    server.trip(what);
    return result;
  };

  const toStored = (id: string): StoredRun | undefined => {
    const run = served.get(id);
    if (run === undefined) return undefined;
    const { start, leaseUntil, end, deletedAt } = run;
    const metrics = Object.fromEntries(
      Array.from(run.points, ([key, points]) => {
        const [step, timestamp, last] = [...points.values()].at(-1) as Point;
        return [key, { step, timestamp, last }];
      }),
    );
    return {
      id,
      experiment: start.experiment,
      name: start.name,
      startedAt: start.at,
      leaseUntil,
      ...(start.parent === undefined ? {} : { parent: start.parent }),
      ...(end === undefined ? {} : { end }),
      ...(deletedAt === undefined ? {} : { deletedAt }),
      params: Object.fromEntries(run.params),
      tags: Object.fromEntries(run.tags),
      metrics,
      artifacts: [...run.artifacts.values()],
      inputs: [...run.inputs.values()],
      uses: [...run.uses.values()],
      damage: [],
    };
  };

  const apply = (run: ServedRun, event: RunEvent): void => {
    if (run.deletedAt !== undefined && event.type !== 'lifecycle') {
      throw new FairleadError('INVALID_ARGUMENT', 'The run must be in the active state.');
    }
    switch (event.type) {
      case 'start':
        break;
      case 'params':
        for (const [key, value] of Object.entries(event.params)) run.params.set(key, value);
        break;
      case 'tags':
        for (const [key, value] of Object.entries(event.tags)) run.tags.set(key, value);
        break;
      case 'artifact': {
        const { type: _, at, ...artifact } = event;
        run.artifacts.set(event.name, { ...artifact, loggedAt: at });
        break;
      }
      case 'input':
        run.inputs.set(inputKey(event.dataset), event.dataset);
        break;
      case 'use':
        run.uses.set(useKey(event.model), event.model);
        break;
      case 'beat':
        run.leaseUntil = event.leaseUntil;
        break;
      case 'resume':
        run.leaseUntil = event.leaseUntil;
        run.end = undefined;
        break;
      case 'end':
        run.end = { status: event.status, at: event.at, ...(event.error === undefined ? {} : { error: event.error }) };
        break;
      case 'lifecycle':
        run.deletedAt = event.deleted ? event.at : undefined;
        break;
    }
  };

  const writerOf = (id: string): RunWriter => {
    const waiting: ((run: ServedRun) => void)[] = [];
    const write = async (): Promise<void> => {
      if (refused.has(id) && waiting.length > 0)
        throw new FairleadError('LIMIT_EXCEEDED', 'The server takes no such run.');
      while (waiting.length > 0) {
        await reach('log', () => waiting[0]?.(served.get(id) as ServedRun));
        waiting.shift();
      }
    };
    return {
      append: (event) => waiting.push((run) => apply(run, event)) > 0,
      appendPoints({ count, keys, keyIds, steps, timestamps, values }) {
        const points = Array.from({ length: count }, (_, i): readonly [string, Point] => [
          keys[keyIds[i] as number] as string,
          [steps[i] as number, timestamps[i] as number, values[i] as number],
        ]);
        // A part of them may arrive before the connection is cut.
        for (let at = 0; at < points.length; at += 100) {
          waiting.push((run) => {
            if (run.deletedAt !== undefined) throw new FairleadError('INVALID_ARGUMENT', 'The run must be active.');
            for (const [key, point] of points.slice(at, at + 100)) {
              const metric = run.points.get(key) ?? new Map<string, Point>();
              run.points.set(key, metric.set(pointText(...point), point));
            }
          });
        }
        return true;
      },
      write,
      flush: write,
      health: () => ({
        bufferedBytes: 0,
        bufferedPoints: 0,
        writtenPoints: 0,
        unsyncedPoints: 0,
        droppedPoints: 0,
        droppedEvents: 0,
        failures: 0,
        lastError: undefined,
      }),
      close: async () => undefined,
    };
  };

  const historyOf = (id: string, key: string): MetricHistory => {
    const points = [...(served.get(id)?.points.get(key)?.values() ?? [])];
    const [steps, timestamps, values] = [0, 1, 2].map((column) =>
      Float64Array.from(points, (point) => point[column] as number),
    ) as [Float64Array, Float64Array, Float64Array];
    return { key, steps, timestamps, values };
  };

  const placeOf = (ref: { place?: { run: string; name: string } }): string => `${ref.place?.run}/${ref.place?.name}`;
  const read = async (ref: { place?: { run: string; name: string } }): Promise<Uint8Array> => {
    const bytes = await reach('get artifact', () => blobs.get(placeOf(ref)));
    if (bytes === undefined) throw new FairleadError('NOT_FOUND', 'No such artifact.');
    return bytes;
  };

  const server: ServerStore = {
    trip: () => undefined,
    calls,
    refused,
    wipe() {
      served.clear();
      blobs.clear();
    },
    store: {
      specVersion: 'v1',
      name: 'server',
      durabilities: ['remote'],
      limits: { tagLength: 8000 },
      runs: {
        async create(start) {
          await reach('create', () => {
            if (served.has(start.id)) return;
            served.set(start.id, {
              start,
              leaseUntil: start.leaseUntil,
              end: undefined,
              deletedAt: undefined,
              params: new Map(),
              tags: new Map(),
              artifacts: new Map(),
              inputs: new Map(),
              uses: new Map(),
              points: new Map(),
            });
          });
          return writerOf(start.id);
        },
        async open(id) {
          if (!(await reach('open', () => served.has(id)))) throw new FairleadError('NOT_FOUND', 'No such run.');
          return writerOf(id);
        },
        search: (query) =>
          reach('search', () =>
            searchRuns(
              [...served.keys()].map((id) => toStored(id) as StoredRun),
              query,
              0,
            ),
          ),
        experiments: async () => [],
        read: (id) => reach('read', () => toStored(id)),
        history: (id, key) => reach('history', () => historyOf(id, key)),
      },
      artifacts: {
        async put(source, options = {}) {
          const pieces: Uint8Array[] = [];
          if (source instanceof Uint8Array) pieces.push(source);
          else for await (const piece of source as AsyncIterable<Uint8Array>) pieces.push(piece);
          const bytes = new Uint8Array(Buffer.concat(pieces));
          await reach('put artifact', () => blobs.set(placeOf(options), bytes));
          const hash = createSha256();
          hash.update(bytes);
          return { digest: hash.hex(), size: bytes.byteLength };
        },
        stat: async () => undefined,
        async *stream(ref) {
          yield await read(ref);
        },
        read,
      },
      registry: {} as RegistryStore,
      close: async () => undefined,
      [Symbol.asyncDispose]: async () => undefined,
    },
  };
  return server;
}
