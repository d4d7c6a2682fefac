import type { CallOptions } from '@fairlead/core';

/** What every node has. */
interface NodeBase {
  /** `dataset:mnist@<digest>`, `run:<id>`, `model:digits/2`, `deployment:eu`. */
  readonly ref: string;
  /** Edges between the node that was asked for and this one: below zero upstream, above zero downstream. */
  readonly distance: number;
}

/** A state of a dataset. */
export interface DatasetNode extends NodeBase {
  readonly kind: 'dataset';
  readonly name: string;
  readonly digest: string;
}

/** A run. */
export interface RunNode extends NodeBase {
  readonly kind: 'run';
  readonly id: string;
  /** Absent, as the experiment, where the run itself is not in the store any more. */
  readonly name?: string;
  readonly experiment?: string;
  readonly deleted: boolean;
}

/** A version of a model. */
export interface ModelNode extends NodeBase {
  readonly kind: 'model';
  readonly name: string;
  readonly version: string;
  /** SHA-256 of its bytes; absent where the version is not in the store any more. */
  readonly digest?: string;
  /** The aliases that point at it now. */
  readonly aliases: readonly string[];
  readonly deleted: boolean;
}

/** A place where versions serve, or have served. */
export interface DeploymentNode extends NodeBase {
  readonly kind: 'deployment';
  readonly target: string;
}

/** Something that lineage leads through. */
export type LineageNode = DatasetNode | RunNode | ModelNode | DeploymentNode;

/** What one node has to do with the next one downstream. */
export interface LineageEdge {
  readonly from: string;
  readonly to: string;
  /**
   * - `input`: a dataset went into a run, or into a version that says so itself
   * - `use`: a run used a version, or evaluated it
   * - `output`: a run made a version, or logged the bytes that are a dataset
   * - `part`: a run is part of another one, whose data is its own too
   * - `parent`: a version was made from another one
   * - `deploy`: a version serves at a target
   */
  readonly kind: 'input' | 'use' | 'output' | 'part' | 'parent' | 'deploy';
  /** What the data was used for, such as `training`. */
  readonly context?: string;
  /** Of `deploy`: whether it serves there now. */
  readonly active?: boolean;
}

/** A part of the graph from data to deployments. It has no cycles. */
export interface LineageGraph {
  /** What was asked for; several where a dataset was given by its digest alone and has several names. */
  readonly roots: readonly string[];
  /** The roots and what they lead to, the nearest first. */
  readonly nodes: readonly LineageNode[];
  readonly edges: readonly LineageEdge[];
  /** Edges that would lead around in a circle, and were left out. */
  readonly cut: readonly LineageEdge[];
  /** Whether there is more than `depth`, `limit` or `maxRuns` let through. */
  readonly truncated: boolean;
}

/** How far lineage is followed. */
export interface LineageOptions extends CallOptions {
  /** The most edges from what was asked for. 1 or more. @default all */
  readonly depth?: number;
  /** The most nodes, the nearest first. 1 or more. @default 10000 */
  readonly limit?: number;
  /** The most runs of the store that are looked at, the newest first. 1 or more. @default 100000 */
  readonly maxRuns?: number;
  /** Only deployments that serve now. @default false */
  readonly activeOnly?: boolean;
}

/**
 * The graph data → run → model version → deployment, made of what runs and registry say: inputs, models used, artifacts,
 * versions and deployments. Nothing of it is kept apart, so it cannot be out of date.
 *
 * References: `dataset:mnist@<digest>` or `dataset:@<digest>` whatever its name, `run:<id>`, `model:digits/2` or
 * `model:digits@champion`, `deployment:eu`.
 *
 * Each method throws `NOT_FOUND` for what is in no run and no version, `INVALID_ARGUMENT` for what is no reference,
 * `INVALID_OPTION`, `ABORTED` and `CLOSED`.
 */
export interface Lineage {
  /** Where something comes from. */
  ancestors(reference: string, options?: LineageOptions): Promise<LineageGraph>;
  /** What something went into: which deployments a dataset has reached, for example. */
  descendants(reference: string, options?: LineageOptions): Promise<LineageGraph>;
  /** Both. */
  graph(reference: string, options?: LineageOptions): Promise<LineageGraph>;
}
