import { type Clock, type Closeable, systemClock } from '@fairlead/core';
import { openTracker } from '../open-tracker';
import type { TrackingStore } from '../store/tracking-store';
import type { Tracker } from '../tracker';
import type { CommonTrackerOptions } from '../tracker-options';
import { expectThat } from './expectations';
import type { StoreKeeps, TrackingStorePlace } from './tracking-store-place';

/** One thing that a store must hold to, before it has a place. */
export type StoreCase = readonly [name: string, run: (bench: Bench) => Promise<void>];

/** Who does something, and why, where that does not matter. */
export const evidence = { actor: 'ada', reason: 'because' };

export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
export const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** All pieces of a stream in one. */
export async function gatherPieces(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const piece of pieces) {
    parts.push(piece);
    size += piece.byteLength;
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.byteLength;
  }
  return bytes;
}

const quiet = { debug() {}, info() {}, warn() {}, error() {} };

function randomHex(digits: number): string {
  const bytes = crypto.getRandomValues(new Uint8Array(digits / 2));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms));
}

/** How often something that comes by itself is looked for, and how long a look takes on the clock of the process. */
const looks = 1500;
const lookMs = 10;

/** The place of one case, and what it opens there; names in it are its own, so that places may share a server. */
export class Bench {
  readonly keeps: StoreKeeps;
  /** An experiment that no other case uses. */
  readonly experiment: string;
  /** The name of a model that no other case uses. */
  readonly model: string;
  /** An empty folder, where the place has one. */
  readonly folder: string | undefined;
  readonly #place: TrackingStorePlace;
  readonly #opened: Closeable[] = [];

  constructor(place: TrackingStorePlace, keeps: StoreKeeps) {
    const name = `conformance-${randomHex(10)}`;
    this.#place = place;
    this.keeps = keeps;
    this.folder = place.folder;
    this.experiment = name;
    this.model = name;
  }

  get clock(): Clock {
    return this.#place.clock ?? systemClock;
  }

  /** Another store of the place, which ends with the case. */
  async store(): Promise<TrackingStore> {
    const store = await this.#place.open();
    this.#opened.push(store);
    return store;
  }

  /** A tracker on another store of the place, which ends with the case. */
  async tracker(options: CommonTrackerOptions = {}): Promise<Tracker> {
    const store = await this.store();
    const tracker = await openTracker({ store, clock: this.clock, logger: quiet, ...options });
    this.#opened.push(tracker);
    return tracker;
  }

  /** An id that no run has. */
  newRunId(): string {
    return randomHex(32);
  }

  /** Lets a millisecond pass, so that two things have different times. */
  async tick(): Promise<void> {
    const before = Math.floor(this.clock.epochMs());
    while (Math.floor(this.clock.epochMs()) === before) await this.#pass(1);
  }

  /** Lets time pass until something is so, which comes by itself. */
  async until(condition: () => boolean, what: string): Promise<void> {
    for (let look = 0; look < looks && !condition(); look++) await this.#pass(lookMs);
    expectThat(condition(), `${what}, at the latest after some seconds`);
  }

  async #pass(ms: number): Promise<void> {
    await this.#place.clock?.advance(ms);
    await pause(this.#place.clock === undefined ? ms : 0);
  }

  /** Closes what was opened, the latest first. Trouble with that is no part of the case. */
  async close(): Promise<void> {
    for (const opened of this.#opened.reverse()) await opened.close().catch(() => undefined);
  }
}
