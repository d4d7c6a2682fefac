import type { FilterNode } from '../search/query';
import type { RegistryStore } from '../store/registry-store';
import type { PointColumns } from '../store/run-store';
import type { MetricHistory } from '../store/stored-run';
import {
  type Break,
  withArtifacts,
  withChanges,
  withEvents,
  withHistory,
  withRead,
  withRegistry,
  withRuns,
  withSearch,
  withSummaries,
  withValues,
  withWriters,
} from './break-store.fixture';

/* Stores that break one rule each: the suite must find it. */

function pick({ key, steps, timestamps, values }: MetricHistory, order: readonly number[]): MetricHistory {
  const of = (column: Float64Array): Float64Array => Float64Array.from(order, (at) => column[at] as number);
  return { key, steps: of(steps), timestamps: of(timestamps), values: of(values) };
}

const indices = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

function withoutOr(node: FilterNode): FilterNode {
  if (node.kind === 'not') return { ...node, term: withoutOr(node.term) };
  return node.kind === 'compare' ? node : { kind: 'and', terms: node.terms.map(withoutOr) };
}

/** Numbers its pages, so that runs that come between two shift them. */
const offsetPages = withRuns((runs) => ({
  async search({ pageToken, limit = 100, ...query }, call) {
    const from = Number(pageToken ?? '0');
    if (Number.isNaN(from)) return runs.search({ ...query, pageToken: 'nonsense' }, call);
    const all = await runs.search({ ...query, limit: 50_000 }, call);
    const page = all.runs.slice(from, from + limit);
    return from + limit < all.runs.length ? { runs: page, nextPageToken: String(from + limit) } : { runs: page };
  },
}));

/** Takes what it knew of a model when it first saw it for what is so now. */
const staleCommits: Break = (store) => {
  const seen = new Map<string, ReturnType<RegistryStore['read']>>();
  const change: RegistryStore['commit'] = async (name, decide, call) => {
    const known = seen.get(name) ?? store.registry.read(name, call);
    const model = await known;
    if (model !== undefined) seen.set(name, known);
    const decided = decide(model);
    return store.registry.commit(name, () => decided, call);
  };
  return { ...store, registry: { ...store.registry, commit: change } };
};

/** Keeps the caller's arrays until they are written. */
const borrowedPoints = withWriters((writer) => {
  let waiting: PointColumns[] = [];
  const drain = (): void => {
    for (const points of waiting) writer.appendPoints(points);
    waiting = [];
  };
  return {
    appendPoints: (points) => waiting.push(points) > 0,
    write() {
      drain();
      return writer.write();
    },
    flush(durability) {
      drain();
      return writer.flush(durability);
    },
  };
});

/** Sends all points once more with every flush. */
const repeatedPoints = withWriters((writer) => {
  const sent: PointColumns[] = [];
  return {
    appendPoints(points) {
      sent.push(structuredClone(points));
      return writer.appendPoints(points);
    },
    flush(durability) {
      for (const points of sent) writer.appendPoints(points);
      return writer.flush(durability);
    },
  };
});

