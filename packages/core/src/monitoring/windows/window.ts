import { type Clock, systemClock } from '../../clock';
import { checkOptions, objectWith, optionError, test, wholeNumber } from '../../option-checks';
import { refuseArgument } from '../sketches/arguments';

/** What a window can be made of: anything that can be emptied and take in another of its kind, as all sketches can. */
export interface Mergeable<Sketch> {
  /** Forgets everything. */
  reset(): void;
  /** Takes in what another saw. */
  merge(other: Sketch): void;
}

/** A window that ended. */
export interface EndedWindow<Sketch> {
  /** What was seen in it. It is emptied when the listener returns: take out what is to last. */
  readonly sketch: Sketch;
  readonly rows: number;
  /** When it began and ended, in milliseconds since 1970-01-01 UTC by the clock's monotonic time. */
  readonly fromEpochMs: number;
  readonly toEpochMs: number;
  /** Windows of time that ended before it without a row since the last that had some. They are not told of one by one. */
  readonly emptyBefore: number;
}

/** Options of {@link createWindow}. */
export interface WindowOptions<Sketch extends Mergeable<Sketch>> {
  /** Makes an empty sketch. It is called `buckets + 1` times, at once, and never again. */
  readonly create: () => Sketch;
  /** What fills the window: a number of rows, or time. */
  readonly by: 'rows' | 'time';
  /** Rows, or milliseconds; 1 or more, whole. By rows a multiple of the buckets. */
  readonly size: number;
  /**
   * Parts of a sliding window, 2 to 1024: it slides by one at a time. A tumbling one has one.
   * @default 10 for a sliding window, 1 for a tumbling one
   */
  readonly buckets?: number;
  /**
   * `sliding`: {@link RollingWindow.total} is what was seen last. `tumbling`: one window after the other, and
   * `onWindowEnd` gets each.
   * @default 'sliding'
   */
  readonly kind?: 'sliding' | 'tumbling';
  /**
   * Gets each tumbling window that ended with rows, by rows as soon as it is full, by time at the first call after its end.
   * What it throws comes out of that call, and the window is emptied all the same.
   */
  readonly onWindowEnd?: (ended: EndedWindow<Sketch>) => void;
  /** Where time comes from. @default the system's */
  readonly clock?: Clock;
}

/** The last rows, or those of a stretch of time, as one sketch. {@link createWindow} makes one. */
export interface RollingWindow<Sketch> {
  /** Rows in {@link RollingWindow.total}. */
  readonly rows: number;
  /** Rows that the open bucket still takes; infinity by time. */
  readonly room: number;
  /**
   * The bucket that is open now: add rows to it, then say so by {@link RollingWindow.addRows}. Ask for it again for each
   * batch, since by time another may be open.
   */
  bucket(): Sketch;
  /**
   * Says that rows were added to the bucket last asked for. By rows a bucket with as many as it takes is closed; a batch of
   * more than the {@link RollingWindow.room} makes its bucket, and so the window, longer by the rest.
   * @throws FairleadError `INVALID_ARGUMENT` for what is not a whole number, 0 or more
   */
  addRows(count: number): void;
  /**
   * All buckets of the window added up, the open one too: of a sliding window the last `size` rows or milliseconds at most,
   * and less by up to one bucket; of a tumbling one what was seen since it began. The next call overwrites it.
   */
  total(): Sketch;
  /** Closes what is over by now. By time every other method does so first; call it from a timer where rows may stay out. */
  advance(): void;
  /** Empties the window and begins it anew, now. No window is ended by that. */
  reset(): void;
}

const most = { buckets: 1024, size: 2 ** 40 } as const;

const optionChecks = {
  create: test((value) => typeof value === 'function', 'a function that makes a sketch'),
  by: test((value) => value === 'rows' || value === 'time', '"rows" or "time"'),
  size: wholeNumber(1, most.size),
  buckets: wholeNumber(1, most.buckets),
  kind: test((value) => value === 'sliding' || value === 'tumbling', '"sliding" or "tumbling"'),
  onWindowEnd: test((value) => typeof value === 'function', 'a function'),
  clock: objectWith('a Clock', 'now', 'epochMs'),
};

/**
 * Makes a window over any mergeable sketch: a ring of buckets, of rows or of time, that is made at once; no later step makes
 * another. A query adds the buckets up, so that nothing drifts by subtracting. Time without rows costs nothing: buckets that
 * nothing came into are empty, however long that was.
 *
 * @throws FairleadError `INVALID_OPTION` for an option that is wrong
 */
