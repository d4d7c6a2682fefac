import { fromText, toText } from '../embedded/event-codec';
import { invalidArgument } from '../names';
import { checkFilter } from './check-filter';
import { formatFilter, formatOrder } from './format-filter';
import type { RunOrder, SortKey } from './order';
import type { RunQuery } from './query';

/*
 * A page token says after which sort keys the next page begins, not after how many runs: what is added or removed
 * meanwhile shifts nothing. It also says to which query it belongs.
 */

/** Four bytes of a text, enough to notice a token that went with another query (FNV-1a). */
function fingerprintOf(text: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash >>> 0).toString(16);
}

/** What must be the same from page to page. */
function fingerprint(query: RunQuery, order: RunOrder): string {
  const own = { dialect: 'fairlead' } as const;
  const filter = query.filter === undefined ? '' : formatFilter(checkFilter(query.filter), own);
  const terms = order.terms.map((term) => formatOrder(term, own));
  return fingerprintOf(JSON.stringify([filter, terms, query.experiments ?? null, query.deleted ?? 'exclude']));
}

/** The token of the page after a run. */
export function encodePageToken(query: RunQuery, order: RunOrder, last: readonly SortKey[]): string {
  const bytes = new TextEncoder().encode(toText([fingerprint(query, order), last]));
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

function isSortKey(key: unknown): key is SortKey {
  if (!Array.isArray(key)) return false;
  const [rank, value] = key as unknown[];
  if (rank === 0) return typeof value === 'number' && !Number.isNaN(value);
  if (rank === 1) return typeof value === 'string';
  return (rank === 2 || rank === 3) && key.length === 1;
}

function decode(token: string): unknown {
  try {
    const binary = atob(token.replaceAll('-', '+').replaceAll('_', '/'));
    return fromText(new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(binary, (c) => c.charCodeAt(0))));
  } catch {
    // Not one of ours, whatever it is: refused below.
    return undefined;
  }
}

/**
 * The sort keys in a token.
 * @throws FairleadError `INVALID_ARGUMENT` for a token of another query, and for what is no token
 */
export function decodePageToken(query: RunQuery, order: RunOrder): readonly SortKey[] {
  const { pageToken = '' } = query;
  const content = typeof pageToken === 'string' ? decode(pageToken) : undefined;
  const [owner, keys] = Array.isArray(content) ? (content as unknown[]) : [];
  const isWhole = Array.isArray(keys) && keys.length === order.terms.length && keys.every(isSortKey);
  if (isWhole && owner === fingerprint(query, order)) return keys;
  throw invalidArgument(
    'pageToken',
    'the nextPageToken of a page of the same filter, order and experiments',
    pageToken,
    'Leave it out to begin with the first page.',
  );
}
