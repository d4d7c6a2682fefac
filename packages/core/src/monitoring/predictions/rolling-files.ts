import { FairleadError } from '../../errors';
import type { PredictionRecord } from './prediction-record';
import type { SinkContext } from './prediction-sink';
import { decodeRecord } from './record-codec';
import type { RollingFile, RollingStore } from './rolling-store';

/** A record and its bytes. */
export interface EncodedRecord {
  readonly record: PredictionRecord;
  readonly bytes: Uint8Array;
}

/** A file and where it ends. */
export interface FileMark {
  readonly name: string;
  readonly size: number;
}

/** What is known of a file. */
interface FileInfo {
  readonly name: string;
  /** Bytes of the file that are good. */
  size: number;
  /** Whether a write failed, so that something may lie behind the good bytes. */
  dirty: boolean;
  records: number;
  /** Bytes of its records. */
  bytes: number;
  /** Time of its newest record. */
  newestAt: number;
  readonly begunAt: number;
}

/** Files that a full log is made of: what gives way at once is the oldest of them. */
const filesOfLog = 8;
const nameDigits = 12;

/** The files of a rolling sink. Its methods are called one after another. */
export class RollingFiles {
  readonly #store: RollingStore;
  readonly #context: SinkContext;
  readonly #mostBytes: number;
  readonly #mostRecords: number;
  #files: FileInfo[] = [];
  #current: { readonly info: FileInfo; readonly file: RollingFile } | undefined;
  #sequence = 0;
  readonly #counts = { dropped: 0, expired: 0, torn: 0, corrupt: 0 };

  constructor(store: RollingStore, context: SinkContext, maxFileBytes: number) {
    const { maxBytes, maxRecords } = context.limits;
    this.#store = store;
    this.#context = context;
    this.#mostBytes = Math.min(maxFileBytes, Math.ceil(maxBytes / filesOfLog));
    this.#mostRecords = Math.ceil(maxRecords / filesOfLog);
  }

  get counts(): Readonly<Record<'dropped' | 'expired' | 'torn' | 'corrupt', number>> {
    return this.#counts;
  }

  /** Records and their bytes in all files. */
  get sums(): { readonly records: number; readonly bytes: number } {
    let records = 0;
    let bytes = 0;
    for (const info of this.#files) {
      records += info.records;
      bytes += info.bytes;
    }
    return { records, bytes };
  }

