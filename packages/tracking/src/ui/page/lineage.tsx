/** @jsxImportSource preact */
import type { ComponentChildren } from 'preact';
import type { RunAnswer } from '../answers';
import { formatCount } from './format';
import { useSource } from './hooks';
import { Digest } from './pieces';
import { modelHash, runHash } from './route';

/** What led to a run and what came of it, from data to where its models serve. */
export function Lineage({ answer }: { answer: RunAnswer }) {
  const { run, inputs, uses, parent, children, versions } = answer;
  const { live } = useSource();
  const serving = versions.flatMap(({ name, version, deployments }) =>
    deployments.map((target) => ({ target, from: `${name}/${version}` })),
  );
  return (
    <div class="lineage scroll" tabIndex={0} role="region" aria-label="Lineage, from data to deployment">
      <Stage title="Data" empty="No dataset was logged.">
        {inputs.map(({ name, context, digest, rows, source }) => (
          <Node key={`${name}${digest}${context}`} title={name}>
            {context !== undefined && <span class="pill">{context}</span>}
            {rows !== undefined && <span>{formatCount(rows, 'row')}</span>}
            <Digest value={digest} />
            {source !== undefined && <span class="break">{source}</span>}
          </Node>
        ))}
      </Stage>
      {(uses.length > 0 || parent !== undefined) && (
        <Stage title="From" empty="">
          {parent !== undefined && (
            <Node title={parent.name} href={live ? runHash(parent.id) : undefined}>
              <span>run that this is part of</span>
            </Node>
          )}
          {uses.map(({ name, version }) => (
            <Node key={`${name}${version}`} title={`${name}/${version}`} href={live ? modelHash(name) : undefined}>
              <span>model that it used</span>
            </Node>
          ))}
        </Stage>
      )}
      <Stage title="Run" empty="">
        <Node title={run.name} here>
          <Digest value={run.id} length={8} />
        </Node>
      </Stage>
      {children.length > 0 && (
        <Stage title="Parts" empty="">
          {children.map(({ id, name }) => (
            <Node key={id} title={name} href={live ? runHash(id) : undefined}>
              <Digest value={id} length={8} />
            </Node>
          ))}
        </Stage>
      )}
      <Stage title="Models" empty="No version was registered from it.">
        {versions.map(({ name, version, aliases }) => (
          <Node key={`${name}${version}`} title={`${name}/${version}`} href={live ? modelHash(name) : undefined}>
            {aliases.map((alias) => (
              <span key={alias} class="pill accent">
                @{alias}
              </span>
            ))}
          </Node>
        ))}
      </Stage>
      <Stage title="Serving" empty="Nowhere that was recorded.">
        {serving.map(({ target, from }) => (
          <Node key={target + from} title={target}>
            <span>{from}</span>
          </Node>
        ))}
      </Stage>
    </div>
  );
}

function Stage({ title, empty, children }: { title: string; empty: string; children: ComponentChildren }) {
  const nothing = Array.isArray(children) && children.flat().filter(Boolean).length === 0;
  return (
    <div class="stage">
      <h3>{title}</h3>
      {nothing ? <p class="muted small">{empty}</p> : children}
    </div>
  );
}

interface NodeProps {
  readonly title: string;
  readonly href?: string | undefined;
  readonly here?: boolean;
  readonly children: ComponentChildren;
}

function Node({ title, href, here = false, children }: NodeProps) {
  return (
    <div class={`node ${here ? 'here' : ''}`}>
      {href === undefined ? <strong>{title}</strong> : <a href={href}>{title}</a>}
      <div class="facts">{children}</div>
    </div>
  );
}
