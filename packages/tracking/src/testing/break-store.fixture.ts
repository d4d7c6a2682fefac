import type { RunQuery } from '../search/query';
import type { ArtifactStore } from '../store/artifact-store';
import type { RegistryChange, RegistryStore } from '../store/registry-store';
import type { RunEvent, RunStore, RunWriter } from '../store/run-store';
import type { MetricHistory, MetricSummary, StoredRun } from '../store/stored-run';
import type { TrackingStore } from '../store/tracking-store';

/* How a sound store is made to break a rule. */

/** Makes a store that breaks a rule of a sound one. */
export type Break = (store: TrackingStore) => TrackingStore;

export const withRuns =
  (change: (runs: RunStore) => Partial<RunStore>): Break =>
  (store) => ({ ...store, runs: { ...store.runs, ...change(store.runs) } });

export const withArtifacts =
  (change: (artifacts: ArtifactStore) => Partial<ArtifactStore>): Break =>
  (store) => ({ ...store, artifacts: { ...store.artifacts, ...change(store.artifacts) } });

export const withRegistry =
  (change: (registry: RegistryStore) => Partial<RegistryStore>): Break =>
  (store) => ({ ...store, registry: { ...store.registry, ...change(store.registry) } });

export const withWriters = (change: (writer: RunWriter) => Partial<RunWriter>): Break => {
  const wrap = (writer: RunWriter): RunWriter => ({
    append: (event) => writer.append(event),
    appendPoints: (points) => writer.appendPoints(points),
    write: () => writer.write(),
    flush: (durability) => writer.flush(durability),
    health: () => writer.health(),
    close: () => writer.close(),
    ...change(writer),
  });
  return withRuns((runs) => {
    const { resume } = runs;
    return {
      create: async (start) => wrap(await runs.create(start)),
      open: async (id, call) => wrap(await runs.open(id, call)),
      ...(resume !== undefined && { resume: async (id, lease, call) => wrap(await resume(id, lease, call)) }),
    };
  });
};

/** Events as they are kept; `undefined` is lost. */
export const withEvents = (change: (event: RunEvent) => RunEvent | undefined): Break =>
  withWriters((writer) => ({
    append(event) {
      const kept = change(event);
      return kept === undefined || writer.append(kept);
    },
  }));

/** Values of points as they are kept. */
export const withValues = (change: (value: number) => number): Break =>
  withWriters((writer) => ({
    appendPoints: (points) => writer.appendPoints({ ...points, values: points.values.map(change) }),
  }));

/** Runs as they are read. */
export const withRead = (change: (run: StoredRun) => StoredRun): Break =>
  withRuns((runs) => ({
    async read(id, call) {
      const run = await runs.read(id, call);
      return run === undefined ? undefined : change(run);
    },
    async search(query, call) {
      const page = await runs.search(query, call);
      return { ...page, runs: page.runs.map(change) };
    },
  }));

export const withSummaries = (change: (summary: MetricSummary, run: StoredRun) => MetricSummary): Break =>
  withRead((run) => ({
    ...run,
    metrics: Object.fromEntries(Object.entries(run.metrics).map(([key, summary]) => [key, change(summary, run)])),
  }));

export const withHistory = (change: (history: MetricHistory) => MetricHistory): Break =>
  withRuns((runs) => ({ history: async (id, key, call) => change(await runs.history(id, key, call)) }));

export const withSearch = (change: (query: RunQuery) => RunQuery): Break =>
  withRuns((runs) => ({ search: (query, call) => runs.search(change(query), call) }));

/** Changes as they are kept. */
export const withChanges = (change: (kept: RegistryChange) => RegistryChange): Break =>
  withRegistry((registry) => ({
    commit: (name, decide, call) =>
      registry.commit(
        name,
        (model) => {
          const decided = decide(model);
          return decided === undefined ? undefined : change(decided);
        },
        call,
      ),
  }));