  /** Reads the files of earlier processes: how much they hold, and what of them is damaged. */
  async open(): Promise<void> {
    for (const name of await this.#store.list()) {
      const info = newInfo(name, this.#context.clock.epochMs());
      info.size = await this.#store.size(name);
      for await (const entry of this.#entries(info)) {
        if (entry === 'torn' || entry === 'corrupt') this.#counts[entry]++;
        else count(info, entry);
      }
      this.#files.push(info);
      const number = Number(name);
      if (Number.isSafeInteger(number)) this.#sequence = Math.max(this.#sequence, number);
    }
  }

  /** Where the files end now: what {@link RollingFiles.read} reads up to. */
  mark(): readonly FileMark[] {
    return this.#files.map(({ name, size }) => ({ name, size }));
  }

  /** The records up to some ends, oldest first. */
  async *read(marks: readonly FileMark[]): AsyncGenerator<PredictionRecord> {
    for (const mark of marks) {
      for await (const entry of this.#entries(mark)) if (typeof entry !== 'string') yield entry.record;
    }
  }

  async *#entries({ name, size }: FileMark): AsyncGenerator<EncodedRecord | 'torn' | 'corrupt'> {
    for await (const entry of this.#store.read(name, size)) {
      if (entry.kind !== 'record') {
        yield entry.kind;
        continue;
      }
      let record: PredictionRecord;
      try {
        record = decodeRecord(entry.bytes);
      } catch (error) {
        // A record of a later version is there, and must not be taken for damage.
        if (FairleadError.isInstance(error, 'UNSUPPORTED')) throw error;
        yield 'corrupt';
        continue;
      }
      yield { record, bytes: entry.bytes };
    }
  }

  /** Writes the first of some records, as many as fit into the current file; answers how many. */
  async writeSome(queue: readonly EncodedRecord[]): Promise<number> {
    const now = this.#context.clock.epochMs();
    const before = this.#current?.info;
    if (before !== undefined) {
      const full = before.bytes >= this.#mostBytes || before.records >= this.#mostRecords;
      // Files age too, so that what expires goes soon after.
      if (full || now - before.begunAt >= this.#context.limits.ttlMs / filesOfLog) await this.#closeCurrent();
    }
    const { info, file } = this.#current ?? (await this.#begin(now));
    const chunk: EncodedRecord[] = [];
    let bytes = 0;
    for (const entry of queue) {
      const fits = info.bytes + bytes < this.#mostBytes && info.records + chunk.length < this.#mostRecords;
      if (chunk.length > 0 && !fits) break;
      chunk.push(entry);
      bytes += entry.bytes.byteLength;
    }
    await this.#makeRoom(chunk.length, bytes);
    info.dirty = true;
    info.size = await file.append(chunk.map((entry) => entry.bytes));
    info.dirty = false;
    for (const entry of chunk) count(info, entry);
    return chunk.length;
  }

  async #begin(now: number): Promise<{ readonly info: FileInfo; readonly file: RollingFile }> {
    const name = String(++this.#sequence).padStart(nameDigits, '0');
    const file = await this.#store.create(name);
    const info = newInfo(name, now);
    this.#files.push(info);
    this.#current = { info, file };
    return this.#current;
  }

  async #closeCurrent(): Promise<void> {
    const current = this.#current;
    if (current === undefined) return;
    this.#current = undefined;
    try {
      await current.file.sync();
    } finally {
      await current.file.close();
    }
    // What a failed write left behind the good bytes is written again elsewhere, and not to be found twice.
    if (current.info.dirty) await this.#rewrite(current.info, () => false);
  }

  /** Lets the oldest files go until so many more records have room. */
  async #makeRoom(records: number, bytes: number): Promise<void> {
    const { maxRecords, maxBytes } = this.#context.limits;
    for (const info of [...this.#files]) {
      const sums = this.sums;
      if (sums.records + records <= maxRecords && sums.bytes + bytes <= maxBytes) return;
      if (info !== this.#current?.info) await this.#drop(info, 'dropped');
    }
  }

  /** Lets files go whose records are all past their time, and the oldest where there are too many. */
  async trim(): Promise<void> {
    const { clock, limits } = this.#context;
    const expiredBefore = clock.epochMs() - limits.ttlMs;
    for (const info of [...this.#files]) {
      if (info.records === 0 || info.newestAt >= expiredBefore) continue;
      if (info === this.#current?.info) await this.#closeCurrent();
      await this.#drop(info, 'expired');
    }
    await this.#makeRoom(0, 0);
  }

  async #drop(info: FileInfo, reason: 'dropped' | 'expired'): Promise<void> {
    await this.#store.remove(info.name);
    this.#files = this.#files.filter((other) => other !== info);
    this.#counts[reason] += info.records;
  }

  /** Takes out unwanted records, by writing the files anew that hold any. */
  async remove(isUnwanted: (record: PredictionRecord) => boolean): Promise<number> {
    let removed = 0;
    for (const info of [...this.#files]) {
      if (!info.dirty && !(await this.#holds(info, isUnwanted))) continue;
      if (info === this.#current?.info) await this.#closeCurrent();
      removed += await this.#rewrite(info, isUnwanted);
    }
    return removed;
  }

  async #holds(info: FileInfo, isUnwanted: (record: PredictionRecord) => boolean): Promise<boolean> {
    for await (const entry of this.#entries(info)) {
      // Damaged bytes may be a part of an unwanted record, of which no copy is to be left.
      if (typeof entry === 'string' || isUnwanted(entry.record)) return true;
    }
    return false;
  }

  async #rewrite(info: FileInfo, isUnwanted: (record: PredictionRecord) => boolean): Promise<number> {
    const kept: EncodedRecord[] = [];
    let removed = 0;
    for await (const entry of this.#entries(info)) {
      if (typeof entry === 'string') continue;
      if (isUnwanted(entry.record)) removed++;
      else kept.push({ record: entry.record, bytes: entry.bytes.slice() });
    }
    if (kept.length === 0) {
      await this.#store.remove(info.name);
      this.#files = this.#files.filter((other) => other !== info);
      return removed;
    }
    info.size = await this.#store.replace(
      info.name,
      kept.map((entry) => entry.bytes),
    );
    Object.assign(info, { dirty: false, records: 0, bytes: 0, newestAt: 0 });
    for (const entry of kept) count(info, entry);
    return removed;
  }

  close(): Promise<void> {
    return this.#closeCurrent();
  }
}

function newInfo(name: string, begunAt: number): FileInfo {
  return { name, size: 0, dirty: false, records: 0, bytes: 0, newestAt: 0, begunAt };
}

function count(info: FileInfo, { record, bytes }: EncodedRecord): void {
  info.records++;
  info.bytes += bytes.byteLength;
  info.newestAt = Math.max(info.newestAt, record.at);
}
