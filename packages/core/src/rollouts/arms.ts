import type { Clock } from '../clock';
import { FairleadError, messageOf, throwIfAborted } from '../errors';
import type { EventSource } from '../events';
import type { Logger } from '../logger';
import { optionError } from '../option-checks';
import { Circuit } from '../resilience/circuit';
import { checkInterchangeable } from '../runner/model-info';
import type { ModelRunner } from '../runner/runner';
import { championArm } from './contracts';
import type { BlockFormer } from './evidence/blocks';
import { type Challenger, isRunner, type RolloutSettings } from './options';
import type { RolloutEventMap } from './result';

/** What may answer a request. */
export interface Arm {
  readonly name: string;
  /** Absent while it could not be loaded. */
  runner: ModelRunner | undefined;
  /** Absent for the champion, who is never left alone. */
  readonly circuit: Circuit | undefined;
  /** Where its requests become evidence; the champion's is that of the control slice. */
  former: BlockFormer | undefined;
  readonly counts: { requests: number; failures: number; fellBack: number; diverted: number };
}

/** The arms of a rollout. */
export interface Arms {
  readonly champion: Arm & { readonly runner: ModelRunner };
  readonly challengers: readonly Arm[];
  readonly all: readonly Arm[];
  get(name: string): Arm | undefined;
  /**
   * Makes the runners that are not there yet.
   * @param names @default all challengers
   * @throws what the first of them failed with, after each was tried
   */
  load(names?: readonly string[]): Promise<void>;
  /**
   * Loads challengers for a version: those given as functions are made anew where they are of another one.
   * @throws as `load()`; FairleadError `NOT_FOUND` where no challenger is of that version then
   */
  loadVersion(version: string): Promise<void>;
  /** Closes every runner; rejects with the first failure. */
  close(): Promise<void>;
}

export interface ArmsParts {
  readonly settings: Pick<RolloutSettings, 'name' | 'champion' | 'challengers'> & {
    readonly breaker: Pick<RolloutSettings['breaker'], 'failures' | 'halfOpenAfterMs'>;
  };
  readonly clock: Clock;
  readonly logger: Logger;
  readonly events: EventSource<RolloutEventMap>;
  /** A runner that was made joins the events of the others. */
  onLoad(runner: ModelRunner): void;
}

/**
 * Makes the arms.
 * @throws FairleadError `SIGNATURE_MISMATCH` for a runner that cannot take the champion's place
 */
export function createArms({ settings, clock, logger, events, onLoad }: ArmsParts): Arms {
  const { champion: championRunner, challengers: given, breaker } = settings;
  const { signature } = championRunner;
  const counts = (): Arm['counts'] => ({ requests: 0, failures: 0, fellBack: 0, diverted: 0 });
  const champion = {
    name: championArm,
    runner: championRunner,
    circuit: undefined,
    former: undefined,
    counts: counts(),
  } as Arm & { readonly runner: ModelRunner };

  const circuitOf = (arm: string): Circuit => {
    const retryAfterMs = breaker.halfOpenAfterMs;
    return new Circuit(breaker.failures as ConstructorParameters<typeof Circuit>[0], retryAfterMs, clock, {
      onOpen(error) {
        if (events.listenerCount('arm-open') === 0) {
          const message = `${settings.name}: ${arm} keeps failing, the champion gets its requests for ${retryAfterMs} ms: ${messageOf(error)}`;
          logger.warn({ error }, message);
        }
        events.emit('arm-open', { arm, error, retryAfterMs });
      },
      onProbe() {},
      onClose: (openMs) => events.emit('arm-close', { arm, openMs }),
    });
  };

  const challengers = Object.entries(given).map(([name, challenger]): Arm => {
    const runner = typeof challenger === 'function' ? undefined : challenger;
    if (runner !== undefined) checkInterchangeable(signature, runner.signature);
    return { name, runner, circuit: circuitOf(name), former: undefined, counts: counts() };
  });
  const all: readonly Arm[] = [champion, ...challengers];
  const byName = new Map(all.map((arm) => [arm.name, arm]));

  const closing = new AbortController();
  /** Those that are being made, so that nobody makes one twice. */
  const making = new Map<Arm, Promise<void>>();
  const make = (arm: Arm): Promise<void> => {
    let made = making.get(arm);
    if (made === undefined) {
      made = makeOne(arm, closing.signal).finally(() => making.delete(arm));
      making.set(arm, made);
    }
    return made;
  };

  const makeOne = async (arm: Arm, signal: AbortSignal): Promise<void> => {
    const challenger = given[arm.name] as Challenger;
    if (arm.runner !== undefined || typeof challenger !== 'function') return;
    const runner = await challenger({ signal });
    if (!isRunner(runner)) {
      throw optionError('createRollout', `challengers.${arm.name}`, 'a function that makes a ModelRunner', runner);
    }
    try {
      throwIfAborted(signal, `${settings.name}: loading ${arm.name}`);
      checkInterchangeable(signature, runner.signature);
    } catch (error) {
      await runner.close();
      throw error;
    }
    arm.runner = runner;
    onLoad(runner);
  };

  const tell = (arm: string, error: unknown): void => {
    if (events.listenerCount('arm-load-fail') === 0) {
      const message = `${settings.name}: ${arm} could not be loaded, the champion serves: ${messageOf(error)}`;
      logger.warn({ error }, message);
    }
    events.emit('arm-load-fail', { arm, error });
  };

  const arms: Arms = {
    champion,
    challengers,
    all,
    get: (name) => byName.get(name),
    async loadVersion(version) {
      for (const arm of challengers) {
        const { runner } = arm;
        if (runner === undefined || runner.model.version === version || typeof given[arm.name] !== 'function') continue;
        arm.runner = undefined;
        await runner.close();
      }
      await arms.load();
      if (challengers.some(({ runner }) => runner?.model.version === version)) return;
      const versions = challengers.map(({ runner }) => runner?.model.version).join(', ');
      throw new FairleadError(
        'NOT_FOUND',
        `${settings.name}: no challenger is of version ${version}, but of ${versions}. Give the challenger as a function that loads what the alias points to.`,
        { details: { field: 'version', expected: versions, given: version } },
      );
    },
    async load(names) {
      const wanted = challengers.filter((arm) => names?.includes(arm.name) ?? true);
      const ends = await Promise.allSettled(wanted.map(make));
      ends.forEach((end, index) => {
        if (end.status === 'rejected') tell((wanted[index] as Arm).name, end.reason);
      });
      for (const end of ends) if (end.status === 'rejected') throw end.reason;
    },
    async close() {
      closing.abort();
      await Promise.allSettled(making.values());
      const ends = await Promise.allSettled(all.map(async ({ runner }) => runner?.close()));
      for (const end of ends) if (end.status === 'rejected') throw end.reason;
    },
  };
  return arms;
}
