import type { LineageEdge, LineageGraph, LineageNode } from '../../lineage/lineage';

/** Where a node stands: column and row from 0, upper left. */
export interface PlacedNode {
  readonly node: LineageNode;
  readonly column: number;
  readonly row: number;
}

/** A graph in columns, in which every edge leads to the right. */
export interface LineageLayout {
  readonly columns: number;
  readonly rows: number;
  /** Column by column, each from its top. */
  readonly nodes: readonly PlacedNode[];
  readonly edges: readonly { readonly edge: LineageEdge; readonly from: PlacedNode; readonly to: PlacedNode }[];
}

/** The column of every node: one more than that of the last that leads to it. */
function columnsOf(refs: readonly string[], edges: readonly LineageEdge[]): Map<string, number> {
  const columns = new Map(refs.map((ref) => [ref, 0]));
  // The graph has no cycles, so that as many sweeps as there are nodes are enough.
  for (let sweep = 0; sweep < refs.length; sweep++) {
    let moved = false;
    for (const { from, to } of edges) {
      const least = (columns.get(from) ?? 0) + 1;
      if ((columns.get(to) ?? 0) >= least) continue;
      columns.set(to, least);
      moved = true;
    }
    if (!moved) break;
  }
  return columns;
}

/** Places the nodes of a graph so that it is read from left to right, with few lines that cross. */
export function layoutLineage({ nodes, edges }: Pick<LineageGraph, 'nodes' | 'edges'>): LineageLayout {
  const known = new Map(nodes.map((node) => [node.ref, node]));
  const drawn = edges.filter(({ from, to }) => known.has(from) && known.has(to));
  const columns = columnsOf([...known.keys()], drawn);
  const placed = new Map<string, PlacedNode>();
  const count = nodes.length === 0 ? 0 : Math.max(...columns.values()) + 1;
  let rows = 0;
  for (let column = 0; column < count; column++) {
    // A node stands near what leads to it; what nothing leads to comes last, by its name.
    const weight = ({ ref }: LineageNode): number => {
      const before = drawn.flatMap(({ from, to }) => (to === ref ? (placed.get(from)?.row ?? []) : []));
      return before.length === 0 ? Number.MAX_VALUE : before.reduce((sum, row) => sum + row, 0) / before.length;
    };
    const here = nodes
      .filter(({ ref }) => columns.get(ref) === column)
      .map((node) => ({ node, weight: weight(node) }))
      .sort((a, b) => a.weight - b.weight || (a.node.ref < b.node.ref ? -1 : 1));
    here.forEach(({ node }, row) => {
      placed.set(node.ref, { node, column, row });
    });
    rows = Math.max(rows, here.length);
  }
  return {
    columns: count,
    rows,
    nodes: [...placed.values()],
    edges: drawn.map((edge) => ({
      edge,
      from: placed.get(edge.from) as PlacedNode,
      to: placed.get(edge.to) as PlacedNode,
    })),
  };
}
