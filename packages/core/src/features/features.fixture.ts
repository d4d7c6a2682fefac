import { abortedError } from '../errors';
import { scriptedRunner } from '../resilience/scripted-runner.fixture';
import type { ModelSignature } from '../signature';
import type { VirtualClock } from '../testing/virtual-clock';
import type { Entity, FeatureRow, FeatureStore, FeatureValue } from './feature-store';

/* A store that does what a test says; not part of `@fairlead/core/features`. */

/** A model of one input of its caller's and two looked-up ones. */
export const clickSignature: ModelSignature = {
  inputs: [
    { name: 'x', dtype: 'float32', shape: ['batch', 2] },
    { name: 'user', dtype: 'float32', shape: ['batch', 3] },
    { name: 'country', dtype: 'string', shape: ['batch', 1] },
  ],
  outputs: [{ name: 'y', dtype: 'float32', shape: ['batch', 2] }],
  batchAxis: 0,
};

/** A model of the click signature. */
export function clickModel(clock: VirtualClock) {
  return scriptedRunner(clock, () => ({}), '0', clickSignature);
}

/** One read as the store saw it. */
export interface StoreCall {
  readonly entities: readonly Entity[];
  readonly features: readonly string[];
  readonly signal: AbortSignal | undefined;
  readonly at: number;
}

export interface ScriptedStore extends FeatureStore {
  readonly calls: readonly StoreCall[];
}

/** What the store does with a read. */
export interface StoreStep {
  /** @default 5 */
  readonly afterMs?: number;
  readonly error?: unknown;
  /** Never ends but by an abort. */
  readonly hangs?: boolean;
  /** Answers this instead of rows. */
  readonly answer?: unknown;
}

/** Knows `age`, `score` and `country` of every user but those whose id begins with `unknown`. */
export function scriptedStore(
  clock: VirtualClock,
  script: (call: number) => StoreStep = () => ({}),
  values: Readonly<Record<string, FeatureValue>> = { age: 40, score: [0.5, 0.25], country: 'CH' },
): ScriptedStore {
  const calls: StoreCall[] = [];
  const rowOf = (entity: Entity, features: readonly string[]): FeatureRow =>
    features.map((name) => {
      const value = values[name];
      if (value === undefined || String(Object.values(entity)[0]).startsWith('unknown')) return undefined;
      return { value, atEpochMs: clock.epochMs() - 1000 };
    });
  return {
    name: 'scripted',
    isLocal: false,
    calls,
    read(entities, features, { signal }) {
      const { afterMs = 5, error, hangs = false, answer } = script(calls.length);
      calls.push({ entities: [...entities], features, signal, at: clock.now() });
      return new Promise((resolve, reject) => {
        signal?.addEventListener('abort', () => reject(abortedError(signal, 'The read')), { once: true });
        if (hangs) return;
        clock.setTimer(() => {
          if (error !== undefined) reject(error);
          else resolve((answer ?? entities.map((entity) => rowOf(entity, features))) as readonly FeatureRow[]);
        }, afterMs);
      });
    },
  };
}
