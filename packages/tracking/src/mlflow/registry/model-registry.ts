import { type CallOptions, type Clock, FairleadError, type Logger, messageOf, throwIfAborted } from '@fairlead/core';
import { createSerial } from '../../serial';
import type { CommitResult, RegistryChange, StoredModel, StoredVersion } from '../../store/registry-store';
import type { MlflowClient } from '../client';
import { type AdoptedVersions, createAdoption, removeLeftovers } from './adoption';
import { createOnce, newToken, pause } from './create-once';
import { tagOf } from './entry';
import { type Glance, type Glancer, logNameOf, logTags } from './glance';
import { followGlance, ModelLog, noSource } from './model-log';
import type { BlobPlace, BlobPlaces } from './places';
import { project, projectRest, shownDescription, shownTags } from './projection';

/** What the registry of one model needs. */
export interface OneModelOptions {
  readonly client: MlflowClient;
  readonly glancer: Glancer;
  readonly clock: Clock;
  readonly places: BlobPlaces;
  readonly adopt: AdoptedVersions;
  readonly logger: Logger;
}

/** One model on a server. */
export interface OneModel {
  /** Counts what changes the model, as far as it was read. */
  readonly revision: number;
  read(call: CallOptions): Promise<StoredModel | undefined>;
  commit(
    decide: (model: StoredModel | undefined) => RegistryChange | undefined,
    call: CallOptions,
  ): Promise<CommitResult>;
}

/** Lost races in a row; each means that somebody else's commit went through. */
const maxAttempts = 1000;
/** How often the log may grow while what others did is compared with it. */
const maxRounds = 8;

/** A version on the server that is not in the log yet. */
interface DraftVersion {
  readonly number: string;
  readonly digest: string;
  readonly place: BlobPlace | undefined;
}

/** The version that a commit made and that is to be deleted unless it comes into the log. */
interface Drafts {
  current: DraftVersion | undefined;
}