export function createWindow<Sketch extends Mergeable<Sketch>>(options: WindowOptions<Sketch>): RollingWindow<Sketch> {
  checkOptions('createWindow', options, optionChecks, ['create', 'by', 'size']);
  const { by, size, kind = 'sliding', buckets = kind === 'sliding' ? 10 : 1 } = options;
  if (kind === 'tumbling' && buckets !== 1) {
    throw optionError('createWindow', 'buckets', '1, as a tumbling window has no parts', buckets);
  }
  if (kind === 'sliding' && buckets < 2)
    throw optionError('createWindow', 'buckets', 'a whole number, 2 to 1024', buckets);
  if (kind === 'sliding' && options.onWindowEnd !== undefined) {
    throw optionError('createWindow', 'onWindowEnd', 'nothing, as a sliding window has no end', options.onWindowEnd);
  }
  if (by === 'rows' && size % buckets !== 0) {
    throw optionError('createWindow', 'size', `a multiple of the ${buckets} buckets`, size);
  }
  return new Ring(options, buckets);
}

class Ring<Sketch extends Mergeable<Sketch>> implements RollingWindow<Sketch> {
  readonly #ring: readonly Sketch[];
  readonly #ringRows: number[];
  readonly #total: Sketch;
  readonly #byTime: boolean;
  readonly #tumbling: boolean;
  /** Rows or milliseconds of a bucket. */
  readonly #bucketSize: number;
  readonly #onWindowEnd: ((ended: EndedWindow<Sketch>) => void) | undefined;
  readonly #clock: Clock;
  #open = 0;
  /** When the open bucket began, by the clock's monotonic time. */
  #openedAt: number;
  #empty = 0;
  /** Whether a listener is being told: what it does to the window then must not end it a second time. */
  #telling = false;

  constructor(options: WindowOptions<Sketch>, buckets: number) {
    const { create, by, size, kind, onWindowEnd, clock = systemClock } = options;
    this.#ring = Array.from({ length: buckets }, create);
    this.#ringRows = new Array(buckets).fill(0);
    this.#total = create();
    this.#byTime = by === 'time';
    this.#tumbling = kind === 'tumbling';
    this.#bucketSize = size / buckets;
    this.#onWindowEnd = onWindowEnd;
    this.#clock = clock;
    this.#openedAt = clock.now();
  }

  get rows(): number {
    this.advance();
    let rows = 0;
    for (let i = 0; i < this.#ringRows.length; i++) rows += this.#ringRows[i] as number;
    return rows;
  }

  get room(): number {
    if (this.#byTime) return Number.POSITIVE_INFINITY;
    return this.#bucketSize - (this.#ringRows[this.#open] as number);
  }

  bucket(): Sketch {
    this.advance();
    return this.#ring[this.#open] as Sketch;
  }

  addRows(count: number): void {
    if (!(Number.isInteger(count) && count >= 0)) throw refuseArgument('count', 'a whole number, 0 or more', count);
    const rows = (this.#ringRows[this.#open] as number) + count;
    this.#ringRows[this.#open] = rows;
    if (!this.#byTime && !this.#telling && rows >= this.#bucketSize) this.#close(this.#clock.now());
  }

  total(): Sketch {
    this.advance();
    this.#total.reset();
    for (let i = 0; i < this.#ring.length; i++) this.#total.merge(this.#ring[i] as Sketch);
    return this.#total;
  }

  advance(): void {
    if (!this.#byTime || this.#telling) return;
    const over = Math.floor((this.#clock.now() - this.#openedAt) / this.#bucketSize);
    if (over <= 0) return;
    const { length } = this.#ring;
    // Beyond a whole turn of the ring every bucket is empty, however many turns it were.
    const began = this.#openedAt;
    const turns = Math.min(over, length);
    try {
      if (this.#tumbling) this.#empty += (this.#ringRows[0] as number) > 0 ? 0 : 1;
      this.#close(began + this.#bucketSize);
      for (let turn = 1; turn < turns; turn++) this.#close(began);
    } finally {
      if (this.#tumbling) this.#empty += over - 1;
      this.#openedAt = began + over * this.#bucketSize;
    }
  }

  /** Ends the open bucket and opens the next, in place of the oldest. */
  #close(endedAt: number): void {
    const began = this.#openedAt;
    this.#openedAt = endedAt;
    try {
      if (this.#tumbling) this.#tell(began, endedAt);
    } finally {
      this.#open = (this.#open + 1) % this.#ring.length;
      this.#ring[this.#open]?.reset();
      this.#ringRows[this.#open] = 0;
    }
  }

  #tell(began: number, endedAt: number): void {
    const rows = this.#ringRows[0] as number;
    if (rows === 0) return;
    const emptyBefore = this.#empty;
    this.#empty = 0;
    const epoch = this.#clock.epochMs() - this.#clock.now();
    this.#telling = true;
    try {
      this.#onWindowEnd?.({
        sketch: this.#ring[0] as Sketch,
        rows,
        fromEpochMs: epoch + began,
        toEpochMs: epoch + endedAt,
        emptyBefore,
      });
    } finally {
      this.#telling = false;
    }
  }

  reset(): void {
    for (const sketch of this.#ring) sketch.reset();
    this.#ringRows.fill(0);
    this.#empty = 0;
    this.#openedAt = this.#clock.now();
  }
}
