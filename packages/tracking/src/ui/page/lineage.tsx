/** @jsxImportSource preact */
import type { LineageGraph, LineageNode } from '../../lineage/lineage';
import { useFetched, useSource } from './hooks';
import { layoutLineage, type PlacedNode } from './lineage-layout';
import { Digest, FailureBox, Loading, Scroll } from './pieces';
import { modelHash, runHash } from './route';

/** In pixels: the boxes of the nodes, and what lies between two. */
const box = { width: 190, height: 62, right: 56, below: 14 };

const left = ({ column }: PlacedNode): number => column * (box.width + box.right);
const top = ({ row }: PlacedNode): number => row * (box.height + box.below);

/**
 * What led to a run and what came of it, as a graph from data to where its models serve.
 * @param version anything that differs when the run has other neighbours
 */
export function Lineage({ run, version }: { run: string; version: string }) {
  const { answer, failure } = useFetched<LineageGraph>(`runs/${encodeURIComponent(run)}/lineage`, version);
  if (failure !== undefined && answer === undefined) return <FailureBox failure={failure} />;
  if (answer === undefined) return <Loading />;
  const layout = layoutLineage(answer);
  const width = layout.columns * (box.width + box.right) - box.right;
  const height = layout.rows * (box.height + box.below) - box.below;
  return (
    <>
      <Scroll label="Lineage, from data to deployment" className="lineage">
        <div class="graph" style={{ width: `${width}px`, height: `${height}px` }}>
          <svg width={width} height={height} aria-hidden="true">
            {layout.edges.map(({ edge, from, to }) => (
              <path
                key={`${edge.from} ${edge.to} ${edge.kind}`}
                d={curve(from, to)}
                stroke-dasharray={edge.active === false ? '4 4' : undefined}
              />
            ))}
          </svg>
          <ul>
            {layout.nodes.map((placed) => (
              <li
                key={placed.node.ref}
                class={`node ${placed.node.kind} ${answer.roots.includes(placed.node.ref) ? 'here' : ''}`}
                style={{
                  left: `${left(placed)}px`,
                  top: `${top(placed)}px`,
                  width: `${box.width}px`,
                  height: `${box.height}px`,
                }}
              >
                <NodeText node={placed.node} here={answer.roots.includes(placed.node.ref)} />
                <span class="hidden">{sourcesOf(placed.node, answer)}</span>
              </li>
            ))}
          </ul>
        </div>
      </Scroll>
      {layout.nodes.length === 1 && (
        <p class="note">
          Nothing leads to this run and nothing came of it yet. <code>run.logDataset</code>, <code>run.useModel</code>{' '}
          and <code>registry.registerVersion</code> say what does.
        </p>
      )}
      {answer.truncated && <p class="note">There is more than is drawn here; tracker.lineage has all of it.</p>}
    </>
  );
}

function curve(from: PlacedNode, to: PlacedNode): string {
  const [x1, y1] = [left(from) + box.width, top(from) + box.height / 2];
  const [x2, y2] = [left(to), top(to) + box.height / 2];
  const bend = Math.max(24, (x2 - x1) / 2);
  return `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
}

function nameOf(node: LineageNode): string {
  if (node.kind === 'dataset') return node.name;
  if (node.kind === 'run') return node.name ?? node.id.slice(0, 8);
  return node.kind === 'model' ? `${node.name}/${node.version}` : node.target;
}

/** The lines that lead to a node, in words. */
function sourcesOf(node: LineageNode, { nodes, edges }: LineageGraph): string {
  const refs = edges.filter(({ to }) => to === node.ref).map(({ from }) => from);
  const names = nodes.filter(({ ref }) => refs.includes(ref)).map(nameOf);
  return names.length === 0 ? '' : `from ${names.join(', ')}`;
}

function NodeText({ node, here }: { node: LineageNode; here: boolean }) {
  const { live } = useSource();
  const href = node.kind === 'run' ? runHash(node.id) : node.kind === 'model' ? modelHash(node.name) : undefined;
  const name = nameOf(node);
  return (
    <>
      {live && href !== undefined && !here ? (
        <a href={href} title={name}>
          {name}
        </a>
      ) : (
        <strong title={name}>{name}</strong>
      )}
      <span class="facts">
        {node.kind === 'dataset' && (
          <>
            data · <Digest value={node.digest} length={8} />
          </>
        )}
        {node.kind === 'run' && (node.deleted ? 'run, deleted' : 'run')}
        {node.kind === 'model' && (node.deleted ? 'model, deleted' : 'model')}
        {node.kind === 'model' && node.aliases.map((alias) => ` · @${alias}`)}
        {node.kind === 'deployment' && 'deployment'}
      </span>
    </>
  );
}
