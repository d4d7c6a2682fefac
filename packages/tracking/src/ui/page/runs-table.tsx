/** @jsxImportSource preact */
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { RunSummary } from '../../tracker';
import { type Column, cellOf } from './columns';
import { formatDuration } from './format';
import { useNow } from './hooks';
import { Ago, StatusPill } from './pieces';
import { runHash } from './route';
import { useRowWindow } from './row-window';

interface RunsTableProps {
  readonly runs: readonly RunSummary[];
  readonly columns: readonly Column[];
  /** `metric:desc:loss`; empty: the latest first. */
  readonly order: string;
  readonly onOrder: (order: string) => void;
  readonly selected: ReadonlySet<string>;
  readonly onSelect: (ids: ReadonlySet<string>) => void;
  /** The rows are those of an earlier question. */
  readonly stale: boolean;
}

interface HeadProps {
  readonly label: string;
  readonly scope: string;
  readonly field: string;
  readonly order: string;
  readonly onOrder: (order: string) => void;
  readonly className?: string;
}

function HeadCell({ label, scope, field, order, onOrder, className = '' }: HeadProps) {
  const down = `${scope}:desc:${field}`;
  const up = `${scope}:asc:${field}`;
  const sorted = order === down ? 'descending' : order === up ? 'ascending' : 'none';
  // The first click shows what one looks for most: the latest, the largest; a third goes back to the usual order.
  const next = sorted === 'none' ? down : sorted === 'descending' ? up : '';
  return (
    <th scope="col" class={className} aria-sort={sorted}>
      <button type="button" class="head" onClick={() => onOrder(next)} title={label}>
        <span>{label}</span>
        <span aria-hidden="true" class="arrow">
          {sorted === 'descending' ? '↓' : sorted === 'ascending' ? '↑' : ''}
        </span>
      </button>
    </th>
  );
}

/** Stands in for rows that are out of sight. */
function Gap({ height, columns }: { height: number; columns: number }) {
  return (
    <tr class="gap">
      <td colSpan={5 + columns} style={{ height: `${height}px`, padding: 0 }} />
    </tr>
  );
}

