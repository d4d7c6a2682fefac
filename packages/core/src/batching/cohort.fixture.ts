import { Cohort, type CohortTraits } from './cohort';
import type { BatchLayout } from './layout';
import type { Slab } from './slab';

/* What the tests of the queue share. */

/** Traits of a request of normal priority without deadline or key, sent at time 0, unless given otherwise. */
export function traitsOf(given: Partial<CohortTraits> = {}): CohortTraits {
  return {
    rank: 1,
    deadline: Number.POSITIVE_INFINITY,
    enqueuedAt: 0,
    key: undefined,
    weight: 1,
    idempotent: false,
    ...given,
  };
}

/** A layout of rows of 10 bytes. */
export function layoutNamed(key: string, joinable = true): BatchLayout {
  return { key, inputs: [], rowBytes: 10, hasRows: true, joinable };
}

const plain = layoutNamed('');

/** A cohort of requests of so many rows each, in memory that does not exist. */
export function cohortOf(
  rows: readonly number[] = [1],
  given: Partial<CohortTraits> & { readonly layout?: BatchLayout } = {},
): Cohort {
  const { layout = plain, ...traits } = given;
  const slab = { layout, hold() {}, release() {} } as unknown as Slab;
  const cohort = new Cohort(slab, 0, traitsOf(traits));
  for (const count of rows) void cohort.join(count);
  return cohort;
}
