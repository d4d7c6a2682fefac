import { type CallOptions, FairleadError, parseOptions } from '@fairlead/core';
import * as z from 'zod/mini';
import { checkAlias, checkModelName, checkVersion, invalidArgument, listNames } from '../names';
import { findAlias, findModel } from '../registry/lookup';
import type { StoredModel } from '../store/registry-store';
import type { StoredRun } from '../store/run-store';
import type { TrackingStore } from '../store/tracking-store';
import type { Lineage, LineageOptions } from './lineage';
import { buildLineageIndex, type LineageIndex, modelRef } from './lineage-index';
import { walk } from './walk';

/** What lineage stands on. */
export interface LineageContext {
  readonly store: TrackingStore;
  /** Hands what live runs hold in memory to the store. */
  readonly writeOut: () => Promise<void>;
  /** Throws `CLOSED` once the tracker was closed. */
  readonly checkOpen: () => void;
}

const count = z.int().check(z.minimum(1));
const schema = z.strictObject({
  depth: z.optional(count),
  limit: z._default(count, 10_000),
  maxRuns: z._default(count, 100_000),
  activeOnly: z._default(z.boolean(), false),
  signal: z.optional(z.custom<AbortSignal>((value) => value instanceof AbortSignal, 'an AbortSignal')),
});

/** Runs that are asked of the store at once. */
const pageLength = 10_000;

async function readRuns(
  store: TrackingStore,
  most: number,
  call: CallOptions,
): Promise<{ readonly runs: readonly StoredRun[]; readonly complete: boolean }> {
  const runs: StoredRun[] = [];
  let pageToken: string | undefined;
  do {
    const limit = Math.min(pageLength, most - runs.length);
    const query = { limit, deleted: 'include', ...(pageToken === undefined ? {} : { pageToken }) } as const;
    const page = await store.runs.search(query, call);
    runs.push(...page.runs);
    pageToken = page.nextPageToken;
  } while (pageToken !== undefined && runs.length < most);
  return { runs, complete: pageToken === undefined };
}

async function readModels(store: TrackingStore, call: CallOptions): Promise<StoredModel[]> {
  const models: StoredModel[] = [];
  for (const name of await store.registry.names(call)) {
    const model = await store.registry.read(name, call);
    if (model !== undefined) models.push(model);
  }
  return models;
}

const pattern = /^(?:dataset:.*@.|run:.|model:[^/@]+[/@][^/@]+$|deployment:.)/s;

/** A reference in its one form; an alias becomes the version that it points to now. */
async function normalised(reference: string, store: TrackingStore, call: CallOptions): Promise<string> {
  if (typeof reference !== 'string' || !pattern.test(reference)) {
    const forms = '"dataset:mnist@<digest>", "run:<id>", "model:digits/2", "model:digits@champion" or "deployment:eu"';
    throw invalidArgument('reference', `such as ${forms}`, reference);
  }
  const model = /^model:([^/@]+)([/@])(.+)$/.exec(reference);
  if (model === null) return reference;
  const [, name, sign, target] = model;
  checkModelName(name);
  if (sign === '/') {
    checkVersion(target);
    return reference;
  }
  checkAlias(target);
  return modelRef(name, findAlias(await findModel(store.registry, name, call.signal), target));
}

/** The nodes that a reference means. @throws FairleadError `NOT_FOUND` that names some that exist */
function rootsOf(index: LineageIndex, reference: string): readonly string[] {
  if (index.nodes.has(reference)) return [reference];
  const kind = reference.slice(0, reference.indexOf(':'));
  const same = [...index.nodes.values()].filter((node) => node.kind === kind);
  const digest = /^dataset:@(.+)$/s.exec(reference)?.[1];
  const roots = same.flatMap((node) => (node.kind === 'dataset' && node.digest === digest ? [node.ref] : []));
  if (roots.length > 0) return roots.sort();
  const existing = listNames(same.map((node) => node.ref).sort(), 'none');
  throw new FairleadError('NOT_FOUND', `There is no "${reference}" in any run or version. There is: ${existing}.`, {
    details: { field: 'reference', expected: existing, given: reference },
  });
}

/** Lineage over everything that a store holds. */
export function createLineage({ store, writeOut, checkOpen }: LineageContext): Lineage {
  const follow = async (reference: string, given: LineageOptions, ways: { up: boolean; down: boolean }) => {
    checkOpen();
    const {
      depth = Number.POSITIVE_INFINITY,
      limit,
      maxRuns,
      activeOnly,
      signal,
    } = parseOptions(schema, given, 'lineage');
    const call = signal === undefined ? {} : { signal };
    const root = await normalised(reference, store, call);
    await writeOut();
    const models = await readModels(store, call);
    const { runs, complete } = await readRuns(store, maxRuns, call);
    const index = buildLineageIndex(runs, models);
    const graph = walk(index, rootsOf(index, root), { ...ways, depth, limit, activeOnly });
    return complete ? graph : { ...graph, truncated: true };
  };
  return {
    ancestors: (reference, options = {}) => follow(reference, options, { up: true, down: false }),
    descendants: (reference, options = {}) => follow(reference, options, { up: false, down: true }),
    graph: (reference, options = {}) => follow(reference, options, { up: true, down: true }),
  };
}
