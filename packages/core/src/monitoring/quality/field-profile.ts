import { shareUpperBound } from './binomial';
import type { Category, FieldSchema, FieldTolerances, FieldType } from './schema';
import { isMissing, kindOf, measureOf, type ValueKind } from './values';

/** How a schema follows from what was seen. */
export interface ProfileRules {
  /** Part of a range that is added at each end. */
  readonly margin: number;
  /** What is added to a share. */
  readonly shareMargin: number;
  /** Of the bounds on shares, 0 to 1. */
  readonly confidence: number;
  /** Most categories of a closed set. */
  readonly maxCategories: number;
}

/** Above this share of values that are expected to be new, the categories that were seen are not all there are. */
const mostUnseen = 0.1;
/** Part of the values that must be of one kind for a field to have a type. */
const mostOfOneKind = 0.9;
/** Rows below which equal values, or their absence, say little. */
const fewestForKeys = 100;
const longestCategory = 200;

/** What was seen of one field, in bounded memory. */
export class FieldProfile {
  readonly name: string;
  readonly #distinctLimit: number;
  readonly #kinds = new Map<ValueKind, number>();
  readonly #distinct = new Map<Category, number>();
  #present = 0;
  #untracked = 0;
  /** Values that came before the first that could not be kept. */
  #trackedFully = 0;
  #fractions = 0;
  #infinities = 0;
  #minimum = Number.POSITIVE_INFINITY;
  #maximum = Number.NEGATIVE_INFINITY;
  #shortest = Number.POSITIVE_INFINITY;
  #longest = 0;

  /** @param distinctLimit most distinct values to keep */
  constructor(name: string, distinctLimit: number) {
    this.name = name;
    this.#distinctLimit = distinctLimit;
  }

  add(value: unknown): void {
    if (isMissing(value)) return;
    this.#present++;
    const kind = kindOf(value);
    this.#kinds.set(kind, (this.#kinds.get(kind) ?? 0) + 1);
    const measure = measureOf(value);
    if (measure !== undefined) this.#addMeasure(measure);
    if (typeof value === 'string') {
      this.#shortest = Math.min(this.#shortest, value.length);
      this.#longest = Math.max(this.#longest, value.length);
    }
    this.#addDistinct(measure ?? (value as Category));
  }

