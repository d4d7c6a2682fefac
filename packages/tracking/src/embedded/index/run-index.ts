import { type CallOptions, type Clock, throwIfAborted } from '@fairlead/core';
import type { Files } from '../../files/files';
import { createSerial } from '../../serial';
import type { StoredRun } from '../../store/run-store';
import type { RunReader } from '../run-reader';
import type { IndexEntry, SegmentState } from './index-entry';
import { parseMark } from './run-marks';
import { type IndexPage, readSnapshot, writeSnapshot } from './snapshot';
import { createTimeSlices } from './time-slices';

/** How a {@link RunIndex} is set up. */
export interface RunIndexOptions {
  readonly files: Files;
  /** The store's folder. */
  readonly dir: string;
  /** The folder of its runs. */
  readonly root: string;
  readonly clock: Clock;
  readonly reader: RunReader;
}

interface Known {
  readonly entry: IndexEntry;
  /** As in the entry, but kept up to date. */
  checkedAt: number;
}

/** How many runs are read at a time. */
const readers = 16;
/** File systems stamp a change with a time as coarse as this: one that is younger may not show. Milliseconds. */
const coarsestTime = 2100;
/** After so many milliseconds every run is looked at again, in the background: a copying tool tells nobody what it did. */
const recheckMs = 60_000;
/** The snapshot is written when so many runs differ from it, and this share of all. */
const leastChanges = 64;
const changedShare = 0.05;

/**
 * Knows every run in short. A refresh finds out what changed at the price of what changed: it lists the folder of all runs
 * where that has a new time, looks at the files of those that are being written, and reads those that have grown. Only the
 * first one of a process looks at every run, beside the snapshot.
 */
export class RunIndex {
  readonly #options: RunIndexOptions;
  readonly #serial = createSerial();
  readonly #known = new Map<string, Known>();
  #pages: readonly IndexPage[] = [];
  /** Runs that have to be read, whatever their files look like. */
  readonly #dirty = new Set<string>();
  #loaded = false;
  #rootMtimeMs = Number.NaN;
  #listedAt = 0;
  #names: ReadonlySet<string> = new Set();
  /** Runs that other writers of this or another process have open. */
  #opened: ReadonlySet<string> = new Set();
  #lookedAtAll = Number.NEGATIVE_INFINITY;
  #rechecking = false;
  #saving: Promise<void> | undefined;
  #changes = 0;
  #version = 0;

  constructor(options: RunIndexOptions) {
    this.#options = options;
  }