/** Runs, one a row. Arrow keys move, Space selects, Enter opens. */
export function RunsTable({ runs, columns, order, onOrder, selected, onSelect, stale }: RunsTableProps) {
  const now = useNow(runs.some(({ status }) => status === 'RUNNING') ? 1000 : 30_000);
  const [focused, setFocused] = useState<string>();
  const body = useRef<HTMLTableSectionElement>(null);
  const { from, to, before, behind, include } = useRowWindow(body, runs.length);
  /** The index of a row that gets the focus once it is drawn. */
  const wanted = useRef<number | undefined>(undefined);
  useLayoutEffect(() => {
    if (wanted.current === undefined) return;
    rowAt(wanted.current)?.focus();
    wanted.current = undefined;
  });
  const rowAt = (index: number): HTMLElement | undefined =>
    body.current?.querySelector<HTMLElement>(`tr[aria-rowindex="${index + 2}"]`) ?? undefined;
  const at = Math.max(
    0,
    runs.findIndex(({ id }) => id === focused),
  );
  const toggle = (id: string): void => {
    const next = new Set(selected);
    if (!next.delete(id)) next.add(id);
    onSelect(next);
  };
  const move = (to: number): void => {
    const index = Math.min(runs.length - 1, Math.max(0, to));
    setFocused(runs[index]?.id);
    const row = rowAt(index);
    if (row !== undefined) row.focus();
    else {
      wanted.current = index;
      include(index);
    }
  };
  const onKeyDown = (event: KeyboardEvent, run: RunSummary, index: number): void => {
    if (event.target !== event.currentTarget) return;
    const keys: Readonly<Record<string, () => void>> = {
      ArrowDown: () => move(index + 1),
      ArrowUp: () => move(index - 1),
      PageDown: () => move(index + 10),
      PageUp: () => move(index - 10),
      Home: () => move(0),
      End: () => move(runs.length - 1),
      ' ': () => toggle(run.id),
      Enter: () => {
        location.hash = runHash(run.id);
      },
    };
    const act = keys[event.key];
    if (act === undefined) return;
    event.preventDefault();
    act();
  };
  // Where the focused row is not drawn, the first one that is takes its place in the order of the Tab key.
  const tabbable = at >= from && at < to ? at : from;
  const allSelected = runs.every(({ id }) => selected.has(id));
  return (
    <>
      <div class={`scroll card flush ${stale ? 'stale' : ''}`}>
        <table class="runs" role="grid" aria-multiselectable="true" aria-label="Runs" aria-rowcount={runs.length + 1}>
          <thead>
            <tr>
              <th scope="col" class="pick">
                <input
                  type="checkbox"
                  aria-label="Select all runs"
                  checked={allSelected}
                  onChange={() => onSelect(allSelected ? new Set() : new Set(runs.map(({ id }) => id)))}
                />
              </th>
              <HeadCell label="Run" scope="attribute" field="name" order={order} onOrder={onOrder} className="name" />
              <HeadCell label="Status" scope="attribute" field="status" order={order} onOrder={onOrder} />
              <HeadCell label="Started" scope="attribute" field="start_time" order={order} onOrder={onOrder} />
              <th scope="col">Duration</th>
              {columns.map(({ id, scope, key }) => (
                <HeadCell
                  key={id}
                  label={key}
                  scope={scope}
                  field={key}
                  order={order}
                  onOrder={onOrder}
                  className={scope === 'metric' ? 'n' : scope}
                />
              ))}
            </tr>
          </thead>
          <tbody ref={body}>
            {before > 0 && <Gap height={before} columns={columns.length} />}
            {runs.slice(from, to).map((run, i) => (
              <tr
                key={run.id}
                aria-rowindex={from + i + 2}
                tabIndex={from + i === tabbable ? 0 : -1}
                aria-selected={selected.has(run.id)}
                aria-label={`${run.name}, ${run.status.toLowerCase()}`}
                onFocus={() => setFocused(run.id)}
                onKeyDown={(event) => onKeyDown(event, run, from + i)}
              >
                <td class="pick">
                  <input
                    type="checkbox"
                    tabIndex={-1}
                    aria-label={`Select ${run.name}`}
                    checked={selected.has(run.id)}
                    onChange={() => toggle(run.id)}
                  />
                </td>
                <td class="name">
                  <a href={runHash(run.id)} tabIndex={-1}>
                    {run.name}
                  </a>
                  <span class="muted small">{run.experiment}</span>
                </td>
                <td>
                  <StatusPill status={run.status} />
                </td>
                <td class="time">
                  <Ago at={run.startedAt} now={now} />
                </td>
                <td class="time">{durationOf(run, now)}</td>
                {columns.map((column) => {
                  const cell = cellOf(run, column);
                  return (
                    <td key={column.id} class={column.scope === 'metric' ? 'n' : 'cell'} title={cell}>
                      {cell ?? <span class="muted">–</span>}
                    </td>
                  );
                })}
              </tr>
            ))}
            {behind > 0 && <Gap height={behind} columns={columns.length} />}
          </tbody>
        </table>
      </div>
      <p class="keys">
        <kbd>↑</kbd> <kbd>↓</kbd> move <kbd>Space</kbd> select <kbd>Enter</kbd> open <kbd>/</kbd> filter
      </p>
    </>
  );
}

/** How long a run took, or has taken so far; unknown for one that was killed. */
export function durationOf({ startedAt, endedAt, status }: RunSummary, now: number): string {
  if (endedAt !== undefined) return formatDuration(endedAt - startedAt);
  return status === 'RUNNING' ? formatDuration(now - startedAt) : '–';
}
