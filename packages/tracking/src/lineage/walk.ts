import type { LineageEdge, LineageGraph, LineageNode } from './lineage';
import type { LineageIndex } from './lineage-index';

/** Which way, and how far. */
export interface WalkOptions {
  readonly up: boolean;
  readonly down: boolean;
  readonly depth: number;
  readonly limit: number;
  readonly activeOnly: boolean;
}

interface Reached {
  /** Distances of nodes by reference, in the order in which they were reached. */
  readonly distances: Map<string, number>;
  readonly edges: Set<LineageEdge>;
  truncated: boolean;
}

/** Follows edges one way, breadth first, so that what does not fit is what is farthest. */
function follow(index: LineageIndex, roots: readonly string[], way: 1 | -1, options: WalkOptions, all: Reached): void {
  const edgesOf = way === 1 ? index.downstream : index.upstream;
  const { depth, limit, activeOnly } = options;
  const seen = new Set(roots);
  let front = [...roots];
  for (let distance = 1; front.length > 0; distance++) {
    const next: string[] = [];
    for (const ref of front) {
      for (const edge of edgesOf.get(ref) ?? []) {
        if (activeOnly && edge.active === false) continue;
        const reached = way === 1 ? edge.to : edge.from;
        if (!seen.has(reached)) {
          if (distance > depth || (all.distances.size >= limit && !all.distances.has(reached))) {
            all.truncated = true;
            continue;
          }
          seen.add(reached);
          next.push(reached);
          if (!all.distances.has(reached)) all.distances.set(reached, way * distance);
        }
        all.edges.add(edge);
      }
    }
    front = next;
  }
}

/** Parts the edges of a graph into those without a cycle and those that close one, the same way every time. */
function cutCycles(refs: readonly string[], edges: Iterable<LineageEdge>): { kept: LineageEdge[]; cut: LineageEdge[] } {
  const downstream = new Map<string, LineageEdge[]>();
  for (const edge of edges) {
    const known = downstream.get(edge.from);
    if (known === undefined) downstream.set(edge.from, [edge]);
    else known.push(edge);
  }
  const state = new Map<string, 'open' | 'done'>();
  const kept: LineageEdge[] = [];
  const cut: LineageEdge[] = [];
  for (const start of refs) {
    if (state.has(start)) continue;
    state.set(start, 'open');
    // A stack of its own: a chain may be longer than the engine's.
    const stack = [{ ref: start, next: 0 }];
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const edge = downstream.get(top.ref)?.[top.next];
      top.next++;
      if (edge === undefined) {
        state.set(top.ref, 'done');
        stack.pop();
      } else if (state.get(edge.to) === 'open') cut.push(edge);
      else {
        kept.push(edge);
        if (state.has(edge.to)) continue;
        state.set(edge.to, 'open');
        stack.push({ ref: edge.to, next: 0 });
      }
    }
  }
  return { kept, cut };
}

/** What some nodes lead to, or come from. */
export function walk(index: LineageIndex, roots: readonly string[], options: WalkOptions): LineageGraph {
  const all: Reached = { distances: new Map(roots.map((root) => [root, 0])), edges: new Set(), truncated: false };
  if (options.up) follow(index, roots, -1, options, all);
  if (options.down) follow(index, roots, 1, options, all);
  const nodes = Array.from(all.distances, ([ref, distance]) => ({ ...index.nodes.get(ref), distance }) as LineageNode);
  nodes.sort((a, b) => Math.abs(a.distance) - Math.abs(b.distance));
  // From the far upstream end, so that what closes a circle is what leads back.
  const order = [...nodes].sort((a, b) => a.distance - b.distance).map((node) => node.ref);
  const { kept, cut } = cutCycles(order, all.edges);
  return { roots, nodes, edges: kept, cut, truncated: all.truncated };
}
