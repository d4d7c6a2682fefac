import type { Tally } from '../contracts';

/** The sum of two tallies, element by element; a name that only one of them has counts as 0 in the other. */
export function mergeTallies(first: Tally, second: Tally): Tally {
  const merged: Record<string, number | readonly number[]> = { ...first };
  for (const [name, value] of Object.entries(second)) merged[name] = add(merged[name], value);
  return merged;
}

function add(one: Tally[string] | undefined, other: Tally[string]): Tally[string] {
  if (one === undefined) return other;
  if (typeof one === 'number' || typeof other === 'number') return Number(one) + Number(other);
  const [long, short] = one.length >= other.length ? [one, other] : [other, one];
  return long.map((value, index) => value + (short[index] ?? 0));
}

/** The part of a tally whose names begin with a prefix, without it. */
export function withinTally(tally: Tally, prefix: string): Tally {
  const part = Object.entries(tally).filter(([name]) => name.startsWith(prefix));
  return Object.fromEntries(part.map(([name, value]) => [name.slice(prefix.length), value]));
}
