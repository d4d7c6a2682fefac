import { isHexName } from '../embedded/batch-codec';
import { checkArtifactName, checkModelName, checkTitle, checkVersion, invalidArgument, isDigest } from '../names';
import { checkDatasetInput } from '../run/dataset-draft';
import { checkParams, checkRecord, checkTags, runErrorOf } from '../run/values';
import { redactRecord } from '../secrets';
import type { RunEvent } from '../store/run-store';
import type { StoreLimits } from '../store/tracking-store';

/** Tags that begin so are the relay's own. */
export const relayTagStart = 'relay.';

/** What an event is checked against. */
export interface EventRules {
  /** The run that the page sends. */
  readonly run: string;
  readonly limits: StoreLimits | undefined;
  /** Epoch milliseconds of the server: no lease reaches more than a day beyond it. */
  readonly now: number;
}

const longestLeaseMs = 24 * 60 * 60 * 1000;
const longestParam = 6000;
const kinds: ReadonlySet<unknown> = new Set(['file', 'image', 'table', 'figure', 'text']);
const endings: ReadonlySet<unknown> = new Set(['FINISHED', 'FAILED', 'KILLED', 'INTERRUPTED']);

function checkTime(field: string, time: unknown): asserts time is number {
  if (typeof time === 'number' && time >= 0 && time <= Number.MAX_SAFE_INTEGER) return;
  throw invalidArgument(field, 'milliseconds since 1970', time);
}

function leaseOf(lease: unknown, now: number): number {
  checkTime('leaseUntil', lease);
  return Math.min(lease, now + longestLeaseMs);
}

function checkText(field: string, text: unknown): asserts text is string {
  if (typeof text !== 'string') throw invalidArgument(field, 'a text', text);
}

function paramsOf(params: unknown): Readonly<Record<string, string | number | boolean>> {
  checkParams(params);
  for (const [key, value] of Object.entries(params)) {
    if (typeof value === 'string' && value.length > longestParam) {
      throw invalidArgument(`params.${key}`, `at most ${longestParam} characters; longer texts are artifacts`, value);
    }
  }
  return redactRecord(params, () => {});
}

function tagsOf(tags: unknown, limits: StoreLimits | undefined): Readonly<Record<string, string>> {
  checkTags(tags, limits);
  const own = Object.keys(tags).find((key) => key.startsWith(relayTagStart));
  if (own !== undefined)
    throw invalidArgument(`tags.${own}`, `named otherwise: "${relayTagStart}" is the relay's`, own);
  return redactRecord(tags, () => {});
}

function artifactOf(event: Extract<RunEvent, { type: 'artifact' }>): RunEvent {
  const { type, at, name, digest, size, kind, mediaType, step } = event;
  checkArtifactName(name);
  if (typeof digest !== 'string' || !isDigest(digest))
    throw invalidArgument('digest', 'a SHA-256 in lower-case hex', digest);
  if (!Number.isSafeInteger(size) || size < 0)
    throw invalidArgument('size', 'a whole number of bytes, 0 or more', size);
  if (kind !== undefined && !kinds.has(kind)) throw invalidArgument('kind', [...kinds].join(', '), kind);
  if (
    mediaType !== undefined &&
    (typeof mediaType !== 'string' || !/^[\w.+-]+\/[\w.+-]+(;[ -~]*)?$/.test(mediaType) || mediaType.length > 200)
  ) {
    throw invalidArgument('mediaType', 'a media type such as image/png', mediaType);
  }
  if (step !== undefined && !Number.isSafeInteger(step)) throw invalidArgument('step', 'a whole number', step);
  return {
    type,
    at,
    name,
    digest,
    size,
    ...(kind === undefined ? {} : { kind }),
    ...(mediaType === undefined ? {} : { mediaType }),
    ...(step === undefined ? {} : { step }),
  };
}

function endOf(event: Extract<RunEvent, { type: 'end' }>): RunEvent {
  const { type, at, status, error } = event;
  if (!endings.has(status)) throw invalidArgument('status', [...endings].join(', '), status);
  if (error === undefined) return { type, at, status };
  checkRecord('error', error);
  checkText('error.name', error.name);
  checkText('error.message', error.message);
  if (error.code !== undefined) checkText('error.code', error.code);
  const { message } = runErrorOf(error.message);
  const code = error.code === undefined ? {} : { code: error.code.slice(0, 200) };
  return { type, at, status, error: { name: error.name.slice(0, 200), message, ...code } };
}

function startOf(event: Extract<RunEvent, { type: 'start' }>, { run, now }: EventRules): RunEvent {
  const { type, at, id, experiment, name, parent, leaseUntil } = event;
  if (id !== run) throw invalidArgument('id', `the id of the run, ${run}`, id);
  for (const [field, title] of Object.entries({ experiment, name })) {
    checkText(field, title);
    checkTitle(field, title);
  }
  if (parent !== undefined && !isHexName(parent)) throw invalidArgument('parent', 'the id of a run', parent);
  return {
    type,
    at,
    id,
    experiment,
    name,
    ...(parent === undefined ? {} : { parent }),
    leaseUntil: leaseOf(leaseUntil, now),
  };
}

function useOf(event: Extract<RunEvent, { type: 'use' }>): RunEvent {
  checkRecord('model', event.model);
  const { name, version, digest } = event.model;
  checkModelName(name);
  checkVersion(version);
  if (digest !== undefined && (typeof digest !== 'string' || !isDigest(digest))) {
    throw invalidArgument('model.digest', 'a SHA-256 in lower-case hex', digest);
  }
  return { type: 'use', at: event.at, model: { name, version, ...(digest === undefined ? {} : { digest }) } };
}

/**
 * An event of a page as it is kept: checked as the tracker checks what is logged to it, without what no event has, and
 * without secrets.
 * @throws FairleadError `INVALID_ARGUMENT`, `LIMIT_EXCEEDED`
 */
export function checkEvent(event: RunEvent, rules: EventRules): RunEvent {
  const { at } = event;
  checkTime('at', at);
  switch (event.type) {
    case 'start':
      return startOf(event, rules);
    case 'params':
      return { type: 'params', at, params: paramsOf(event.params) };
    case 'tags':
      return { type: 'tags', at, tags: tagsOf(event.tags, rules.limits) };
    case 'artifact':
      return artifactOf(event);
    case 'input':
      return { type: 'input', at, dataset: checkDatasetInput(event.dataset) };
    case 'use':
      return useOf(event);
    case 'beat':
    case 'resume':
      return { type: event.type, at, leaseUntil: leaseOf(event.leaseUntil, rules.now) };
    case 'end':
      return endOf(event);
    case 'lifecycle':
      throw invalidArgument('type', 'what a page may log; runs are deleted and restored by the server', event.type);
  }
}
