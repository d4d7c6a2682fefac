import { deploymentsOf } from '../registry/deployments';
import type { StoredModel, StoredVersion } from '../store/registry-store';
import type { StoredRun } from '../store/run-store';
import type { DatasetNode, DeploymentNode, LineageEdge, ModelNode, RunNode } from './lineage';

/** A node that nobody has asked for yet. */
export type IndexedNode =
  | Omit<DatasetNode, 'distance'>
  | Omit<RunNode, 'distance'>
  | Omit<ModelNode, 'distance'>
  | Omit<DeploymentNode, 'distance'>;

/** Everything that is known, by both ends of each edge. */
export interface LineageIndex {
  readonly nodes: ReadonlyMap<string, IndexedNode>;
  readonly downstream: ReadonlyMap<string, readonly LineageEdge[]>;
  readonly upstream: ReadonlyMap<string, readonly LineageEdge[]>;
}

/** The reference of a dataset. */
export function datasetRef(name: string, digest: string): string {
  return `dataset:${name}@${digest}`;
}

/** The reference of a run. */
export function runRef(id: string): string {
  return `run:${id}`;
}

/** The reference of a version. */
export function modelRef(name: string, version: string): string {
  return `model:${name}/${version}`;
}

function push<T>(lists: Map<string, T[]>, key: string, value: T): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}

/** Collects nodes and edges; an edge between the same nodes of the same kind and context is there once. */
class IndexBuilder implements LineageIndex {
  readonly nodes = new Map<string, IndexedNode>();
  readonly downstream = new Map<string, LineageEdge[]>();
  readonly upstream = new Map<string, LineageEdge[]>();
  readonly #edges = new Set<string>();

  addDataset(name: string, digest: string): string {
    const ref = datasetRef(name, digest);
    if (!this.nodes.has(ref)) this.nodes.set(ref, { kind: 'dataset', ref, name, digest });
    return ref;
  }

  /** A run that something refers to; what is known of it itself may come before or after. */
  addRun(id: string, run?: StoredRun): string {
    const ref = runRef(id);
    if (run !== undefined) {
      const { name, experiment, deletedAt } = run;
      this.nodes.set(ref, { kind: 'run', ref, id, name, experiment, deleted: deletedAt !== undefined });
    } else if (!this.nodes.has(ref)) this.nodes.set(ref, { kind: 'run', ref, id, deleted: false });
    return ref;
  }

  addModel(name: string, version: string, known?: StoredVersion, aliases: readonly string[] = []): string {
    const ref = modelRef(name, version);
    if (known !== undefined) {
      const { digest, deletedAt } = known;
      this.nodes.set(ref, { kind: 'model', ref, name, version, digest, aliases, deleted: deletedAt !== undefined });
    } else if (!this.nodes.has(ref)) {
      this.nodes.set(ref, { kind: 'model', ref, name, version, aliases: [], deleted: false });
    }
    return ref;
  }

  addDeployment(target: string): string {
    const ref = `deployment:${target}`;
    if (!this.nodes.has(ref)) this.nodes.set(ref, { kind: 'deployment', ref, target });
    return ref;
  }

  addEdge(edge: LineageEdge): void {
    const key = JSON.stringify([edge.from, edge.to, edge.kind, edge.context]);
    if (edge.from === edge.to || this.#edges.has(key)) return;
    this.#edges.add(key);
    push(this.downstream, edge.from, edge);
    push(this.upstream, edge.to, edge);
  }
}

function addVersions(index: IndexBuilder, model: StoredModel): void {
  const aliases = new Map<string, string[]>();
  for (const [alias, version] of Object.entries(model.aliases)) push(aliases, version, alias);
  for (const version of model.versions) {
    const ref = index.addModel(model.name, version.version, version, aliases.get(version.version)?.sort() ?? []);
    for (const parent of version.parents) {
      index.addEdge({ from: index.addModel(parent.name, parent.version), to: ref, kind: 'parent' });
    }
    for (const { name, digest, context } of version.datasets) {
      index.addEdge({ from: index.addDataset(name, digest), to: ref, kind: 'input', ...(context && { context }) });
    }
    if (version.run !== undefined) index.addEdge({ from: index.addRun(version.run), to: ref, kind: 'output' });
    for (const { run } of version.evaluations) {
      // What a run measured of its own product is no source of it.
      if (run !== undefined && run !== version.run) index.addEdge({ from: ref, to: index.addRun(run), kind: 'use' });
    }
  }
  const serving = new Map<string, boolean>();
  for (const { target, version, until } of deploymentsOf(model)) {
    const key = JSON.stringify([version, target]);
    serving.set(key, (serving.get(key) ?? false) || until === undefined);
  }
  for (const [key, active] of serving) {
    const [version, target] = JSON.parse(key) as [string, string];
    const edge = {
      from: index.addModel(model.name, version),
      to: index.addDeployment(target),
      kind: 'deploy',
    } as const;
    index.addEdge({ ...edge, active });
  }
}

/** Puts together what runs and models say about one another. */
export function buildLineageIndex(runs: readonly StoredRun[], models: readonly StoredModel[]): LineageIndex {
  const index = new IndexBuilder();
  for (const model of models) addVersions(index, model);
  const products = new Map<string, Set<string>>();
  const orphans = new Map<string, string[]>();
  for (const model of models) {
    for (const { version, digest, run } of model.versions) {
      const ref = modelRef(model.name, version);
      if (run === undefined) push(orphans, digest, ref);
      else products.set(run, (products.get(run) ?? new Set()).add(ref));
    }
  }
  for (const run of runs) {
    const ref = index.addRun(run.id, run);
    if (run.parent !== undefined) index.addEdge({ from: index.addRun(run.parent), to: ref, kind: 'part' });
    for (const { name, digest, context } of run.inputs) {
      index.addEdge({ from: index.addDataset(name, digest), to: ref, kind: 'input', ...(context && { context }) });
    }
    for (const { name, version } of run.uses) {
      const used = index.addModel(name, version);
      if (products.get(run.id)?.has(used) !== true) index.addEdge({ from: used, to: ref, kind: 'use' });
    }
  }
  const datasets = new Map<string, string[]>();
  for (const node of index.nodes.values()) if (node.kind === 'dataset') push(datasets, node.digest, node.ref);
  for (const run of runs) {
    const ref = runRef(run.id);
    const inputs = new Set(run.inputs.map((input) => input.digest));
    for (const { digest } of run.artifacts) {
      // A run that logs a copy of what it read has not made it.
      if (digest === undefined || inputs.has(digest)) continue;
      for (const to of datasets.get(digest) ?? []) index.addEdge({ from: ref, to, kind: 'output' });
      for (const to of orphans.get(digest) ?? []) index.addEdge({ from: ref, to, kind: 'output' });
    }
  }
  return index;
}
