/** @jsxImportSource preact */
import type { ComponentChildren } from 'preact';
import type { StoreDamage } from '../../store/run-store';
import type { RunStatus } from '../../tracker';
import { formatAgo, formatBytes, formatCount, formatTime } from './format';
import type { RequestFailure } from './source';

const tones: Readonly<Record<RunStatus, string>> = {
  RUNNING: 'live',
  FINISHED: 'good',
  FAILED: 'bad',
  KILLED: 'bad',
  INTERRUPTED: 'warn',
};

const words: Readonly<Record<RunStatus, string>> = {
  RUNNING: 'Running',
  FINISHED: 'Finished',
  FAILED: 'Failed',
  KILLED: 'Killed',
  INTERRUPTED: 'Interrupted',
};

/** How a run stands. */
export function StatusPill({ status }: { status: RunStatus }) {
  return <span class={`pill ${tones[status]}`}>{words[status]}</span>;
}

/** A moment, as how long ago it was; whole when the pointer rests on it. */
export function Ago({ at, now }: { at: number; now: number }) {
  return (
    <time dateTime={new Date(at).toISOString()} title={formatTime(at)}>
      {formatAgo(at, now)}
    </time>
  );
}

/** What went wrong, and stays so until something is done. */
export function FailureBox({ failure }: { failure: RequestFailure }) {
  return (
    <div class="box bad" role="alert">
      {failure.message}
    </div>
  );
}

/** That there is nothing, and what to do. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <svg viewBox="0 0 48 48" width="44" height="44" aria-hidden="true">
        <circle cx="24" cy="24" r="14" fill="none" stroke="currentColor" stroke-width="7" opacity=".25" />
      </svg>
      <h2>{title}</h2>
      {children}
    </div>
  );
}

/** While the first answer is on its way. */
export function Loading() {
  return (
    <div class="loading" role="status">
      Loading…
    </div>
  );
}

const kinds: Readonly<Record<StoreDamage['kind'], string>> = {
  'torn-tail': 'its last write did not finish',
  corrupt: 'bytes fail their checksum',
  missing: 'records are missing',
  'unknown-record': 'records of a later version',
};

/** What could not be read. */
export function DamageBox({ damage }: { damage: readonly StoreDamage[] }) {
  if (damage.length === 0) return null;
  return (
    <details class="box warn">
      <summary>{formatCount(damage.length, 'part')} of this could not be read; everything else is shown.</summary>
      <ul>
        {damage.map(({ file, offset, length, kind }) => (
          <li key={`${file}${offset}`}>
            <code>{file}</code>: {kinds[kind]}, at byte {offset}
            {length > 0 ? `, ${formatBytes(length)}` : ''}
          </li>
        ))}
      </ul>
    </details>
  );
}

/** A box that scrolls sideways where it is narrow, by keyboard too. */
export function Scroll({
  label,
  className = '',
  children,
}: {
  label: string;
  className?: string;
  children: ComponentChildren;
}) {
  return (
    <section class={`scroll ${className}`} tabIndex={0} aria-label={label}>
      {children}
    </section>
  );
}

/** A section of a page. */
export function Section({
  title,
  aside,
  children,
}: {
  title: string;
  aside?: ComponentChildren;
  children: ComponentChildren;
}) {
  return (
    <section class="part">
      <div class="row">
        <h2>{title}</h2>
        {aside}
      </div>
      {children}
    </section>
  );
}

/** A digest or id, cut short, whole in its title. */
export function Digest({ value, length = 12 }: { value: string; length?: number }) {
  return <code title={value}>{value.length > length ? `${value.slice(0, length)}…` : value}</code>;
}
