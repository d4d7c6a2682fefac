import { FairleadError, messageOf } from '../errors';
import type { EventSource } from '../events';
import type { Closeable } from '../lifecycle';
import { closeable } from '../lifecycle';
import type { Arms } from './arms';
import type { HistoryEntry } from './contracts';
import type { Controller } from './controller';
import type { RolloutSettings } from './options';
import { isActive } from './plan';
import type { RolloutEventMap } from './result';

/** Ties a rollout to a registry's alias. */
export interface AliasLink extends Closeable {
  /** The rollout came to a decision here: the alias follows. */
  follow(entry: HistoryEntry): void;
  /** Tries again what failed. */
  retry(): void;
}

/**
 * Moves the alias with the rollout: to the version that was promoted, and back to the champion's where it stands elsewhere when
 * the rollout ends otherwise. Where somebody else moves it to a challenger's version, the rollout starts; to the champion's, what
 * runs is aborted, and what was promoted rolled back.
 */
export function linkAlias(
  { alias, name, logger }: Pick<RolloutSettings, 'alias' | 'name' | 'logger'>,
  arms: Arms,
  controller: Controller,
  events: EventSource<RolloutEventMap>,
): AliasLink {
  // As it is now: a champion that follows the same alias is of the version that was promoted by the time somebody rolls back.
  const championVersion = arms.champion.runner.model.version;
  let wanted: { readonly version: string; readonly entry: HistoryEntry } | undefined;
  let moved: string | undefined;
  let moving: Promise<void> = Promise.resolve();

  const tell = (error: unknown, message: string): void => {
    if (events.listenerCount('alias-fail') === 0) logger.warn({ error }, `${name}: ${message}: ${messageOf(error)}`);
    events.emit('alias-fail', { error });
  };

  const move = async (): Promise<void> => {
    if (alias === undefined || wanted === undefined) return;
    const { version, entry } = wanted;
    try {
      moved = version;
      if ((await alias.read()) !== version) {
        const { actor, reason, from, to, weights, evidence } = entry;
        await alias.move(version, {
          actor: `rollout ${name} (${actor})`,
          reason,
          data: { rollout: name, from, to, weights, evidence },
        });
      }
      if (wanted.entry === entry) wanted = undefined;
    } catch (error) {
      tell(error, 'the alias could not be moved, which is tried again');
    }
  };

  /** Whether the rollout stands as a move of the alias wants it. */
  const isFollowed = (version: string): boolean => {
    const { status } = controller.record.stored;
    const isIn = isActive(status) || status === 'promoted';
    return version === championVersion ? !isIn : isIn;
  };

  const onMove = (version: string): void => {
    if (version === moved) return;
    moved = undefined;
    const { status } = controller.record.stored;
    const by = { actor: 'alias', reason: `The alias was moved to version ${version}.` };
    const act = (): Promise<void> | undefined => {
      if (version === championVersion) {
        if (isActive(status)) return controller.abort(by);
        return status === 'promoted' ? controller.rollback(by) : undefined;
      }
      if (isActive(status) || status === 'promoted') return undefined;
      return controller.start(by, version);
    };
    void act()?.catch((error: unknown) => {
      // Another replica has heard of it too, and was first.
      if (FairleadError.isInstance(error, 'CONFLICT') && isFollowed(version)) return;
      tell(error, `the alias was moved to version ${version}, which could not be followed`);
    });
  };

  const watching = alias?.watch(onMove);
  return {
    follow(entry) {
      const { to } = entry;
      const ends = to === 'promoted' || to === 'rolled-back' || to === 'aborted';
      const promoted = arms.get(controller.record.stored.promoted ?? '')?.runner?.model.version;
      const version = to === 'promoted' ? promoted : championVersion;
      if (alias === undefined || !ends || version === undefined) return;
      // A person who moved it knows where it is.
      if (entry.actor === 'alias') return;
      wanted = { version, entry };
      moving = moving.then(move);
    },
    retry() {
      if (wanted !== undefined) moving = moving.then(move);
    },
    ...closeable(async () => {
      await watching?.close();
      await moving;
    }),
  };
}
