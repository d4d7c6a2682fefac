import type { PointColumns, RunEvent } from '../../store/run-store';
import type { DatasetInput } from '../../store/stored-run';
import type { MlflowMetric } from '../batches';
import { artifactTag } from './artifact-entries';
import { inputTag } from './dataset-inputs';
import { hashedTag, ownTags, toServerTag } from './own-tags';
import { type ParamTypes, paramText } from './param-types';

/** The smallest thing that is sent, and that the server may refuse. */
export type Part =
  | { readonly kind: 'metric'; readonly metric: MlflowMetric }
  | { readonly kind: 'param' | 'tag'; readonly key: string; readonly value: string }
  | { readonly kind: 'input'; readonly dataset: DatasetInput };

/** What happens in a run once it has begun. */
export type LaterEvent = Exclude<RunEvent, { type: 'start' }>;

/** What changes how the run stands, which is never sent together with anything else. */
export type Turn = Extract<LaterEvent, { type: 'resume' | 'end' | 'lifecycle' }>;

/** What is sent at once. */
export type Parcel =
  | { readonly turn: Turn; readonly parts?: never }
  | { readonly turn?: never; readonly parts: readonly Part[]; readonly isBeat: boolean };

interface Entry {
  readonly event?: LaterEvent;
  readonly points?: PointColumns;
  readonly bytes: number;
  /** Points of it that are acknowledged. */
  sent: number;
}

/** Metric points of one request, at most; parameters and tags are small. */
const mostPoints = 1000;
const mostEvents = 200;
/** Two numbers for the point's place, three for the point. */
const pointBytes = 32;

function isTurn(event: LaterEvent | undefined): event is Turn {
  return event?.type === 'resume' || event?.type === 'end' || event?.type === 'lifecycle';
}

function copyOf({ count, keys, keyIds, steps, timestamps, values }: PointColumns): PointColumns {
  return {
    count,
    keys: [...keys],
    keyIds: keyIds.slice(0, count),
    steps: steps.slice(0, count),
    timestamps: timestamps.slice(0, count),
    values: values.slice(0, count),
  };
}

/** What waits to be sent, in order, until the server has acknowledged it. */
export class Outbox {
  readonly #most: number;
  readonly #types: ParamTypes;
  readonly #entries: Entry[] = [];
  #bytes = 0;
  #points = 0;
  #added = 0;
  #removed = 0;
  #pending: { readonly entries: number; readonly points: number } | undefined;

  /** @param mostBytes that may wait */
  constructor(mostBytes: number, types: ParamTypes) {
    this.#most = mostBytes;
    this.#types = types;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get points(): number {
    return this.#points;
  }

  /** How much was ever added, and how much of it is gone again. */
  get added(): number {
    return this.#added;
  }

  get removed(): number {
    return this.#removed;
  }

  /** Takes an event; `false` when there is no room. How a run ends, there is always room for. */
  addEvent(event: LaterEvent): boolean {
    const bytes = 100 + JSON.stringify(event).length;
    if (!isTurn(event) && !this.#fits(bytes)) return false;
    this.#push({ event, bytes, sent: 0 });
    return true;
  }

  /** Takes a copy of points; `false` when there is no room. */
  addPoints(points: PointColumns): boolean {
    const bytes = 100 + points.count * pointBytes;
    if (points.count === 0) return true;
    if (!this.#fits(bytes)) return false;
    this.#push({ points: copyOf(points), bytes, sent: 0 });
    this.#points += points.count;
    return true;
  }

  #fits(bytes: number): boolean {
    // An empty box takes anything, so that nothing is too large for ever.
    return this.#bytes === 0 || this.#bytes + bytes <= this.#most;
  }

  #push(entry: Entry): void {
    this.#entries.push(entry);
    this.#bytes += entry.bytes;
    this.#added++;
  }

  /** What is to be sent next; `undefined` when nothing waits. It stays until {@link remove}. */
  next(): Parcel | undefined {
    const [first] = this.#entries;
    if (first === undefined) return undefined;
    if (isTurn(first.event)) {
      this.#pending = { entries: 1, points: 0 };
      return { turn: first.event };
    }
    const parts: Part[] = [];
    const tags = new Map<string, string>();
    let isBeat = false;
    let entries = 0;
    let points = 0;
    for (const entry of this.#entries) {
      if (isTurn(entry.event) || entries >= mostEvents) break;
      if (entry.event !== undefined) {
        isBeat ||= entry.event.type === 'beat';
        this.#addParts(entry.event, parts, tags);
      } else if (entry.points !== undefined) {
        const room = Math.min(mostPoints - points, entry.points.count - entry.sent);
        for (let i = entry.sent; i < entry.sent + room; i++)
          parts.push({ kind: 'metric', metric: pointOf(entry.points, i) });
        points += room;
        if (entry.sent + room < entry.points.count) break;
      }
      entries++;
      if (points >= mostPoints) break;
    }
    // The last of several values of one tag counts, and it must be sent alone.
    for (const [key, value] of tags) parts.push({ kind: 'tag', key, value });
    this.#pending = { entries, points };
    return { parts, isBeat };
  }

  #addParts(event: Exclude<LaterEvent, Turn>, parts: Part[], tags: Map<string, string>): void {
    switch (event.type) {
      case 'params':
        for (const [key, value] of Object.entries(event.params))
          parts.push({ kind: 'param', key, value: paramText(value) });
        for (const [key, value] of Object.entries(this.#types.add(event.params))) tags.set(key, value);
        break;
      case 'tags':
        for (const [key, value] of Object.entries(event.tags)) tags.set(toServerTag(key), value);
        break;
      case 'artifact':
        tags.set(...artifactTag(event));
        break;
      case 'input':
        parts.push({ kind: 'input', dataset: event.dataset });
        tags.set(...inputTag(event.dataset));
        break;
      case 'use':
        tags.set(
          hashedTag('use', JSON.stringify([event.model.name, event.model.version])),
          JSON.stringify(event.model),
        );
        break;
      default: // a beat
        tags.set(ownTags.leaseUntil, String(event.leaseUntil));
        break;
    }
  }

  /** Removes what {@link next} answered last. */
  remove(): void {
    const { entries, points } = this.#pending ?? { entries: 0, points: 0 };
    this.#pending = undefined;
    let left = points;
    for (const entry of this.#entries.splice(0, entries)) {
      this.#bytes -= entry.bytes;
      this.#removed++;
      left -= (entry.points?.count ?? 0) - entry.sent;
    }
    const [first] = this.#entries;
    if (first !== undefined && left > 0) first.sent += left;
    this.#points -= points;
  }
}

function pointOf({ keys, keyIds, steps, timestamps, values }: PointColumns, i: number): MlflowMetric {
  return {
    key: keys[keyIds[i] as number] as string,
    value: values[i] as number,
    step: steps[i] as number,
    timestamp: timestamps[i] as number,
  };
}
