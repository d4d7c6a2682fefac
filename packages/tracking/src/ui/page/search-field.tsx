/** @jsxImportSource preact */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { RequestFailure } from './source';

/** How long a reader may pause while he types, in milliseconds. */
const pauseMs = 250;

const examples: readonly [filter: string, meaning: string][] = [
  ['metrics.loss < 0.3', 'the last loss is below 0.3'],
  ["params.optimizer = 'adam' AND metrics.accuracy > 0.9", 'both hold'],
  ["status = 'FAILED' OR status = 'KILLED'", 'one of them holds'],
  ["tags.team ILIKE '%vision%'", 'the tag holds a text, in any case'],
  ["NOT (name LIKE 'test%')", 'the name does not begin so'],
];

interface SearchFieldProps {
  readonly filter: string;
  /** What is wrong with the filter. */
  readonly failure: RequestFailure | undefined;
  readonly onFilter: (filter: string) => void;
}

/** The filter of the table, with what is wrong with it. `/` leads here from anywhere. */
export function SearchField({ filter, failure, onFilter }: SearchFieldProps) {
  const [text, setText] = useState(filter);
  const input = useRef<HTMLInputElement>(null);
  const sent = useRef(filter);
  useEffect(() => {
    // The filter changed from elsewhere, such as by a link.
    if (filter !== sent.current) setText(filter);
    sent.current = filter;
  }, [filter]);
  useEffect(() => {
    if (text === sent.current) return;
    const timer = setTimeout(() => {
      sent.current = text;
      onFilter(text);
    }, pauseMs);
    return () => clearTimeout(timer);
  }, [text]);
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const from = event.target as HTMLElement;
      if (
        event.key !== '/' ||
        event.ctrlKey ||
        event.metaKey ||
        from.closest('input, textarea, select, dialog') !== null
      )
        return;
      event.preventDefault();
      input.current?.focus();
      input.current?.select();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
  const [message = '', ...lines] = failure?.message.split('\n') ?? [];
  return (
    <div class="search">
      <div class={`search-box ${failure === undefined ? '' : 'invalid'}`}>
        <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
          <circle cx="7" cy="7" r="4.5" fill="none" stroke="currentColor" stroke-width="1.5" />
          <path d="m10.5 10.5 4 4" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" />
        </svg>
        <input
          ref={input}
          type="search"
          value={text}
          placeholder="metrics.loss < 0.3 AND params.optimizer = 'adam'"
          aria-label="Filter"
          aria-invalid={failure !== undefined}
          aria-describedby={failure === undefined ? undefined : 'filter-failure'}
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <kbd title="Press / to search">/</kbd>
      </div>
      {failure !== undefined && (
        <div class="filter-failure" id="filter-failure" role="alert">
          {message}
          {lines.length > 0 && <pre>{lines.map((line) => line.replace(/^ {2}/, '')).join('\n')}</pre>}
        </div>
      )}
      <details class="help">
        <summary>How to filter</summary>
        <ul>
          {examples.map(([example, meaning]) => (
            <li key={example}>
              <button type="button" class="code" onClick={() => setText(example)}>
                {example}
              </button>
              <span class="muted">{meaning}</span>
            </li>
          ))}
        </ul>
        <p class="muted">
          Fields: <code>id name experiment status start_time end_time parent</code>, <code>metrics.…</code>,{' '}
          <code>params.…</code>, <code>tags.…</code>, <code>datasets.…</code>. A name with spaces or signs stands in
          backticks: <code>metrics.`val loss`</code>.
        </p>
      </details>
    </div>
  );
}
