import { declaredLength } from '../model/fetch-bytes';
import type { Validators } from './model-index';

/** A date tells two versions apart only when the file was old enough by then, since it has no fractions of a second. */
const oldEnoughMs = 60_000;

/** What a part of a file is, when the rest of it is asked for. */
export interface Continuation {
  /** Bytes that are here. */
  readonly size: number;
  /** What the server said of the version that they are of. */
  readonly validators: Validators;
  /** Whether a digest will show if the parts do not fit together. */
  readonly digestPromised: boolean;
  readonly crossOrigin: boolean;
}

/** What tells versions of a file apart, as far as an answer says it. */
export function validatorsOf(response: Response, epochMs: number): Validators {
  const { headers } = response;
  const etag = headers.get('etag');
  // A compressed form has bytes of its own, and the rest would come uncompressed: good for telling whether the file
  // changed, but not for going on with it.
  if (headers.get('content-encoding') !== null) return etag === null ? {} : { etag: `W/${bare(etag)}` };
  const lastModified = headers.get('last-modified');
  const answered = Date.parse(headers.get('date') ?? '');
  const isOld = (Number.isNaN(answered) ? epochMs : answered) - Date.parse(lastModified ?? '') >= oldEnoughMs;
  const total = totalOf(response);
  return {
    ...(etag === null ? {} : { etag }),
    ...(lastModified === null || !isOld ? {} : { lastModified }),
    ...(total === undefined ? {} : { total }),
  };
}

/** The headers that ask for a file only if it is another one than before. */
export function changeHeaders({ etag, lastModified }: Validators, crossOrigin: boolean): Record<string, string> {
  // Across origins they would need the server's leave; there the answer's own words are compared.
  if (crossOrigin) return {};
  if (etag !== undefined) return { 'If-None-Match': etag };
  return lastModified === undefined ? {} : { 'If-Modified-Since': lastModified };
}

/** Whether an answer brings the version that is already here. */
export function isSameVersion(response: Response, before: Validators, epochMs: number): boolean {
  if (response.status === 304) return true;
  const now = validatorsOf(response, epochMs);
  if (now.etag !== undefined && before.etag !== undefined) return bare(now.etag) === bare(before.etag);
  return now.lastModified !== undefined && now.lastModified === before.lastModified && now.total === before.total;
}

/** Bytes of the whole file, from an answer with all of it or a part. */
export function totalOf(response: Response): number | undefined {
  return response.status === 206 ? rangeOf(response)?.total : declaredLength(response);
}

/** Whether the rest of a file can be told from the rest of another version. */
export function canContinue({ size, validators, digestPromised }: Continuation): boolean {
  return size > 0 && (digestPromised || strongValidator(validators) !== undefined);
}

/** The headers that ask for the rest of a file. */
export function continuationHeaders({ size, validators, crossOrigin }: Continuation): Record<string, string> {
  const validator = strongValidator(validators);
  // Across origins it would need the server's leave; there the answer's own words are compared.
  const condition = validator === undefined || crossOrigin ? {} : { 'If-Range': validator };
  return { Range: `bytes=${size}-`, ...condition };
}

/**
 * Why an answer with status 206 is not the rest of the same version; undefined where it is. Some servers know ranges but
 * not If-Range, so it is not enough that the server was asked.
 */
export function whyNotTheRest(response: Response, continuation: Continuation): string | undefined {
  const { size, validators, digestPromised } = continuation;
  const range = rangeOf(response);
  const length = declaredLength(response);
  if (response.headers.get('content-encoding') !== null) return 'the server compresses parts of files';
  if (range !== undefined && range.start !== size) return 'the server sent another part than the one asked for';
  const total = range?.total ?? (length === undefined ? undefined : size + length);
  if (validators.total !== undefined && total !== undefined && total !== validators.total) return changed;
  if (digestPromised) {
    const etag = response.headers.get('etag');
    return etag !== null && isStrong(validators.etag) && etag !== validators.etag ? changed : undefined;
  }
  if (range === undefined && (validators.total === undefined || total === undefined)) {
    return 'the server does not say which part it sent';
  }
  if (isStrong(validators.etag)) return response.headers.get('etag') === validators.etag ? undefined : changed;
  return response.headers.get('last-modified') === validators.lastModified ? undefined : changed;
}

/** Why a server sent the whole file when a part was asked for. */
export function whyTheWhole(response: Response, { validators }: Continuation): string {
  const etag = response.headers.get('etag');
  return etag !== null && etag === validators.etag ? 'its server sends no parts of files' : changed;
}

const changed = 'the file changed on its server';

function strongValidator({ etag, lastModified }: Validators): string | undefined {
  return isStrong(etag) ? etag : lastModified;
}

function bare(etag: string): string {
  return etag.replace(/^W\//, '');
}

function isStrong(etag: string | undefined): etag is string {
  return etag !== undefined && !etag.startsWith('W/');
}

function rangeOf({ headers }: Response): { readonly start: number; readonly total: number | undefined } | undefined {
  const match = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers.get('content-range') ?? '');
  if (match === null) return undefined;
  return { start: Number(match[1]), total: match[2] === '*' ? undefined : Number(match[2]) };
}