/** Reads and commits one model. */
export function createOneModel(name: string, options: OneModelOptions): OneModel {
  const { client, glancer, clock, places, adopt, logger } = options;
  const log = new ModelLog(client, clock, name, (blob, place) => places.learn(blob, place));
  const adoption = createAdoption({ client, log, name, clock, adopt, logger });
  const context = { client, glancer, log, name };
  const serial = createSerial();
  /** Entries of ours that could not be shown. */
  const unshown = new Set<number>();
  let glance: Glance = {};
  let trouble: string | undefined;

  /** Tells the same trouble once in a row. */
  const warn = (what: string, error: unknown): void => {
    const text = `${what} "${name}" on the MLflow server: ${messageOf(error)}`;
    if (text !== trouble) logger.warn({ name, error }, text);
    trouble = text;
  };

  /** Brings what is known up to date with the log; answers whether the glance may be older than it. */
  const catchUp = async (call: CallOptions): Promise<boolean> => {
    glance = await glancer.look(name, call);
    const isBehind = followGlance(log, glance.log);
    const hadPending = log.pending.length > 0;
    if (isBehind || hadPending) await log.advance(call);
    if (log.pending.length === 0) return isBehind || hadPending;
    try {
      await projectRest(context, { isOwn: (number) => unshown.has(number), now: clock.epochMs() });
      for (const number of unshown) if (!log.pending.some((entry) => entry.number === number)) unshown.delete(number);
    } catch (error) {
      warn('Could not show all changes of', error);
    }
    return true;
  };

  /** Takes over what other clients did; answers whether it must be looked again. */
  const adoptOthers = async (isStale: boolean, call: CallOptions): Promise<boolean> => {
    // What is not shown yet would look like the work of another client.
    if (log.pending.length > 0) return false;
    const changes = await adoption.find(glance.model, isStale, call);
    if (changes === 'stale') return true;
    if (changes.length === 0) return false;
    await ensureLog();
    for (const change of changes) if ((await log.append(change)) === undefined) return true;
    return false;
  };

  const refresh = async (call: CallOptions): Promise<void> => {
    for (let round = 0; round < maxRounds; round++) {
      throwIfAborted(call.signal, 'Reading the registry');
      const isStale = await catchUp(call);
      try {
        if (!(await adoptOthers(isStale, call))) return;
      } catch (error) {
        throwIfAborted(call.signal, 'Reading the registry');
        // Whoever may only read the server still reads what is in the log.
        warn('Could not adopt what other clients did to', error);
        return;
      }
    }
  };

  const present = (): StoredModel | undefined => (log.isEmpty && glance.model === undefined ? undefined : log.model);

  const create = async (model: string, draft: { description?: string; tags?: Readonly<Record<string, string>> }) => {
    try {
      return await client.models.create(model, draft);
    } catch (error) {
      if (FairleadError.isInstance(error, 'ALREADY_EXISTS')) return client.models.get(model);
      // The answer may be lost: only where the model is not there is the error one.
      if (!FairleadError.isInstance(error, 'REMOTE_FAILED')) throw error;
      return client.models.get(model).catch(() => {
        throw error;
      });
    }
  };

  /** Makes the log where it is missing. */
  const ensureLog = async (): Promise<void> => {
    if (glance.log !== undefined) return;
    const description = `The history of the model "${name}", kept by @fairlead/tracking. Each version is a commit; do not delete or change any.`;
    await create(logNameOf(name), { description, tags: logTags });
    glance = await glancer.look(name);
    followGlance(log, glance.log);
  };

  const discard = async (draft: DraftVersion | undefined): Promise<void> => {
    if (draft === undefined) return;
    try {
      await client.versions.delete(name, draft.number);
    } catch (error) {
      // It is marked, so it counts nowhere and is removed later.
      warn('Could not delete a version that was not committed of', error);
    }
  };

  /** Makes the version that MLflow's users will see, marked as one that does not count yet. */
  const createDraft = async (version: StoredVersion, call: CallOptions): Promise<DraftVersion> => {
    const { digest, size, run, description } = version;
    const place = await places.find({ digest, size }, { ...call, ...(run === undefined ? {} : { run }) });
    throwIfAborted(call.signal, 'The registry commit');
    const made = await createOnce(client, clock, tagOf.pending, {
      name,
      source: place?.folder ?? `${noSource}/${digest}`,
      ...(place?.runId === undefined ? {} : { runId: place.runId }),
      ...(description === undefined ? {} : { description: shownDescription(description) }),
      tags: {
        ...shownTags(version.tags),
        [tagOf.digest]: digest,
        ...(place === undefined ? {} : { [tagOf.file]: place.file }),
        [tagOf.pending]: newToken(),
      },
    });
    const draft = { number: made.version, digest, place };
    if (!log.model.versions.some((known) => known.version === made.version)) return draft;
    await discard(draft);
    throw new FairleadError(
      'CONFLICT',
      `The registered model "${name}" was deleted on the MLflow server and made anew, so its numbers begin again. Delete ` +
        `"${logNameOf(name)}" as well, with which its history goes, or register under another name.`,
      { details: { field: 'name', expected: 'a model whose numbers go on', given: made.version } },
    );
  };

  /** Appends a change. A version that may be in the log, because nobody could say what came of it, is left where it is. */
  const append = async (change: RegistryChange, draft: DraftVersion | undefined, drafts: Drafts) => {
    try {
      const place = draft?.place;
      const kept = await log.append({ change, ...(place === undefined ? {} : { place }) });
      if (kept === undefined) drafts.current ??= draft;
      return kept;
    } catch (error) {
      const isUnknown =
        FairleadError.isInstance(error, 'REMOTE_FAILED') || FairleadError.isInstance(error, 'PROTOCOL_ERROR');
      if (!isUnknown) drafts.current ??= draft;
      throw error;
    }
  };

  const attempts = async (
    decide: (model: StoredModel | undefined) => RegistryChange | undefined,
    call: CallOptions,
    drafts: Drafts,
  ): Promise<CommitResult> => {
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      throwIfAborted(call.signal, 'The registry commit');
      await refresh(call);
      let change = decide(present());
      if (change === undefined) return { model: present(), change };
      if (glance.model === undefined) glance = { ...glance, model: await create(name, {}) };
      await ensureLog();
      if (change.type === 'version') {
        if (drafts.current?.digest !== change.version.digest) {
          await discard(drafts.current);
          drafts.current = undefined;
          drafts.current = await createDraft(change.version, call);
        }
        change = { ...change, version: { ...change.version, version: drafts.current.number } };
      }
      // From here on it is not to be aborted: nobody could say whether the change was kept.
      throwIfAborted(call.signal, 'The registry commit');
      const draft = change.type === 'version' ? drafts.current : undefined;
      if (draft !== undefined) drafts.current = undefined;
      const kept = await append(change, draft, drafts);
      if (kept === undefined) {
        await pause(clock, Math.random() * Math.min(20 * 2 ** attempt, 2000));
        continue;
      }
      if (log.pending.some(({ number }) => number === kept.number)) {
        try {
          await project(context, kept);
        } catch (error) {
          // It is kept, and the next look shows it.
          unshown.add(kept.number);
          warn('Could not show a change of', error);
        }
      }
      return { model: present(), change: kept.change as RegistryChange };
    }
    throw new FairleadError('CONFLICT', `The registry of "${name}" changes too fast. Try again.`, {
      details: { field: 'name', given: name },
    });
  };

  const clean = async (): Promise<void> => {
    try {
      const { model } = await glancer.look(name);
      if (model === undefined) return;
      const versions = await adoption.list(model, {});
      await removeLeftovers(client, versions, log.model, logger);
    } catch (error) {
      warn('Could not look for what is left over of', error);
    }
  };

  return {
    get revision() {
      return log.revision;
    },
    read: (call) =>
      serial(async () => {
        await refresh(call);
        trouble = log.pending.length === 0 ? undefined : trouble;
        return present();
      }),
    commit: (decide, call) =>
      serial(async () => {
        const drafts: Drafts = { current: undefined };
        try {
          const result = await attempts(decide, call, drafts);
          if (result.change?.type === 'version') await clean();
          return result;
        } finally {
          await discard(drafts.current);
        }
      }),
  };
}
