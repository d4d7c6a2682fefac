import { describeValue } from '../config';
import { FairleadError } from '../errors';
import { allocateData, type DataOf } from '../tensor/dtype';
import type { Tensor, Tensors } from '../tensor/tensor';
import type { FeatureOutcome } from './events';
import { type FeaturePlace, type FeaturePlan, wrongValue } from './feature-plan';
import { describeEntity, type Entity, type FeatureRow, type StoredFeature } from './feature-store';
import { writeElements } from './values';

/** Features as inputs, and what was found of each. */
export interface Joined {
  readonly tensors: Tensors;
  /** Of each place in each row, rows after one another. */
  readonly outcomes: readonly FeatureOutcome[];
  readonly agesMs: Float64Array;
  /** Why the request cannot run: the first feature that is missing without a default, or is no value of its input. */
  readonly failure: FairleadError | undefined;
}

/**
 * Makes inputs of features.
 * @param found a row for each entity; `undefined` when the store could not be read
 * @param nowEpochMs when the values are used
 */
export function joinFeatures(
  plan: FeaturePlan,
  rows: number,
  entities: readonly Entity[],
  found: readonly FeatureRow[] | undefined,
  nowEpochMs: number,
): Joined {
  const places = plan.placeNames.length;
  const outcomes = new Array<FeatureOutcome>(rows * places);
  const agesMs = new Float64Array(rows * places).fill(Number.NaN);
  let failure: FairleadError | undefined;
  const tensors: Record<string, Tensor> = {};
  let firstPlace = 0;
  for (const { spec, rowElements, places: ofInput } of plan.joined) {
    const data = allocateData(spec.dtype, rows * rowElements);
    const shape = spec.shape.map((size, axis) =>
      axis === 0 && plan.signature.batchAxis === 0 ? rows : (size as number),
    );
    tensors[spec.name] = { dtype: spec.dtype, shape, data };
    for (let row = 0; row < rows; row++) {
      for (const [index, place] of ofInput.entries()) {
        const feature = found?.[row]?.[place.column];
        const slot = row * places + firstPlace + index;
        const ageMs = feature?.atEpochMs === undefined ? Number.NaN : Math.max(0, nowEpochMs - feature.atEpochMs);
        const outcome = judge(place, feature, ageMs, found === undefined);
        outcomes[slot] = outcome;
        agesMs[slot] = ageMs;
        const at = row * rowElements + place.offset;
        if (outcome === 'used') {
          const { value } = feature as StoredFeature;
          if (writeElements(spec.dtype, data, at, place.size, value)) continue;
          failure ??= wrongValue(place, describeEntity(entities[row] as Entity), describeValue(value));
        } else if (place.standIn !== undefined) copyElements(place.standIn, data, at);
        else failure ??= notFound(place, entities[row] as Entity, outcome, ageMs);
      }
    }
    firstPlace += ofInput.length;
  }
  return { tensors, outcomes, agesMs, failure };
}

function judge(
  { maxAgeMs }: FeaturePlace,
  feature: StoredFeature | undefined,
  ageMs: number,
  isUnread: boolean,
): FeatureOutcome {
  if (isUnread) return 'unread';
  if (feature === undefined) return 'missing';
  return ageMs > maxAgeMs ? 'stale' : 'used';
}

function copyElements(from: DataOf, to: DataOf, offset: number): void {
  const target = to as unknown as (number | bigint | string)[];
  for (let index = 0; index < from.length; index++) target[offset + index] = from[index] as number | bigint | string;
}

function notFound(place: FeaturePlace, entity: Entity, outcome: FeatureOutcome, ageMs: number): FairleadError {
  const who = describeEntity(entity);
  const isStale = outcome === 'stale';
  const expected = isStale ? `a value of at most ${place.maxAgeMs} ms` : 'a value, or a default in the options';
  const given = isStale ? `one of ${Math.round(ageMs)} ms` : 'none';
  const message = `Feature "${place.name}" of ${who}: expected ${expected}, given ${given}. Write it to the feature store, or give the feature a default.`;
  return new FairleadError('NOT_FOUND', message, {
    details: { field: place.name, expected, given, entity: who },
  });
}
