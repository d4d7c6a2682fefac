import { type Category, type CategoryJson, categoryIn } from './category';
import { corruptState, listIn, recordIn, wholeIn } from './state-checks';

/** A frequent category. Its true number lies between `count − error` and `count`. */
export interface HeavyHitter {
  readonly value: Category;
  /** How often it occurred, at most. */
  readonly count: number;
  /** By how much the count may be too high. */
  readonly error: number;
}

/** The plain form of heavy hitters: what JSON holds. */
export interface HeavyHittersJson {
  readonly counters: number;
  readonly maxLength: number;
  readonly total: number;
  readonly truncated: number;
  /** Value, count and error of each, by falling count. */
  readonly items: readonly (readonly [CategoryJson, number, number])[];
}

/** What may be asked for. */
export const heavyHitterLimits = { counters: 65_536, length: 1024 } as const;

/** State that was checked. */
export interface HeavyHittersState extends Omit<HeavyHittersJson, 'items'> {
  readonly items: readonly HeavyHitter[];
}

/**
 * Checks that plain data is the state of heavy hitters that does not contradict itself: sizes, counts, errors.
 * @throws FairleadError `STORE_CORRUPT`
 */
export function checkHeavyHitters(plain: unknown, field: string): HeavyHittersState {
  const state = recordIn(plain, field, ['counters', 'maxLength', 'total', 'truncated', 'items']);
  const counters = wholeIn(state.counters, `${field}.counters`, 1, heavyHitterLimits.counters);
  const maxLength = wholeIn(state.maxLength, `${field}.maxLength`, 1, heavyHitterLimits.length);
  const total = wholeIn(state.total, `${field}.total`);
  const truncated = wholeIn(state.truncated, `${field}.truncated`, 0, total);
  const seen = new Set<Category>();
  let sum = 0;
  const items = listIn(state.items, `${field}.items`, counters).map((item, index) => {
    const place = `${field}.items.${index}`;
    const triple = listIn(item, place, 3);
    const value = categoryIn(triple[0], `${place}.0`);
    if (typeof value === 'string' && value.length > maxLength) {
      throw corruptState(`${place}.0`, `at most ${maxLength} characters`, `${value.length}`);
    }
    if (seen.has(value)) throw corruptState(`${place}.0`, 'a category that occurs once', 'one that occurs twice');
    seen.add(value);
    const count = wholeIn(triple[1], `${place}.1`, 1);
    sum += count;
    return { value, count, error: wholeIn(triple[2], `${place}.2`, 0, count) };
  });
  // While there is room every observation has its counter; merging may leave some without, but never adds any.
  if (items.length < counters ? sum !== total : sum > total) {
    throw corruptState(`${field}.items`, `counts that add up to the total of ${total}`, String(sum));
  }
  return { counters, maxLength, total, truncated, items };
}