  /** Every run as of the last refresh, in no order. */
  runs(): StoredRun[] {
    return Array.from(this.#known.values(), (known) => known.entry.run);
  }

  /** Another number whenever a refresh found that a run has changed, also by nothing but the end of its lease. */
  get version(): number {
    return this.#version;
  }

  /** A run was changed by this process. */
  touch(id: string): void {
    this.#dirty.add(id);
  }

  /**
   * Finds out what changed.
   * @param everything whether to look at every run
   * @throws FairleadError `STORE_FAILED`, `ABORTED`
   */
  refresh(call: CallOptions = {}, everything = false): Promise<void> {
    return this.#serial(() => this.#refresh(call, everything));
  }

  /** Waits for what goes on in the background, and keeps what was found out for the next process. */
  async close(): Promise<void> {
    await this.#saving;
    if (this.#changes >= leastChanges) await this.#save();
  }

  async #refresh(call: CallOptions, everything: boolean): Promise<void> {
    throwIfAborted(call.signal, 'Reading the runs');
    if (!this.#loaded) await this.#load();
    const now = this.#options.clock.epochMs();
    const unexplained = await this.#list();
    const all = everything || unexplained || this.#lookedAtAll === Number.NEGATIVE_INFINITY;
    const suspects = all ? [...this.#known.values()] : this.#unsettled();
    for (const id of await this.#changed(suspects, now, call)) this.#dirty.add(id);
    if (all) this.#lookedAtAll = now;
    else if (now - this.#lookedAtAll > recheckMs) this.#recheck(now);
    await this.#readDirty(now, call);
    if (this.#changes >= Math.max(leastChanges, this.#known.size * changedShare)) this.#saveSoon();
  }

  async #load(): Promise<void> {
    this.#pages = await readSnapshot(this.#options.files, this.#options.dir);
    for (const { entries } of this.#pages) {
      for (const entry of entries) this.#known.set(entry.run.id, { entry, checkedAt: entry.checkedAt });
    }
    this.#loaded = true;
  }

  /** Lists the runs where they may have changed. `true`: something changed that the names do not tell. */
  async #list(): Promise<boolean> {
    const { files, root } = this.#options;
    const mtimeMs = files.statSync(root)?.mtimeMs ?? 0;
    const changed = mtimeMs !== this.#rootMtimeMs;
    if (!changed && this.#listedAt - mtimeMs > coarsestTime) return false;
    const listedAt = Date.now();
    const names = new Set(await files.list(root));
    const first = Number.isNaN(this.#rootMtimeMs);
    let differences = 0;
    const opened = new Set<string>();
    for (const name of names) {
      const mark = name.startsWith('.') ? parseMark(name) : undefined;
      if (mark?.state === 'opened') opened.add(mark.run);
      if (this.#names.has(name)) continue;
      differences++;
      // The first time every run is looked at anyway.
      if (mark !== undefined && !first) this.#dirty.add(mark.run);
      else if (!name.startsWith('.') && !this.#known.has(name)) this.#dirty.add(name);
    }
    for (const id of [...this.#known.keys()]) {
      if (names.has(id)) continue;
      this.#known.delete(id);
      this.#options.reader.forget(id);
      this.#changes++;
      this.#version++;
    }
    for (const name of this.#names) if (!names.has(name)) differences++;
    this.#names = names;
    this.#opened = opened;
    this.#rootMtimeMs = mtimeMs;
    this.#listedAt = listedAt;
    return changed && differences === 0 && !first;
  }

  /** Runs that may have grown although nobody said so. */
  #unsettled(): Known[] {
    const found: Known[] = [];
    for (const known of this.#known.values()) {
      const { checkedAt, entry } = known;
      const { run } = entry;
      // One that was past its lease when it was last looked at is dead; should its process wake, it says so.
      if ((run.end === undefined && checkedAt <= run.leaseUntil) || this.#opened.has(run.id)) found.push(known);
    }
    return found;
  }

  /** Those of some runs whose files differ from what was read. */
  async #changed(suspects: readonly Known[], now: number, call: CallOptions = {}): Promise<string[]> {
    const slices = createTimeSlices();
    const found: string[] = [];
    for (const known of suspects) {
      if (slices.due()) {
        await slices.yield();
        throwIfAborted(call.signal, 'Reading the runs');
      }
      const { end, leaseUntil } = known.entry.run;
      // A run that died since: its last write may turn out to be torn.
      const died = end === undefined && known.checkedAt <= leaseUntil && leaseUntil < now;
      if (!died && this.#isCurrent(known.entry)) known.checkedAt = now;
      else found.push(known.entry.run.id);
    }
    return found;
  }

  #isCurrent({ run, folderMtimeMs, segments }: IndexEntry): boolean {
    const { files, root } = this.#options;
    // A damaged place may be a gap that its writer still fills.
    if (run.damage.length > 0 && run.end === undefined) return false;
    const folder = files.join(root, run.id);
    if (files.statSync(folder)?.mtimeMs !== folderMtimeMs) return false;
    return segments.every(({ name, size, mtimeMs }) => {
      const stat = files.statSync(files.join(folder, name));
      return stat !== undefined && stat.size === size && stat.mtimeMs === mtimeMs;
    });
  }

  /** Looks at every run without making anybody wait; what changed is read by the next refresh. */
  #recheck(now: number): void {
    if (this.#rechecking) return;
    this.#rechecking = true;
    this.#changed([...this.#known.values()], now)
      .then((ids) => {
        for (const id of ids) this.#dirty.add(id);
        this.#lookedAtAll = now;
      })
      .catch(() => undefined) // a folder that cannot be read: the next refresh meets it too, and has somebody to tell
      .finally(() => {
        this.#rechecking = false;
      });
  }

  async #readDirty(now: number, call: CallOptions): Promise<void> {
    const ids = [...this.#dirty];
    for (let i = 0; i < ids.length; i += readers) {
      throwIfAborted(call.signal, 'Reading the runs');
      await Promise.all(ids.slice(i, i + readers).map((id) => this.#read(id, now)));
    }
  }

  async #read(id: string, now: number): Promise<void> {
    const { files, root, reader } = this.#options;
    this.#dirty.delete(id);
    try {
      // The files are looked at first: what is written meanwhile makes them differ, and is read the next time.
      const folder = files.join(root, id);
      const folderMtimeMs = files.statSync(folder)?.mtimeMs ?? 0;
      const segments: SegmentState[] = [];
      for (const name of await reader.segmentsOf(id)) {
        const stat = files.statSync(files.join(folder, name));
        if (stat !== undefined) segments.push({ name, ...stat });
      }
      const run = segments.length === 0 ? undefined : await reader.read(id);
      this.#changes++;
      this.#version++;
      // Its writer is about to begin: nothing but another look will tell.
      if (run === undefined && segments.length > 0) this.#dirty.add(id);
      if (run === undefined) this.#known.delete(id);
      else this.#known.set(id, { entry: { run, folderMtimeMs, segments, checkedAt: now }, checkedAt: now });
    } catch (error) {
      this.#dirty.add(id);
      throw error;
    }
  }

  #saveSoon(): void {
    this.#saving ??= this.#save().finally(() => {
      this.#saving = undefined;
    });
  }

  async #save(): Promise<void> {
    const { files, dir, clock } = this.#options;
    this.#changes = 0;
    const current = new Map(Array.from(this.#known, ([id, { entry }]) => [id, entry.run]));
    const kept = this.#pages.filter((page) => page.entries.every(({ run }) => current.get(run.id) === run));
    const paged = new Set(kept.flatMap((page) => page.entries.map(({ run }) => run.id)));
    const loose = Array.from(this.#known.values(), ({ entry, checkedAt }) => ({
      run: entry.run,
      folderMtimeMs: entry.folderMtimeMs,
      segments: entry.segments,
      checkedAt,
    })).filter(({ run }) => !paged.has(run.id));
    loose.sort((a, b) => (a.run.id < b.run.id ? -1 : 1));
    try {
      this.#pages = await writeSnapshot(files, dir, kept, loose, clock.epochMs());
    } catch {
      // It only saves the next process some reading; a disk that refuses it is told to those who write runs.
      return;
    }
    for (const page of this.#pages.slice(kept.length)) {
      for (const entry of page.entries) {
        const known = this.#known.get(entry.run.id);
        // Takes less memory than what was read; unless it has been read again meanwhile.
        if (known !== undefined && known.entry.run === current.get(entry.run.id)) {
          this.#known.set(entry.run.id, { entry, checkedAt: known.checkedAt });
        }
      }
    }
  }
}
