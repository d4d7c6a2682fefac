import type { Reference } from './reference';
import { seasonOf } from './seasons';
import { ReferenceWatch } from './watch';
import type { WindowLength } from './window';

/**
 * The watch of a reference, or where it has seasons one for each: a row is compared with what is usual at its hour or day, and
 * counts in a window of such hours or days. The evidence is one and the same, and goes on from season to season.
 */
export class Watches {
  readonly reference: Reference;
  readonly #make: (reference: Reference, evidence: Float64Array | undefined) => ReferenceWatch;
  readonly #bySeason = new Map<number, ReferenceWatch>();
  /** Compared with the whole: without seasons, and where one has too few rows. */
  readonly #whole: ReferenceWatch;
  #current: ReferenceWatch;

  constructor(reference: Reference, window: WindowLength, minimumEffect: number) {
    this.reference = reference;
    this.#make = (of, evidence) => new ReferenceWatch(of, window, minimumEffect, evidence);
    this.#whole = this.#make(reference, undefined);
    this.#current = this.#whole;
  }

  /** The watch of the latest rows. */
  get current(): ReferenceWatch {
    return this.#current;
  }

  /** Which season the latest rows belonged to; `null` without seasons, or where it has too few rows of its own. */
  get season(): number | null {
    for (const [season, watch] of this.#bySeason) if (watch === this.#current) return season;
    return null;
  }

  /** Turns to the watch of a time. */
  turnTo(epochMs: number): ReferenceWatch {
    const { seasons } = this.reference;
    if (seasons === undefined) return this.#current;
    const season = seasonOf(epochMs, seasons.kind, seasons.utcOffsetMinutes);
    const next = this.#of(season, seasons.references[season] ?? null);
    if (next !== this.#current) {
      next.follow(this.#current);
      this.#current = next;
    }
    return next;
  }

  /** NaN values of a feature that were counted. */
  missing(feature: number): number {
    let sum = this.#whole.missing(feature);
    for (const watch of this.#bySeason.values()) sum += watch.missing(feature);
    return sum;
  }

  #of(season: number, reference: Reference | null): ReferenceWatch {
    if (reference === null) return this.#whole;
    const known = this.#bySeason.get(season);
    if (known !== undefined) return known;
    const made = this.#make(reference, this.#whole.evidence);
    this.#bySeason.set(season, made);
    return made;
  }
}
