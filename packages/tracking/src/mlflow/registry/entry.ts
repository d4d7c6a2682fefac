import { FairleadError } from '@fairlead/core';
import { fromText, toText } from '../../embedded/event-codec';
import { isKnownChange } from '../../store/registry-state';
import type { RegistryChange } from '../../store/registry-store';
import type { MlflowVersion } from '../versions';
import type { BlobPlace } from './places';

/*
 * An entry of a log: a version of the registered model `<name>.fairlead`, all of it in tags. `fairlead.after` is the number
 * of the entry that its decision was based on, `fairlead.change` the change as JSON, which goes on in `fairlead.change.2`,
 * `.3` and so on, because servers before 3 keep no more than 5000 characters of a tag.
 */

const format = '1';
const pieceLength = 5000;
/** Characters of a change. A request with more is refused by many proxies. */
const maxLength = 900_000;

/** The tags of an entry and of versions. */
export const tagOf = {
  kind: 'fairlead.kind',
  format: 'fairlead.format',
  /** Made by chance, so that an entry whose answer was lost is found again. */
  token: 'fairlead.entry',
  after: 'fairlead.after',
  change: 'fairlead.change',
  place: 'fairlead.place',
  /** Shown to MLflow's own users; entries with nothing to show have it from the beginning. */
  projected: 'fairlead.projected',
  /** Of a version: not in the log yet. */
  pending: 'fairlead.pending',
  digest: 'fairlead.digest',
  file: 'fairlead.file',
} as const;

/** What all tags of this library begin with. */
export const ownPrefix = 'fairlead.';

/** An entry as it was read. */
export interface LogEntry {
  readonly number: number;
  readonly token: string;
  readonly after: number;
  readonly projected: boolean;
  /** Epoch milliseconds, by the server. */
  readonly createdAt: number;
  readonly change: RegistryChange | 'corrupt' | 'unknown-record';
  /** Where the bytes of a version lie. */
  readonly place?: BlobPlace;
}

const shown: ReadonlySet<unknown> = new Set<RegistryChange['type']>(['version', 'alias', 'annotate', 'delete']);

/** Whether MLflow's own users see something of a change. */
function isShown(change: RegistryChange): boolean {
  return shown.has(change.type);
}

/** Text in pieces that break no character. */
function split(text: string): string[] {
  const pieces: string[] = [];
  for (let at = 0; at < text.length; ) {
    let end = Math.min(at + pieceLength, text.length);
    const last = text.charCodeAt(end - 1);
    if (end < text.length && last >= 0xd800 && last < 0xdc00) end--;
    pieces.push(text.slice(at, end));
    at = end;
  }
  return pieces;
}

/** The tags of an entry. @throws FairleadError `LIMIT_EXCEEDED` */
export function encodeEntry(entry: {
  readonly token: string;
  readonly after: number;
  readonly change: RegistryChange;
  readonly place?: BlobPlace;
  /** What MLflow's users see already, because it comes from them. */
  readonly projected?: boolean;
}): Readonly<Record<string, string>> {
  const { token, after, change, place, projected = !isShown(change) } = entry;
  const text = toText(change);
  if (text.length > maxLength) {
    throw new FairleadError(
      'LIMIT_EXCEEDED',
      `This change takes ${text.length} characters, and a registry on an MLflow server keeps ${maxLength} of one at most. ` +
        'Log what is large as an artifact, and give its digest.',
      { details: { field: 'change', expected: `at most ${maxLength} characters`, given: `${text.length}` } },
    );
  }
  const pieces = split(text).map((piece, at) => [at === 0 ? tagOf.change : `${tagOf.change}.${at + 1}`, piece]);
  return {
    [tagOf.format]: format,
    [tagOf.token]: token,
    [tagOf.after]: String(after),
    ...(projected ? { [tagOf.projected]: 'true' } : {}),
    ...(place === undefined ? {} : { [tagOf.place]: JSON.stringify(place) }),
    ...(Object.fromEntries(pieces) as Record<string, string>),
  };
}

/**
 * The entry that a version of the log is; `undefined` when it is none, because somebody made it by hand.
 * @throws FairleadError `UNSUPPORTED` for a later format
 */
export function decodeEntry(version: MlflowVersion): LogEntry | undefined {
  const { tags } = version;
  const { [tagOf.format]: given, [tagOf.token]: token, [tagOf.after]: after = '' } = tags;
  if (given === undefined || token === undefined || !/^\d+$/.test(after)) return undefined;
  if (given !== format) {
    throw new FairleadError(
      'UNSUPPORTED',
      `An entry of "${version.name}" has format ${given}, and this release reads ${format}. Upgrade @fairlead/tracking.`,
    );
  }
  const place = placeOf(tags[tagOf.place]);
  return {
    number: Number(version.version),
    token,
    after: Number(after),
    projected: tags[tagOf.projected] !== undefined,
    createdAt: version.createdAt ?? 0,
    change: changeOf(tags),
    ...(place === undefined ? {} : { place }),
  };
}

function changeOf(tags: MlflowVersion['tags']): LogEntry['change'] {
  let text = tags[tagOf.change] ?? '';
  for (let piece = 2; tags[`${tagOf.change}.${piece}`] !== undefined; piece++) text += tags[`${tagOf.change}.${piece}`];
  try {
    const change = fromText(text) as RegistryChange;
    return isKnownChange(change) ? change : 'unknown-record';
  } catch {
    // Told as damage by the reader.
    return 'corrupt';
  }
}

function placeOf(text: string | undefined): BlobPlace | undefined {
  if (text === undefined) return undefined;
  try {
    const { folder, file, runId } = JSON.parse(text) as Partial<BlobPlace>;
    if (typeof folder !== 'string' || typeof file !== 'string') return undefined;
    return { folder, file, ...(typeof runId === 'string' ? { runId } : {}) };
  } catch {
    // Bytes whose place cannot be read are looked for by their digest.
    return undefined;
  }
}
