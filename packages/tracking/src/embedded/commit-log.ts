import { FairleadError } from '@fairlead/core';
import { crc32 } from '#files';
import type { Files } from '../files/files';
import { createSerial } from '../serial';
import { isKnownChange, RegistryState } from '../store/registry-state';
import type { AliasMove, RegistryChange, StoredModel, StoredVersion } from '../store/registry-store';
import type { StoreDamage } from '../store/run-store';
import { fromText, toText } from './event-codec';

/*
 * The registry of one model: `registry/<name>/0000000012.json`, one file a commit, never changed. A writer takes the
 * next number by creating that file, which the file system grants to one of all who try; the others read what came first
 * and decide anew. The state is what the commits add up to, so history and audit come for free.
 */

const format = 2;
const digits = 10;
const commitPattern = /^(\d{10})\.json$/;
const bodyMark = '"commit":';
const encoder = new TextEncoder();
const decoder = new TextDecoder();

function hex(crc: number): string {
  return crc.toString(16).padStart(8, '0');
}

/** The file of a change: JSON whose checksum covers the text of its `commit`. */
export function encodeCommit(model: string, change: RegistryChange): Uint8Array {
  const body = toText({ model, change });
  return encoder.encode(`{"format":${format},"crc32":"${hex(crc32(encoder.encode(body)))}",${bodyMark}${body}}\n`);
}

/** The body of a commit of format 1, whose versions had no lineage. */
type FirstCommit =
  | {
      readonly type: 'version';
      readonly version: Omit<StoredVersion, 'parents' | 'datasets' | 'evaluations'>;
    }
  | { readonly type: 'alias'; readonly move: AliasMove };

function fromFirst(commit: FirstCommit): RegistryChange {
  if (commit.type === 'alias') return { type: 'alias', ...commit.move };
  const version = { ...commit.version, parents: [], datasets: [], evaluations: [] };
  return { type: 'version', at: version.registeredAt, version };
}

/**
 * Reads a commit's file: the change, or what is wrong with it.
 * @throws FairleadError `UNSUPPORTED` for a later format
 */
export function decodeCommit(bytes: Uint8Array): RegistryChange | 'corrupt' | 'unknown-record' {
  const text = decoder.decode(bytes);
  const at = text.indexOf(bodyMark);
  if (at < 1 || text[at - 1] !== ',' || !text.endsWith('}\n')) return 'corrupt';
  try {
    const head = JSON.parse(`${text.slice(0, at - 1)}}`) as Record<string, unknown>;
    if (typeof head.format === 'number' && head.format > format) {
      throw new FairleadError(
        'UNSUPPORTED',
        `A registry commit has format ${head.format}, and this release reads ${format}. Upgrade @fairlead/tracking.`,
      );
    }
    if (head.format !== 1 && head.format !== format) return 'corrupt';
    const body = text.slice(at + bodyMark.length, -2);
    if (hex(crc32(encoder.encode(body))) !== head.crc32) return 'corrupt';
    const commit = fromText(body);
    const change = head.format === 1 ? fromFirst(commit as FirstCommit) : (commit as { change: RegistryChange }).change;
    return isKnownChange(change) ? change : 'unknown-record';
  } catch (error) {
    if (FairleadError.isInstance(error)) throw error;
    return 'corrupt';
  }
}

/**
 * The folder of a model. Capitals are escaped, because some file systems do not tell them apart, and so is what no file
 * name may hold.
 */
export function folderOf(model: string): string {
  return Array.from(encoder.encode(model), (byte) => {
    const char = String.fromCharCode(byte);
    return /[a-z0-9_.-]/.test(char) ? char : `%${byte.toString(16).padStart(2, '0').toUpperCase()}`;
  }).join('');
}

/** The model of a folder; `undefined` when the folder is none of ours. */
export function modelOf(folder: string): string | undefined {
  try {
    const model = decodeURIComponent(folder);
    return folderOf(model) === folder ? model : undefined;
  } catch {
    // Not what `folderOf` writes: somebody else's folder.
    return undefined;
  }
}

/** How many numbers that a listing left out are looked for one by one. */
const maxLookedFor = 1000;