  #addMeasure(measure: number): void {
    if (!Number.isFinite(measure)) {
      this.#infinities++;
      return;
    }
    if (!Number.isInteger(measure)) this.#fractions++;
    if (measure < this.#minimum) this.#minimum = measure;
    if (measure > this.#maximum) this.#maximum = measure;
  }

  #addDistinct(value: Category): void {
    const known = this.#distinct.get(value);
    const keepable = typeof value !== 'object' && !(typeof value === 'string' && value.length > longestCategory);
    if (known !== undefined) this.#distinct.set(value, known + 1);
    else if (keepable && this.#distinct.size < this.#distinctLimit) this.#distinct.set(value, 1);
    else this.#untracked++;
    if (this.#untracked === 0) this.#trackedFully++;
  }

  /**
   * The field's schema.
   *
   * @param rows that were seen, those without this field too
   * @param forceCategories whether the values are a closed set, whatever they look like
   */
  schema(rows: number, rules: ProfileRules, forceCategories: boolean): FieldSchema {
    const { confidence, shareMargin } = rules;
    const bound = (marked: number, of: number): number => Math.min(1, shareUpperBound(marked, of, confidence));
    const type = this.#type();
    const ofType = type === 'any' ? this.#present : (this.#kinds.get(type) ?? 0);
    const integer = type === 'number' && this.#fractions === 0 && this.#infinities < ofType;
    const tolerances: { -readonly [K in keyof FieldTolerances]: number } = {
      missing: Math.min(1, bound(rows - this.#present, rows) + shareMargin),
    };
    const others = this.#present - ofType;
    // A type that never was another is part of the program, not of the data.
    if (others > 0 || integer) tolerances.type = bound(others, this.#present);
    const field: Record<string, unknown> = { name: this.name, type };
    if (integer) field.integer = true;
    const categories = this.#categories(type, ofType, rules, forceCategories);
    if (categories !== undefined) {
      field.categories = categories.values;
      tolerances.category = Math.min(1, bound(categories.singletons, ofType) + shareMargin);
    } else if ((type === 'number' || type === 'date') && this.#minimum <= this.#maximum) {
      Object.assign(field, widen(this.#minimum, this.#maximum, rules.margin, integer));
      // Outside the least and greatest of n values lies as much as n trials with one success leave possible, whatever the law.
      tolerances.range = bound(1 + this.#infinities, ofType);
    } else if (type === 'string') {
      field.minimumLength = Math.floor(this.#shortest * (1 - rules.margin));
      field.maximumLength = Math.ceil(this.#longest * (1 + rules.margin));
      tolerances.length = bound(1, ofType);
    }
    Object.assign(field, this.#repetition(type, integer, confidence), { tolerances });
    return field as unknown as FieldSchema;
  }

  #type(): FieldType {
    let type: ValueKind = 'other';
    for (const [kind, count] of this.#kinds) if (count > (this.#kinds.get(type) ?? 0)) type = kind;
    const typed = type !== 'other' && (this.#kinds.get(type) ?? 0) >= mostOfOneKind * this.#present;
    return typed ? (type as FieldType) : 'any';
  }

  /** The closed set of values, and how many of them were seen once: by Good and Turing's estimate the share of unseen ones. */
  #categories(type: FieldType, ofType: number, { maxCategories }: ProfileRules, force: boolean) {
    if (ofType === 0 || (!force && type !== 'string') || type === 'any' || type === 'date') return undefined;
    if (this.#untracked > 0 || this.#distinct.size > maxCategories) return undefined;
    const values: Category[] = [];
    let singletons = 0;
    for (const [value, count] of this.#distinct) {
      if (typeof value !== type || !(typeof value !== 'number' || Number.isFinite(value))) continue;
      values.push(value);
      if (count === 1) singletons++;
    }
    if (values.length === 0 || (!force && singletons > mostUnseen * ofType)) return undefined;
    const sorted = type === 'number' ? values.sort((a, b) => (a as number) - (b as number)) : values.sort();
    return { values: sorted, singletons };
  }

  /** How often values repeat: the commonest, and for strings and whole numbers of which no two were equal, any two. */
  #repetition(type: FieldType, integer: boolean, confidence: number): Partial<FieldSchema> {
    if (this.#present < fewestForKeys) return {};
    let commonest = this.#untracked;
    for (const count of this.#distinct.values()) commonest = Math.max(commonest, count);
    const commonestShare = shareUpperBound(Math.min(commonest, this.#present), this.#present, confidence);
    const repeats = commonestShare < 1 ? { commonestShare } : {};
    const keys = (type === 'string' || integer) && this.#distinct.size === this.#trackedFully;
    const seenTwice = keys && [...this.#distinct.values()].some((count) => count > 1);
    if (!keys || seenTwice || this.#trackedFully < fewestForKeys) return repeats;
    // None of n(n−1)/2 pairs was equal: with a greater probability of a pair that would be rarer than the confidence allows.
    const pairs = (this.#trackedFully * (this.#trackedFully - 1)) / 2;
    return { ...repeats, collisionRate: Math.min(1, -Math.log1p(-confidence) / pairs) };
  }
}

/** Adds the margin at both ends; never across zero, since amounts and counts do not turn negative. */
export function widen(
  least: number,
  greatest: number,
  margin: number,
  integer: boolean,
): { readonly minimum: number; readonly maximum: number } {
  const extra = (greatest - least) * margin;
  const low = least >= 0 ? Math.max(0, least - extra) : least - extra;
  const high = greatest <= 0 ? Math.min(0, greatest + extra) : greatest + extra;
  if (!Number.isFinite(low) || !Number.isFinite(high)) return { minimum: least, maximum: greatest };
  return integer ? { minimum: Math.floor(low), maximum: Math.ceil(high) } : { minimum: low, maximum: high };
}
