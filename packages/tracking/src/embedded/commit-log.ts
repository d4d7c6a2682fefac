import { FairleadError } from '@fairlead/core';
import { crc32 } from '../files/crc32';
import type { Files } from '../files/files';
import { createSerial } from '../serial';
import type { AliasMove, StoredModel, StoredVersion } from '../store/registry-store';
import type { StoreDamage } from '../store/run-store';
import { fromText, toText } from './event-codec';

/*
 * The registry of one model: `registry/<name>/0000000012.json`, one file a commit, never changed. A writer takes the
 * next number by creating that file, which the file system grants to one of all who try; the others read what came first
 * and decide anew. The state is what the commits add up to, so history and audit come for free.
 */

/** One change of a model. */
export type Commit =
  | { readonly type: 'version'; readonly model: string; readonly version: StoredVersion }
  | { readonly type: 'alias'; readonly model: string; readonly move: AliasMove };

const digits = 10;
const commitPattern = /^(\d{10})\.json$/;
const bodyMark = '"commit":';
const encoder = new TextEncoder();
const decoder = new TextDecoder();

function hex(crc: number): string {
  return crc.toString(16).padStart(8, '0');
}

/** The file of a commit: JSON whose checksum covers the text of its `commit`. */
export function encodeCommit(commit: Commit): Uint8Array {
  const body = toText(commit);
  return encoder.encode(`{"format":1,"crc32":"${hex(crc32(encoder.encode(body)))}",${bodyMark}${body}}\n`);
}

/** Reads a commit's file; `undefined` when it is damaged. @throws FairleadError `UNSUPPORTED` for a later format */
export function decodeCommit(bytes: Uint8Array): Commit | undefined {
  const text = decoder.decode(bytes);
  const at = text.indexOf(bodyMark);
  if (at < 0 || !text.endsWith('}\n')) return undefined;
  try {
    const { format, crc32: expected } = JSON.parse(`${text.slice(0, at).replace(/,$/, '')}}`) as Record<
      string,
      unknown
    >;
    if (typeof format === 'number' && format > 1) {
      throw new FairleadError('UNSUPPORTED', `A registry commit has format ${format}. Upgrade @fairlead/tracking.`);
    }
    const body = text.slice(at + bodyMark.length, -2);
    return hex(crc32(encoder.encode(body))) === expected ? (fromText(body) as Commit) : undefined;
  } catch (error) {
    if (FairleadError.isInstance(error)) throw error;
    return undefined;
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

/** The commits of one model, read as they come. */
export class CommitLog {
  readonly #files: Files;
  readonly #folder: string;
  readonly #model: string;
  #read = 0;
  #versions: StoredVersion[] = [];
  #moves: AliasMove[] = [];
  #damage: StoreDamage[] = [];
  #pendingDamage: StoreDamage[] = [];
  readonly #serial = createSerial();
  /** The highest number that is taken. */
  #taken = 0;

  constructor(files: Files, root: string, model: string) {
    this.#files = files;
    this.#model = model;
    this.#folder = files.join(root, folderOf(model));
  }

  get folder(): string {
    return this.#folder;
  }

  /** What the commits add up to; `undefined` when there is none. */
  get model(): StoredModel | undefined {
    if (this.#taken === 0) return undefined;
    return {
      name: this.#model,
      versions: this.#versions,
      aliases: Object.fromEntries(this.#moves.map((move) => [move.alias, move.to])),
      moves: this.#moves,
      damage: [...this.#damage, ...this.#pendingDamage],
    };
  }

  #pathOf(sequence: number): string {
    return this.#files.join(this.#folder, `${String(sequence).padStart(digits, '0')}.json`);
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
    for (const sequence of sequences) await this.#apply(sequence, last);
    this.#taken = last;
  }

  async #exists(sequence: number): Promise<boolean> {
    return (await this.#files.size(this.#pathOf(sequence))) !== undefined;
  }

  async #apply(sequence: number, last: number): Promise<void> {
    const bytes = await this.#files.read(this.#pathOf(sequence));
    const commit = bytes === undefined ? undefined : decodeCommit(bytes);
    if (commit === undefined) {
      const file = `registry/${folderOf(this.#model)}/${String(sequence).padStart(digits, '0')}.json`;
      const place: StoreDamage = { file, offset: 0, length: bytes?.byteLength ?? 0, kind: 'corrupt' };
      // Without hard links, the last commit may still be in the making: it is looked at again.
      if (sequence === last) {
        this.#pendingDamage = [place];
        return;
      }
      this.#damage = [...this.#damage, place];
    } else if (commit.type === 'version') this.#versions = [...this.#versions, commit.version];
    else this.#moves = [...this.#moves, commit.move];
    this.#read = sequence;
  }

  /**
   * Adds a commit as the successor of everything known. Answers whether it could: where somebody else was first, refresh
   * and decide anew.
   */
  async append(commit: Commit): Promise<boolean> {
    const sequence = this.#taken + 1;
    if (sequence === 1) await this.#files.makeFolder(this.#folder);
    return this.#files.claim(this.#pathOf(sequence), encodeCommit(commit));
  }
}
