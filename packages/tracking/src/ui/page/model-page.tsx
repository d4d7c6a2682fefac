/** @jsxImportSource preact */
import { useState } from 'preact/hooks';
import type { RegistryChange } from '../../store/registry-store';
import type { ModelAnswer } from '../answers';
import { changeText, gateText } from './change-text';
import { formatBytes, formatNumber, formatTime } from './format';
import { useAnswer, useNow } from './hooks';
import { ApproveDialog, type Asked, DeleteAliasDialog, PromoteDialog, RollbackDialog } from './model-dialogs';
import { Ago, DamageBox, Digest, Empty, FailureBox, Loading, Scroll, Section } from './pieces';
import { runHash, toHash } from './route';

type Move = Extract<RegistryChange, { type: 'alias' }>;

/** One model: its aliases and where they have pointed, its versions, and all that happened to it. */
export function ModelPage({ name }: { name: string }) {
  const { answer, failure } = useAnswer<ModelAnswer>(`models/${encodeURIComponent(name)}`);
  const [asked, setAsked] = useState<Asked>();
  if (answer === undefined) {
    if (failure === undefined) return <Loading />;
    return (
      <Empty title="This model cannot be shown">
        <p>{failure.message}</p>
        <p>
          <a href={toHash(['models'])}>Go to the models</a>
        </p>
      </Empty>
    );
  }
  // A browser tells of a closed dialog a frame later: another may have been asked for by then, and stays.
  const close = (): void => setAsked((now) => (now === asked ? undefined : now));
  return (
    <>
      {failure !== undefined && <FailureBox failure={failure} />}
      <ModelView model={answer} onAsk={setAsked} />
      {asked?.kind === 'promote' && <PromoteDialog model={answer} {...asked} onClose={close} />}
      {asked?.kind === 'rollback' && <RollbackDialog model={answer} alias={asked.alias} onClose={close} />}
      {asked?.kind === 'delete-alias' && <DeleteAliasDialog model={answer} alias={asked.alias} onClose={close} />}
      {asked?.kind === 'approve' && <ApproveDialog model={answer} version={asked.version} onClose={close} />}
    </>
  );
}

interface ViewProps {
  readonly model: ModelAnswer;
  readonly onAsk: (asked: Asked) => void;
}

function ModelView({ model, onAsk }: ViewProps) {
  const { name, versions, aliases, changes, gates, damage } = model;
  const now = useNow(30_000);
  const moves = changes.filter((change): change is Move => change.type === 'alias');
  const named = [...new Set([...Object.keys(aliases), ...Object.keys(gates)])].sort();
  return (
    <>
      <div class="title row">
        <div>
          <p class="eyebrow">
            <a href={toHash(['models'])}>Models</a>
          </p>
          <h1>{name}</h1>
        </div>
        <button
          type="button"
          class="button primary"
          disabled={versions.length === 0}
          onClick={() => onAsk({ kind: 'promote' })}
        >
          Promote…
        </button>
      </div>
      <DamageBox damage={damage} />
      <Section title="Aliases">
        {named.length === 0 && (
          <p class="muted">
            None yet. Promote a version to give it one: a runner that takes {name}@champion follows it.
          </p>
        )}
        <div class="aliases">
          {named.map((alias) => (
            <AliasCard
              key={alias}
              alias={alias}
              model={model}
              moves={moves.filter((move) => move.alias === alias)}
              now={now}
              onAsk={onAsk}
            />
          ))}
        </div>
      </Section>
      <Section title="Versions">
        {versions.length === 0 ? (
          <p class="muted">All versions were deleted.</p>
        ) : (
          <Versions model={model} now={now} onAsk={onAsk} />
        )}
      </Section>
      <Section title="Audit">
        <ol class="audit card">
          {[...changes].reverse().map((change, index) => (
            <li key={changes.length - index}>
              <span class={`dot ${change.type}`} aria-hidden="true" />
              <div>
                <p>{changeText(change)}</p>
                <p class="muted small">
                  {change.evidence === undefined ? (
                    'Nobody said who or why'
                  ) : (
                    <>
                      <strong>{change.evidence.actor}</strong>: {change.evidence.reason}
                    </>
                  )}
                </p>
              </div>
              <time class="muted small" dateTime={new Date(change.at).toISOString()}>
                {formatTime(change.at)}
              </time>
            </li>
          ))}
        </ol>
      </Section>
    </>
  );
}

