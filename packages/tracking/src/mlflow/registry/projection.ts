import { FairleadError } from '@fairlead/core';
import type { StoredVersion } from '../../store/registry-store';
import type { MlflowClient } from '../client';
import { type LogEntry, ownPrefix, tagOf } from './entry';
import { type Glancer, highestOf } from './glance';
import type { ModelLog } from './model-log';

/*
 * What MLflow's own users see of a commit. It comes after the commit, which counts whether or not anybody sees it; who finds
 * an entry that was not shown for a minute shows it.
 */

/** How often an alias is set again because others set it as well. */
const maxTries = 20;
/** Characters of a tag or a description that every server and database keeps. */
const maxLength = 5000;

/** What a projection needs. */
export interface ProjectionContext {
  readonly client: MlflowClient;
  readonly glancer: Glancer;
  readonly log: ModelLog;
  readonly name: string;
}

/** What is shown of the tags of a version: those that a server keeps whole. */
export function shownTags(tags: StoredVersion['tags']): Readonly<Record<string, string>> {
  const entries = Object.entries(tags);
  return Object.fromEntries(entries.filter(([key, value]) => !key.startsWith(ownPrefix) && value.length <= maxLength));
}

/** What is shown of a description. */
export function shownDescription(description: string): string {
  return [...description.slice(0, maxLength * 2)].slice(0, maxLength).join('');
}

/** What is not there any more needs no change. */
async function unlessGone(work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!FairleadError.isInstance(error, 'NOT_FOUND')) throw error;
  }
}

function isOfAlias({ change }: LogEntry, alias: string): boolean {
  return typeof change !== 'string' && change.type === 'alias' && change.alias === alias;
}

async function projectAlias(context: ProjectionContext, alias: string, number: number): Promise<void> {
  const { client, glancer, log, name } = context;
  for (let attempt = 0; attempt < maxTries; attempt++) {
    const target = log.model.aliases[alias];
    await unlessGone(
      target === undefined ? client.models.deleteAlias(name, alias) : client.models.setAlias(name, alias, target),
    );
    const { model, log: shown } = await glancer.look(name);
    if (log.isBehind(highestOf(shown))) await log.advance({});
    const wanted = log.model.aliases[alias];
    if (model?.aliases[alias] === wanted) return;
    // Nobody else of us is at it, and it was decided nothing new: another client moved it, which is for the next to adopt.
    const others = log.pending.some((entry) => entry.number !== number && isOfAlias(entry, alias));
    if (wanted === target && !others) return;
  }
}

async function projectAnnotation(
  { client, log, name }: ProjectionContext,
  version: string,
  change: LogEntry['change'],
) {
  const known = log.model.versions.find((candidate) => candidate.version === version);
  if (typeof change === 'string' || change.type !== 'annotate' || known === undefined) return;
  if (change.description !== undefined) {
    await unlessGone(client.versions.describe(name, version, shownDescription(known.description ?? '')));
  }
  const shown = shownTags(known.tags);
  for (const key of Object.keys(change.tags ?? {})) {
    if (key.startsWith(ownPrefix)) continue;
    const value = shown[key];
    await unlessGone(
      value === undefined
        ? client.versions.deleteTag(name, version, key)
        : client.versions.setTag(name, version, key, value),
    );
  }
}

/** Shows an entry to MLflow's users, as the model stands now. It may be done twice. */
export async function project(context: ProjectionContext, entry: LogEntry): Promise<void> {
  const { client, log, name } = context;
  const { change, number } = entry;
  if (typeof change !== 'string') {
    if (change.type === 'version') {
      await unlessGone(client.versions.deleteTag(name, change.version.version, tagOf.pending));
    } else if (change.type === 'alias') await projectAlias(context, change.alias, number);
    else if (change.type === 'annotate') await projectAnnotation(context, change.version, change);
    else if (change.type === 'delete') await unlessGone(client.versions.delete(name, change.version));
  }
  await log.markProjected(number);
}

/** An entry that nobody showed for so long is shown by whoever finds it: its writer died on the way. Milliseconds. */
const overdueMs = 60_000;

/** Shows what was left: entries of our own that could not be shown, and those of others whose time has passed. */
export async function projectRest(
  context: ProjectionContext,
  { isOwn, now }: { readonly isOwn: (number: number) => boolean; readonly now: number },
): Promise<void> {
  for (const entry of context.log.pending) {
    if (isOwn(entry.number) || now - entry.createdAt > overdueMs) await project(context, entry);
  }
}