/** What each broken store does, and the group of cases that finds it. */
export const brokenStores: Readonly<Record<string, readonly [group: string, broken: Break]>> = {
  'loses a tag': [
    'values',
    withEvents((event) =>
      event.type === 'tags' ? { ...event, tags: Object.fromEntries(Object.entries(event.tags).slice(0, -1)) } : event,
    ),
  ],
  'loses tags that are empty': [
    'values',
    withRead((run) => ({
      ...run,
      tags: Object.fromEntries(Object.entries(run.tags).filter(([, text]) => text !== '')),
    })),
  ],
  'makes texts of parameters': [
    'values',
    withRead((run) => ({
      ...run,
      params: Object.fromEntries(Object.entries(run.params).map(([key, value]) => [key, String(value)])),
    })),
  ],
  'cuts parameters': [
    'values',
    withRead((run) => ({
      ...run,
      params: Object.fromEntries(
        Object.entries(run.params).map(([key, value]) => [
          key,
          typeof value === 'string' ? value.slice(0, 500) : value,
        ]),
      ),
    })),
  ],
  'swaps two points': [
    'metrics',
    withHistory((history) => pick(history, [1, 0, ...indices(history.values.length).slice(2)])),
  ],
  'tells a thousand points at most': [
    'metrics',
    withHistory((history) => pick(history, indices(Math.min(history.values.length, 1000)))),
  ],
  'makes a zero of NaN': ['metrics', withValues((value) => (Number.isNaN(value) ? 0 : value))],
  'makes a number of the infinities': [
    'traps',
    withValues((value) => Math.max(-Number.MAX_VALUE, Math.min(value, Number.MAX_VALUE))),
  ],
  'forgets the sign of zero': ['metrics', withValues((value) => (value === 0 ? 0 : value))],
  'makes an infinity of the largest number': [
    'metrics',
    withValues((value) => (Math.abs(value) === Number.MAX_VALUE ? value * 2 : value)),
  ],
  'rounds values to single precision': ['metrics', withValues(Math.fround)],
  'tells another step of the last point': [
    'metrics',
    withSummaries((summary) => ({ ...summary, step: summary.step - 1 })),
  ],
  'counts points that are not there': [
    'metrics',
    withSummaries((summary) => ({ ...summary, count: (summary.count ?? 0) + 1 })),
  ],
  'knows no counts while a run goes on': [
    'metrics',
    withSummaries(({ last, step, timestamp, ...rest }, run) =>
      run.end === undefined ? { last, step, timestamp } : { last, step, timestamp, ...rest },
    ),
  ],
  'sorts points by their times': [
    'metrics',
    withHistory((history) =>
      pick(
        history,
        indices(history.values.length).sort(
          (a, b) => (history.timestamps[a] as number) - (history.timestamps[b] as number),
        ),
      ),
    ),
  ],
  'keeps equal points once': [
    'metrics',
    withHistory((history) => {
      const points = indices(history.values.length).map(
        (at) => `${history.steps[at]} ${history.timestamps[at]} ${history.values[at]}`,
      );
      return pick(
        history,
        indices(points.length).filter((at) => points.indexOf(points[at] as string) === at),
      );
    }),
  ],
  'borrows the arrays of points': ['writers', borrowedPoints],
  'sends points twice': ['traps', repeatedPoints],
  'acknowledges what it has not written': ['store', withWriters(() => ({ flush: async () => undefined }))],
  'rounds times down': [
    'writers',
    withRead((run) => ({
      ...run,
      startedAt: Math.floor(run.startedAt),
      ...(run.end && { end: { ...run.end, at: Math.floor(run.end.at) } }),
    })),
  ],
  'forgets the error of a run': [
    'lifecycle',
    withEvents((event) => (event.type === 'end' ? { type: 'end', at: event.at, status: event.status } : event)),
  ],
  'takes INTERRUPTED for KILLED': [
    'lifecycle',
    withEvents((event) =>
      event.type === 'end' && event.status === 'INTERRUPTED' ? { ...event, status: 'KILLED' } : event,
    ),
  ],
  'forgets resumptions': ['lifecycle', withRuns((runs) => ({ resume: (id, _lease, call) => runs.open(id, call) }))],
  'gives a run to everybody who resumes it': [
    'writers',
    withRuns((runs) => ({
      async resume(id, lease, call) {
        const writer = await runs.open(id, call);
        writer.append({ type: 'resume', ...lease });
        await writer.write();
        return writer;
      },
    })),
  ],
  'forgets beats': ['lifecycle', withEvents((event) => (event.type === 'beat' ? undefined : event))],
  'forgets restorations': [
    'lifecycle',
    withEvents((event) => (event.type === 'lifecycle' && !event.deleted ? undefined : event)),
  ],
  'forgets parents': ['lifecycle', withRead(({ parent: _, ...run }) => run)],
  'finds deleted runs': ['lifecycle', withSearch((query) => ({ ...query, deleted: 'include' }))],
  'counts deleted runs': [
    'lifecycle',
    withRuns((runs) => ({
      experiments: async (call) => (await runs.experiments(call)).map((one) => ({ ...one, runs: one.runs + 1 })),
    })),
  ],
  'forgets what a dataset was for': [
    'media',
    withRead((run) => ({ ...run, inputs: run.inputs.map(({ context: _, ...input }) => input) })),
  ],
  'forgets the columns of datasets': [
    'media',
    withRead((run) => ({ ...run, inputs: run.inputs.map(({ schema: _, ...input }) => input) })),
  ],
  'forgets the models that a run used': ['media', withEvents((event) => (event.type === 'use' ? undefined : event))],
  'forgets what an artifact is': [
    'media',
    withRead((run) => ({ ...run, artifacts: run.artifacts.map(({ kind: _, ...artifact }) => artifact) })),
  ],
  'answers bytes without a look at them': [
    'artifacts',
    withArtifacts((artifacts) => ({
      read: (ref, call) => artifacts.read(ref.digest === undefined ? ref : { digest: ref.digest }, call),
    })),
  ],
  'changes a byte': [
    'artifacts',
    withArtifacts((artifacts) => ({
      async read(ref, call) {
        const bytes = await artifacts.read(ref, call);
        return bytes.map((byte, at) => (at === 4999 ? byte ^ 1 : byte));
      },
    })),
  ],
  'reads from the beginning whatever the offset': [
    'artifacts',
    withArtifacts((artifacts) => ({
      stream: (ref, { signal } = {}) => artifacts.stream(ref, signal === undefined ? {} : { signal }),
    })),
  ],
  'keeps the first artifact of a name': [
    'artifacts',
    (store) => {
      const seen = new Set<string>();
      return withEvents((event) => {
        if (event.type !== 'artifact') return event;
        const fresh = !seen.has(event.name);
        seen.add(event.name);
        return fresh ? event : undefined;
      })(store);
    },
  ],
  'takes OR for AND': [
    'traps',
    withSearch((query) => (query.filter === undefined ? query : { ...query, filter: withoutOr(query.filter) })),
  ],
  'forgets the filter': ['search', withSearch(({ filter: _, ...query }) => query)],
  'forgets the order': ['search', withSearch(({ orderBy: _, ...query }) => query)],
  'numbers its pages': ['search', offsetPages],
  'looks into other experiments': ['search', withSearch(({ experiments: _, ...query }) => query)],
  'lets a stale alias commit through': ['aliases', staleCommits],
  'lets a stale commit through': ['store', staleCommits],
  'forgets why': [
    'aliases',
    withChanges((change) =>
      change.type === 'alias' ? { ...change, evidence: { ...change.evidence, reason: '-' } } : change,
    ),
  ],
  'forgets that a move was a rollback': [
    'aliases',
    withChanges((change) => {
      if (change.type !== 'alias') return change;
      const { rollback: _, ...move } = change;
      return move;
    }),
  ],
  'forgets sidecars': [
    'versions',
    withChanges((change) =>
      change.type === 'version' ? { ...change, version: { ...change.version, sidecars: {} } } : change,
    ),
  ],
  'forgets the signature': [
    'versions',
    withChanges((change) => {
      if (change.type !== 'version') return change;
      const { signature: _, ...version } = change.version;
      return { ...change, version };
    }),
  ],
  'forgets votes': [
    'versions',
    withRegistry((registry) => ({
      async read(name, call) {
        const model = await registry.read(name, call);
        return model && { ...model, changes: model.changes.filter(({ type }) => type !== 'approve') };
      },
    })),
  ],
  'never calls back': [
    'store',
    withRegistry(() => ({
      watch: () => ({ close: async () => undefined, [Symbol.asyncDispose]: async () => undefined }),
    })),
  ],
  'promises nothing': ['store', (store) => ({ ...store, durabilities: [] })],
};
