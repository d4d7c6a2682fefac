import { messageOf } from '../errors';
import type { Guardrail } from './contracts';
import type { RequestObserver } from './observer';
import type { RolloutSettings } from './options';

/** What a rollout asks of its user's functions beside the way of requests. */
type Hooks = Pick<RolloutSettings, 'guardrails' | 'observers' | 'costOf' | 'driftOf'>;

/** Settings whose functions throw nothing. */
export interface HarmlessHooks<S extends Hooks> {
  readonly settings: S;
  /** What threw so far, a sentence each. */
  failures(): readonly string[];
}

/**
 * Makes settings whose functions cost nobody an answer: what one of them throws, or rejects with, counts as nothing said, is logged once,
 * and stays to be read. What is no number where one is expected counts as nothing said too.
 */
export function harmlessHooks<S extends Hooks & Pick<RolloutSettings, 'name' | 'logger'>>(
  settings: S,
): HarmlessHooks<S> {
  const failures = new Map<string, string>();

  const told = (what: string, error: unknown): undefined => {
    if (failures.has(what)) return;
    const failure = `${what} has thrown, which counts as nothing said: ${messageOf(error)}`;
    failures.set(what, failure);
    settings.logger.error({ error }, `${settings.name}: ${failure} (This is said once.)`);
  };
  const guarded =
    <A extends readonly unknown[], R>(what: string, call: (...args: A) => R) =>
    (...args: A): R | undefined => {
      try {
        const answer: unknown = call(...args);
        // Somebody gave an async function: nobody waits for it, and it must not end the process.
        if (answer instanceof Promise) answer.catch((error: unknown) => told(what, error));
        return answer as R;
      } catch (error) {
        return told(what, error);
      }
    };
  const numberFrom = <A extends readonly unknown[]>(what: string, call: (...args: A) => number | undefined) => {
    const asked = guarded(what, call);
    return (...args: A): number | undefined => {
      const value = asked(...args);
      return typeof value === 'number' && !Number.isNaN(value) ? value : undefined;
    };
  };

  const { guardrails, observers, costOf, driftOf } = settings;
  const hooks: Hooks = {
    guardrails: guardrails.map((guardrail): Guardrail => {
      const { name, harmfulWhen, margin, bounds, windowMs } = guardrail;
      const measure = numberFrom(`The guardrail "${name}"`, (block: Parameters<Guardrail['measure']>[0]) =>
        guardrail.measure(block),
      );
      return { name, harmfulWhen, margin, bounds, measure, ...(windowMs === undefined ? {} : { windowMs }) };
    }),
    observers: observers.map((observer, index): RequestObserver => {
      const heard = <K extends 'onRequest' | 'onAnswer' | 'onFailure'>(method: K) => {
        type Listener = (...args: Parameters<NonNullable<RequestObserver[K]>>) => void;
        const call: Listener = (...args) => (observer[method] as Listener | undefined)?.apply(observer, args);
        return guarded(`observers.${index}.${method}`, call);
      };
      return { onRequest: heard('onRequest'), onAnswer: heard('onAnswer'), onFailure: heard('onFailure') };
    }),
    ...(costOf === undefined ? {} : { costOf: numberFrom('costOf', costOf) }),
    ...(driftOf === undefined ? {} : { driftOf: numberFrom('driftOf', driftOf) }),
  };
  return { settings: { ...settings, ...hooks }, failures: () => [...failures.values()] };
}
