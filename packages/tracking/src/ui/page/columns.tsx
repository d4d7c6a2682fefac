/** @jsxImportSource preact */
import type { RunSummary } from '../../tracker';
import { formatValue } from './format';

/** A column of the table that a run's metrics, parameters or tags fill. */
export interface Column {
  /** `metric:loss`, as the order of the table names it too. */
  readonly id: string;
  readonly scope: 'metric' | 'param' | 'tag';
  readonly key: string;
}

const sources = { metric: 'metrics', param: 'params', tag: 'tags' } as const;
/** So many of each are shown where nobody chose. */
const mostByDefault = { metric: 3, param: 3, tag: 0 } as const;

/** Every column that some run fills: metrics, parameters, tags, each by name. */
export function columnsOf(runs: readonly RunSummary[]): Column[] {
  return (['metric', 'param', 'tag'] as const).flatMap((scope) => {
    const keys = new Set(runs.flatMap((run) => Object.keys(run[sources[scope]])));
    return [...keys].sort().map((key) => ({ id: `${scope}:${key}`, scope, key }));
  });
}

/** The columns that most runs fill. */
export function defaultColumns(runs: readonly RunSummary[]): Column[] {
  return (['metric', 'param', 'tag'] as const).flatMap((scope) => {
    const counts = new Map<string, number>();
    for (const run of runs)
      for (const key of Object.keys(run[sources[scope]])) counts.set(key, (counts.get(key) ?? 0) + 1);
    return [...counts]
      .sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
      .slice(0, mostByDefault[scope])
      .map(([key]) => ({ id: `${scope}:${key}`, scope, key }));
  });
}

/** What a run has in a column. */
export function cellOf(run: RunSummary, { scope, key }: Column): string | undefined {
  const values = run[sources[scope]];
  if (!Object.hasOwn(values, key)) return undefined;
  if (scope === 'metric') return formatValue(run.metrics[key]?.last);
  return formatValue(scope === 'param' ? run.params[key] : run.tags[key]);
}

const groups = { metric: 'Metrics', param: 'Parameters', tag: 'Tags' } as const;

interface ColumnMenuProps {
  readonly all: readonly Column[];
  readonly chosen: readonly Column[];
  readonly isDefault: boolean;
  /** `null`: those that most runs fill. */
  readonly onChoose: (ids: readonly string[] | null) => void;
}

/** Chooses the columns. */
export function ColumnMenu({ all, chosen, isDefault, onChoose }: ColumnMenuProps) {
  const ids = new Set(chosen.map(({ id }) => id));
  const toggle = (id: string): void => {
    const next = new Set(ids);
    if (!next.delete(id)) next.add(id);
    onChoose(all.map((column) => column.id).filter((each) => next.has(each)));
  };
  return (
    <details
      class="menu"
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return;
        event.currentTarget.open = false;
        event.currentTarget.querySelector('summary')?.focus();
      }}
    >
      <summary class="button">Columns</summary>
      <div class="menu-body">
        {(['metric', 'param', 'tag'] as const).map((scope) => {
          const columns = all.filter((column) => column.scope === scope);
          if (columns.length === 0) return null;
          return (
            <fieldset key={scope}>
              <legend>{groups[scope]}</legend>
              {columns.map(({ id, key }) => (
                <label key={id} class="check">
                  <input type="checkbox" checked={ids.has(id)} onChange={() => toggle(id)} />
                  <span>{key}</span>
                </label>
              ))}
            </fieldset>
          );
        })}
        {all.length === 0 && <p class="muted">The runs have no metrics, parameters or tags.</p>}
        <button type="button" class="quiet" disabled={isDefault} onClick={() => onChoose(null)}>
          Back to the usual columns
        </button>
      </div>
    </details>
  );
}
