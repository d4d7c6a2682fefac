import type { RunEvent, StoredRun } from '../store/run-store';
import { canonicalText, inputKey, useKey } from './run-state';

/** Changes that one event carries. */
const mostInOneEvent = 100;
/** As little later as the numbers of the store can tell, milliseconds. */
const justLater = 0.001;

/** The entries that are not the same on the other side, in groups. */
function* changedEntries<T>(
  mine: Readonly<Record<string, T>>,
  theirs: Readonly<Record<string, T>> = {},
): Generator<Record<string, T>> {
  const changed = Object.entries(mine).filter(
    ([key, value]) => !Object.hasOwn(theirs, key) || !Object.is(theirs[key], value),
  );
  for (let at = 0; at < changed.length; at += mostInOneEvent) {
    yield Object.fromEntries(changed.slice(at, at + mostInOneEvent));
  }
}

function changedItems<T>(mine: readonly T[], theirs: readonly T[] = [], keyOf: (item: T) => string): readonly T[] {
  const known = new Map(theirs.map((item) => [keyOf(item), canonicalText(item)]));
  return mine.filter((item) => known.get(keyOf(item)) !== canonicalText(item));
}

/** What describes a run and is not the same on the other side: parameters, tags, datasets and models. */
export function descriptionEvents(run: StoredRun, there: StoredRun | undefined, now: number): readonly RunEvent[] {
  const events: RunEvent[] = [];
  // Nobody tells when each was logged, and a later one must count.
  for (const params of changedEntries(run.params, there?.params)) events.push({ type: 'params', at: now, params });
  for (const tags of changedEntries(run.tags, there?.tags)) events.push({ type: 'tags', at: now, tags });
  for (const dataset of changedItems(run.inputs, there?.inputs, inputKey)) {
    events.push({ type: 'input', at: now, dataset });
  }
  for (const model of changedItems(run.uses, there?.uses, useKey)) events.push({ type: 'use', at: now, model });
  return events;
}

/** Some servers keep whole milliseconds. */
function sameTime(mine: number, theirs: number): boolean {
  return mine === theirs || Math.floor(mine) === theirs;
}

function sameEnd(mine: NonNullable<StoredRun['end']>, theirs: StoredRun['end']): boolean {
  return (
    theirs !== undefined &&
    mine.status === theirs.status &&
    sameTime(mine.at, theirs.at) &&
    canonicalText(mine.error ?? null) === canonicalText(theirs.error ?? null)
  );
}

/** What says whether a run still goes on, where that is not the same on the other side. */
export function endEvents(run: StoredRun, there: StoredRun | undefined): readonly RunEvent[] {
  const { end, leaseUntil } = run;
  if (end !== undefined) {
    if (sameEnd(end, there?.end)) return [];
    return [{ type: 'end', at: end.at, status: end.status, ...(end.error === undefined ? {} : { error: end.error }) }];
  }
  if (there === undefined) return [];
  // Later than the end that it undoes, and earlier than every end that may come.
  if (there.end !== undefined) return [{ type: 'resume', at: there.end.at + justLater, leaseUntil }];
  return leaseUntil > there.leaseUntil ? [{ type: 'beat', at: run.startedAt, leaseUntil }] : [];
}

/**
 * The deletion of a run, or its restoration, where the other side does not have it.
 * @param deletedThere when it was deleted there
 */
export function lifecycleEvents(run: StoredRun, deletedThere: number | undefined): readonly RunEvent[] {
  const { deletedAt } = run;
  if (deletedAt !== undefined) {
    if (deletedThere !== undefined && sameTime(deletedAt, deletedThere)) return [];
    return [{ type: 'lifecycle', at: deletedAt, deleted: true }];
  }
  return deletedThere === undefined ? [] : [restoration(deletedThere)];
}

/** Takes a deletion back, and no later one. */
export function restoration(deletedAt: number): RunEvent {
  return { type: 'lifecycle', at: deletedAt + justLater, deleted: false };
}