function AliasCard({
  alias,
  model,
  moves,
  now,
  onAsk,
}: ViewProps & { alias: string; moves: readonly Move[]; now: number }) {
  const version = Object.hasOwn(model.aliases, alias) ? model.aliases[alias] : undefined;
  const last = moves.at(-1);
  const kept = Object.hasOwn(model.gates, alias) ? (model.gates[alias] ?? []) : [];
  return (
    <article class="card alias" aria-label={`Alias ${alias}`}>
      <div class="row">
        <h3>@{alias}</h3>
        <span class="version">{version === undefined ? 'unset' : `v${version}`}</span>
      </div>
      {last !== undefined && (
        <p class="muted small">
          <Ago at={last.at} now={now} /> by <strong>{last.evidence.actor}</strong>: {last.evidence.reason}
        </p>
      )}
      {kept.length > 0 && (
        <ul class="kept">
          {kept.map((gate) => (
            <li key={JSON.stringify(gate)}>{gateText(gate)}</li>
          ))}
        </ul>
      )}
      <div class="actions">
        <button
          type="button"
          class="button"
          aria-label={`Promote a version to ${alias}`}
          onClick={() => onAsk({ kind: 'promote', alias })}
        >
          Promote…
        </button>
        {version !== undefined && (
          <>
            <button
              type="button"
              class="button"
              aria-label={`Roll back ${alias}`}
              disabled={moves.length < 2}
              onClick={() => onAsk({ kind: 'rollback', alias })}
            >
              Roll back…
            </button>
            <button
              type="button"
              class="quiet"
              aria-label={`Delete the alias ${alias}`}
              onClick={() => onAsk({ kind: 'delete-alias', alias })}
            >
              Delete…
            </button>
          </>
        )}
      </div>
      {moves.length > 0 && (
        <details>
          <summary>History ({moves.length})</summary>
          <ol class="moves">
            {[...moves].reverse().map((move) => (
              <li key={`${move.at}${move.to}`}>
                <span class="path">
                  {move.from ?? '–'} → {move.to ?? 'deleted'}
                </span>
                {move.rollback === true && <span class="pill warn">rollback</span>}
                {move.forced === true && <span class="pill bad">forced</span>}
                <span class="muted small">
                  {formatTime(move.at)} · {move.evidence.actor}: {move.evidence.reason}
                </span>
              </li>
            ))}
          </ol>
        </details>
      )}
    </article>
  );
}

function Versions({ model, now, onAsk }: ViewProps & { now: number }) {
  const versions = [...model.versions].reverse();
  const counts = new Map<string, number>();
  for (const { metrics } of versions)
    for (const key of Object.keys(metrics)) counts.set(key, (counts.get(key) ?? 0) + 1);
  const keys = [...counts]
    .sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
    .map(([key]) => key)
    .slice(0, 5);
  return (
    <Scroll label="Versions" className="card flush">
      <table>
        <thead>
          <tr>
            <th scope="col">Version</th>
            <th scope="col">Aliases</th>
            {keys.map((key) => (
              <th key={key} scope="col" class="n">
                {key}
              </th>
            ))}
            <th scope="col">Registered</th>
            <th scope="col">Run</th>
            <th scope="col">Bytes</th>
            <th scope="col">Serves</th>
            <th scope="col">Votes</th>
            <th scope="col">
              <span class="hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {versions.map((version) => (
            <tr key={version.version}>
              <th scope="row" title={version.description}>
                {version.version}
              </th>
              <td>
                <span class="pills">
                  {version.aliases.map((alias) => (
                    <span key={alias} class="pill accent">
                      @{alias}
                    </span>
                  ))}
                </span>
              </td>
              {keys.map((key) => (
                <td key={key} class="n">
                  {formatNumber(Object.hasOwn(version.metrics, key) ? version.metrics[key] : undefined)}
                </td>
              ))}
              <td class="time">
                <Ago at={version.registeredAt} now={now} />
                {version.author === undefined ? '' : ` by ${version.author}`}
              </td>
              <td>{version.run === undefined ? '–' : <a href={runHash(version.run)}>{version.run.slice(-8)}</a>}</td>
              <td class="time">
                {formatBytes(version.size)} · <Digest value={version.digest} length={8} />
              </td>
              <td>{version.deployments.length === 0 ? '–' : version.deployments.join(', ')}</td>
              <td>
                <span class="pills">
                  {version.approvals.map(({ actor, approved, gate, reason }) => (
                    <span key={actor + gate} class={`pill ${approved ? 'good' : 'bad'}`} title={`${gate}: ${reason}`}>
                      {approved ? '✓' : '✗'} {actor}
                    </span>
                  ))}
                </span>
              </td>
              <td class="time">
                <button
                  type="button"
                  class="quiet"
                  aria-label={`Promote version ${version.version}`}
                  onClick={() => onAsk({ kind: 'promote', version: version.version })}
                >
                  Promote…
                </button>
                <button
                  type="button"
                  class="quiet"
                  aria-label={`Vote on version ${version.version}`}
                  onClick={() => onAsk({ kind: 'approve', version: version.version })}
                >
                  Vote…
                </button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}