/** The commits of one model, read as they come. */
export class CommitLog {
  readonly #files: Files;
  readonly #folder: string;
  readonly #model: string;
  readonly #state: RegistryState;
  readonly #serial = createSerial();
  /** The highest number that was taken into the state. */
  #read = 0;
  /** The highest number that is taken. */
  #taken = 0;
  #damage: StoreDamage[] = [];
  #pendingDamage: StoreDamage[] = [];
  #snapshot: StoredModel | undefined;

  constructor(files: Files, root: string, model: string) {
    this.#files = files;
    this.#model = model;
    this.#folder = files.join(root, folderOf(model));
    this.#state = new RegistryState(model);
  }

  get folder(): string {
    return this.#folder;
  }

  /** The number of the last commit that is known; 0 when there is none. */
  get last(): number {
    return this.#taken;
  }

  /** What the commits add up to; `undefined` when there is none. */
  get model(): StoredModel | undefined {
    if (this.#taken === 0) return undefined;
    this.#snapshot ??= this.#state.model([...this.#damage, ...this.#pendingDamage]);
    return this.#snapshot;
  }

  #nameOf(sequence: number): string {
    return `${String(sequence).padStart(digits, '0')}.json`;
  }

  #pathOf(sequence: number): string {
    return this.#files.join(this.#folder, this.#nameOf(sequence));
  }

  /** Reads every commit that came since the last call. */
  refresh(): Promise<void> {
    return this.#serial(() => this.#advance());
  }

  async #advance(): Promise<void> {
    if (this.#read > 0 && this.#pendingDamage.length === 0 && !(await this.#exists(this.#taken + 1))) return;
    const sequences = (await this.#files.list(this.#folder))
      .flatMap((name) => commitPattern.exec(name)?.[1] ?? [])
      .map(Number)
      .filter((sequence) => sequence > this.#read)
      .sort((a, b) => a - b);
    const last = sequences.at(-1);
    if (last === undefined) return;
    this.#pendingDamage = [];
    this.#snapshot = undefined;
    for (const sequence of sequences) {
      await this.#fill(sequence);
      await this.#apply(sequence, last);
    }
    this.#taken = last;
  }

  async #exists(sequence: number): Promise<boolean> {
    return (await this.#files.size(this.#pathOf(sequence))) !== undefined;
  }

  /** Takes what lies before a commit and was not listed: a listing may miss a file that is made while it goes on. */
  async #fill(sequence: number): Promise<void> {
    const from = this.#read + 1;
    for (let missing = from; missing < sequence; missing++) {
      if (missing - from < maxLookedFor && (await this.#exists(missing))) await this.#apply(missing, sequence);
      else if (missing - from < maxLookedFor) this.#damaged(missing, 0, 'missing');
      else break;
    }
    this.#read = sequence - 1;
  }

  #damaged(sequence: number, length: number, kind: StoreDamage['kind']): void {
    const file = `registry/${folderOf(this.#model)}/${this.#nameOf(sequence)}`;
    this.#damage = [...this.#damage, { file, offset: 0, length, kind }];
  }

  async #apply(sequence: number, last: number): Promise<void> {
    const bytes = await this.#files.read(this.#pathOf(sequence));
    const change = bytes === undefined ? 'missing' : decodeCommit(bytes);
    if (typeof change === 'string') {
      const before = this.#damage;
      this.#damaged(sequence, bytes?.byteLength ?? 0, change);
      // Without hard links, the last commit may still be in the making: it is looked at again.
      if (sequence === last && change === 'corrupt') {
        this.#pendingDamage = this.#damage.slice(before.length);
        this.#damage = before;
        return;
      }
    } else this.#state.apply(change);
    this.#read = sequence;
  }

  /**
   * Adds a change as the successor of the commit `last`, and takes it into the state. Answers whether it could: where
   * somebody else was first, refresh and decide anew.
   */
  append(change: RegistryChange, last: number): Promise<boolean> {
    return this.#serial(async () => {
      if (last !== this.#taken) return false;
      const sequence = last + 1;
      if (sequence === 1) await this.#files.makeFolder(this.#folder);
      const bytes = encodeCommit(this.#model, change);
      if (!(await this.#files.claim(this.#pathOf(sequence), bytes))) return false;
      // Read back, so that this process has what every other will have: what JSON drops is dropped here as well.
      await this.#advance();
      return true;
    });
  }
}
