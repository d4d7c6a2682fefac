import type { CallOptions } from '../lifecycle';

/** A value that a join key takes. */
export type KeyValue = string | number | bigint;

/**
 * What features belong to: its join keys by name, such as `{ user_id: 'u1' }` or `{ customer_id: 7, driver_id: 1001 }`.
 * Two entities with the same names and values are one, whatever the order of the names.
 */
export type Entity = Readonly<Record<string, KeyValue>>;

/** One element of a feature. */
export type FeatureElement = number | bigint | string | boolean;

/** The value of a feature: one element, or the elements of a vector. */
export type FeatureValue = FeatureElement | readonly FeatureElement[];

/** A feature as a store knows it. */
export interface StoredFeature {
  readonly value: FeatureValue;
  /** When it was true or was written, in milliseconds since 1970-01-01 UTC; absent where the store does not know. */
  readonly atEpochMs?: number;
}

/** The features of one entity, in the order asked for; `undefined` for one that the store does not have. */
export type FeatureRow = readonly (StoredFeature | undefined)[];

/**
 * Where features are looked up. One call reads many entities, so that what a service asks at one time is one round trip.
 * A store holds no connection of its own making: a client belongs to the user, who closes it.
 */
export interface FeatureStore {
  /** For messages and the label `store` of metrics: `memory`, `redis`, `feast`. */
  readonly name: string;
  /** Whether entity keys stay on this device. A request that is `local-only` is refused where they do not. */
  readonly isLocal: boolean;
  /**
   * Reads features.
   *
   * @param entities none twice; 1 or more
   * @param features names; none twice; 1 or more
   * @param options `signal`: nobody waits for the answer any more
   * @returns a row for each entity, in their order. An entity that the store does not know is a row of `undefined`.
   */
  read(entities: readonly Entity[], features: readonly string[], options: CallOptions): Promise<readonly FeatureRow[]>;
}

/** One text for each entity, the same for equal ones: what they are compared by. */
export function entityId(entity: Entity): string {
  const names = Object.keys(entity);
  if (names.length > 1) names.sort();
  let id = '';
  for (const name of names) {
    const value = entity[name] as KeyValue;
    // A number and a big integer of the same digits are the same key; a text of these digits is another.
    id += `${JSON.stringify(name)}:${typeof value === 'string' ? JSON.stringify(value) : String(value)},`;
  }
  return id;
}

/** An entity for a person: `user_id=u1`. */
export function describeEntity(entity: Entity): string {
  const text = Object.entries(entity)
    .map(([name, value]) => `${name}=${String(value)}`)
    .join(', ');
  return text.length > 120 ? `${text.slice(0, 117)}...` : text;
}
