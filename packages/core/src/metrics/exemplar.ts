import type { ExemplarSnapshot } from './snapshot';
import { escapeText, formatValue, withLabel } from './text';

/** An example of what was counted, such as the trace of one request. */
export interface Exemplar {
  /** Names and values that tell which one it was; at most 128 characters (code points) in all, no `"`. */
  readonly labels: Readonly<Record<string, string>>;
  /** When it happened, in milliseconds since 1970-01-01 UTC, kept to the millisecond. @default now */
  readonly timestampMs?: number;
}

/** An exemplar that is kept, with its text. */
export interface KeptExemplar extends ExemplarSnapshot {
  /** What stands between the sample's value and the end of the line. */
  readonly text: string;
}

/** The most code points that the names and values of an exemplar may have together, by OpenMetrics 1.0. */
const maxCodePoints = 128;
/** The last second that a `Date` knows; so no time needs an exponent, which parsers do not expect here. */
const latest = 8.64e12;
// Two underscores first are reserved.
const legalName = /^(?!__)[a-zA-Z_][a-zA-Z0-9_]*$/;

function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

/** Writes an exemplar; `undefined` where OpenMetrics does not allow it. */
export function keepExemplar({ labels, value, timestamp }: ExemplarSnapshot): KeptExemplar | undefined {
  if (typeof labels !== 'object' || labels === null || !Number.isFinite(value)) return;
  if (!(timestamp >= 0 && timestamp <= latest)) return;
  const kept: [string, string][] = [];
  let block = '';
  let length = 0;
  for (const [name, text] of Object.entries(labels)) {
    if (typeof text !== 'string' || !legalName.test(name)) return;
    // Legal, but Python's parser of exemplars takes an escaped quote for the end of the value.
    if (text.includes('"')) return;
    // What is longer in UTF-16 than all may be in code points need not be counted.
    if (text === '') continue;
    if (text.length > 2 * maxCodePoints) return;
    length += name.length + codePoints(text);
    block = withLabel(block, name, escapeText(text));
    kept.push([name, text]);
  }
  if (length > maxCodePoints) return;
  const seconds = Math.round(timestamp * 1000) / 1000;
  const text = ` # {${block}} ${formatValue(value)} ${seconds}`;
  return { labels: Object.fromEntries(kept), value, timestamp: seconds, text };
}

/** Keeps what a caller gave along with a value; `undefined` where OpenMetrics does not allow it. */
export function takeExemplar(given: Exemplar, value: number, epochMs: () => number): KeptExemplar | undefined {
  if (typeof given !== 'object' || given === null) return;
  return keepExemplar({ labels: given.labels, value, timestamp: (given.timestampMs ?? epochMs()) / 1000 });
}

/** The exemplar as plain data. */
export function exemplarValues({ labels, value, timestamp }: KeptExemplar): ExemplarSnapshot {
  return { labels, value, timestamp };
}
