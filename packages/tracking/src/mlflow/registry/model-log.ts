import { type CallOptions, type Clock, FairleadError } from '@fairlead/core';
import type { BlobInfo } from '../../store/artifact-store';
import { RegistryState } from '../../store/registry-state';
import type { RegistryChange, StoredModel } from '../../store/registry-store';
import type { StoreDamage } from '../../store/run-store';
import type { MlflowClient } from '../client';
import type { MlflowVersion } from '../versions';
import { createOnce, newToken, pause } from './create-once';
import { decodeEntry, encodeEntry, type LogEntry, tagOf } from './entry';
import { highestOf, logNameOf, versionsFrom } from './glance';
import type { BlobPlace } from './places';

/*
 * The log of a model. An MLflow server has no compare-and-set, but it numbers the versions of a model one by one, and never
 * gives a number again. So every commit is a version of a second registered model, and counts if the entry that it was
 * decided upon, which it names, is still the last that counts. All who read the log agree on that.
 */

/** The server takes no version without a source, and no source that may be a path; this one leads nowhere. */
export const noSource = 'fairlead:/log';
/** How often an entry that was made is looked for, on a server that reads from a copy of its database. */
const maxLooks = 50;

/** A change to be appended. */
export interface Appendix {
  readonly change: RegistryChange;
  readonly place?: BlobPlace;
  /** Shown to MLflow's users already. */
  readonly projected?: boolean;
}

/** The entries of one model's log, as far as they were read. */
export class ModelLog {
  readonly #client: MlflowClient;
  readonly #clock: Clock;
  readonly #name: string;
  readonly #learn: (blob: BlobInfo, place: BlobPlace) => void;
  #state: RegistryState;
  #born: number | undefined;
  /** The highest number that was read. */
  #read = 0;
  /** The number of the last entry that counts. */
  #last = 0;
  readonly #gaps = new Set<number>();
  readonly #numbers = new Map<string, number>();
  readonly #pending = new Map<number, LogEntry>();
  #damage: StoreDamage[] = [];
  #snapshot: StoredModel | undefined;
  #revision = 0;

  constructor(client: MlflowClient, clock: Clock, name: string, learn: (blob: BlobInfo, place: BlobPlace) => void) {
    this.#client = client;
    this.#clock = clock;
    this.#name = name;
    this.#learn = learn;
    this.#state = new RegistryState(name);
  }

  /** The name of the registered model that the entries are versions of. */
  get logName(): string {
    return logNameOf(this.#name);
  }

  /** Counts whatever changes what is known of the model. */
  get revision(): number {
    return this.#revision;
  }

  /** Whether there is no entry that counts. */
  get isEmpty(): boolean {
    return this.#last === 0;
  }

  /** What the entries add up to. */
  get model(): StoredModel {
    this.#snapshot ??= this.#state.model(this.#damage);
    return this.#snapshot;
  }

  /** Entries that count and are not shown to MLflow's users yet, oldest first. */
  get pending(): readonly LogEntry[] {
    return [...this.#pending.values()];
  }

  /** Whether a log as the server shows it has entries that were not read. */
  isBehind(highest: number): boolean {
    return highest > this.#read;
  }

  /** Begins anew where the log that was read is not the one that is there. */
  follow(log: { readonly createdAt?: number } | undefined, highest: number): void {
    const isSame = log !== undefined && log.createdAt === this.#born && highest >= this.#read;
    if (!isSame && this.#read > 0) {
      this.#state = new RegistryState(this.#name);
      this.#read = 0;
      this.#last = 0;
      for (const known of [this.#gaps, this.#numbers, this.#pending]) known.clear();
      this.#damage = [];
      this.#changed();
    }
    this.#born = log?.createdAt;
  }

  /** Reads the entries that came since the last call, and anew those that were not shown yet. */
  async advance(call: CallOptions): Promise<void> {
    const first = Math.min(this.#read + 1, ...this.#pending.keys());
    const gone = new Set(this.#pending.keys());
    for await (const page of versionsFrom(this.#client, this.logName, first, call)) {
      for (const version of page) {
        gone.delete(Number(version.version));
        this.#take(version);
      }
    }
    for (const number of gone) this.#pending.delete(number);
  }

  /**
   * Appends an entry that is based on the last one that counts. Answers it, or `undefined` where another was first: then
   * decide anew.
   */
  async append(appendix: Appendix): Promise<LogEntry | undefined> {
    const token = newToken();
    const tags = encodeEntry({ ...appendix, token, after: this.#last });
    const made = await createOnce(this.#client, this.#clock, tagOf.token, {
      name: this.logName,
      source: noSource,
      tags,
    });
    const number = Number(made.version);
    if (number === this.#read + 1) this.#take({ ...made, tags });
    for (let look = 0; number > this.#read; look++) {
      await this.advance({});
      if (number <= this.#read) break;
      if (look >= maxLooks) {
        throw new FairleadError(
          'REMOTE_FAILED',
          `MLflow made entry ${number} of "${this.logName}", but does not show it. Read the model to see what was kept.`,
        );
      }
      await pause(this.#clock, 100);
    }
    const kept = this.#numbers.get(token);
    if (kept === undefined) return undefined;
    return { ...(decodeEntry({ ...made, tags }) as LogEntry), number: kept };
  }

  /** Says that MLflow's users see an entry. */
  async markProjected(number: number): Promise<void> {
    await this.#client.versions.setTag(this.logName, String(number), tagOf.projected, 'true');
    this.#pending.delete(number);
  }

  #changed(): void {
    this.#snapshot = undefined;
    this.#revision++;
  }

  #damaged(number: number, kind: StoreDamage['kind']): void {
    this.#damage = [...this.#damage, { file: `${this.logName}/${number}`, offset: 0, length: 0, kind }];
    this.#changed();
  }

  #take(version: MlflowVersion): void {
    const number = Number(version.version);
    const entry = decodeEntry(version);
    if (number <= this.#read) {
      if (entry?.projected === true) this.#pending.delete(number);
      return;
    }
    // Somebody deleted what lay between. The server makes numbers visible in their order, so nothing comes there any more.
    for (let missing = this.#read + 1; missing < number; missing++) {
      this.#gaps.add(missing);
      this.#damaged(missing, 'missing');
    }
    this.#read = number;
    if (entry === undefined || !this.#counts(entry)) return;
    this.#last = number;
    this.#numbers.set(entry.token, number);
    this.#apply(entry);
  }

  /** An entry that was decided upon one that is gone counts: whoever made it saw that one count. */
  #counts({ after }: LogEntry): boolean {
    return after === this.#last || (after > this.#last && this.#gaps.has(after));
  }

  #apply(entry: LogEntry): void {
    const { change, number, place, projected } = entry;
    if (typeof change === 'string') {
      this.#damaged(number, change);
      return;
    }
    this.#state.apply(change);
    if (!projected) this.#pending.set(number, entry);
    if (change.type === 'version' && place !== undefined) {
      this.#learn({ digest: change.version.digest, size: change.version.size }, place);
    }
    this.#changed();
  }
}

/** Makes a log follow what a glance showed; answers whether there is more to read. */
export function followGlance(log: ModelLog, shown: Parameters<typeof highestOf>[0]): boolean {
  const highest = highestOf(shown);
  log.follow(shown, highest);
  return log.isBehind(highest);
}
