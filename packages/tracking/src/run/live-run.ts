import { type CallOptions, type Clock, type ClockTimer, FairleadError, throwIfAborted } from '@fairlead/core';
import { platformFiles } from '#files';
import { abortable } from '../abortable';
import { type LogArtifactsOptions, type LoggedArtifact, logFolder } from '../artifacts/log-folder';
import { checkArtifactName, checkKey, invalidArgument } from '../names';
import type { ArtifactSource, ArtifactStore, BlobInfo } from '../store/artifact-store';
import type { Durability, EndStatus, ParamValue, RunStart, RunWriter } from '../store/run-store';
import { MetricBuffer } from './metric-buffer';
import type { FlushOptions, LogOptions, Run, RunHealth } from './run';
import { checkParams, checkRecord, checkTags, inGroups, runErrorOf } from './values';

/** What a live run stands on. */
export interface LiveRunOptions {
  readonly start: RunStart;
  readonly writer: RunWriter;
  readonly artifacts: ArtifactStore;
  readonly durabilities: readonly Durability[];
  readonly clock: Clock;
  readonly flushIntervalMs: number;
  readonly heartbeatMs: number;
  readonly leaseMs: number;
  /** Called when a background write fails, and again only after one has worked. */
  readonly onWriteFail: (error: unknown) => void;
  readonly onEnd: (status: EndStatus) => void;
  /** Called when the run was released. */
  readonly onRelease: () => void;
}

/** Points in a chunk: what is encoded at once. */
const chunkPoints = 4096;

function checkLogOptions(options: LogOptions): void {
  if (typeof options !== 'object' || options === null) {
    throw invalidArgument('options of log', 'an object such as { step: 3 }', options);
  }
  for (const key in options) {
    if (key !== 'step' && key !== 'timestamp') throw invalidArgument(`options.${key}`, 'no such option of log', key);
  }
  const { step, timestamp } = options;
  if (step !== undefined && !Number.isSafeInteger(step)) throw invalidArgument('step', 'a whole number', step);
  if (timestamp !== undefined && !(Number.isSafeInteger(timestamp) && timestamp >= 0)) {
    throw invalidArgument('timestamp', 'whole milliseconds since 1970', timestamp);
  }
}

/** A run that logs: fills the metric buffer, beats, and ends. */
export class LiveRun implements Run {
  readonly #options: LiveRunOptions;
  readonly #clock: Clock;
  readonly #writer: RunWriter;
  readonly #buffer: MetricBuffer;
  readonly #params = new Map<string, ParamValue>();
  #status: EndStatus | undefined;
  #ending: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  #flushTimer: ClockTimer | undefined;
  #beatTimer: ClockTimer | undefined;
  /** Whether the last background write failed. */
  #failing = false;
  /** Artifacts on their way; the end of the run waits for them. */
  readonly #uploads = new Set<Promise<unknown>>();

  constructor(options: LiveRunOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#writer = options.writer;
    this.#buffer = new MetricBuffer(chunkPoints, (points) => void this.#writer.appendPoints(points));
    this.#beat();
  }

  get id(): string {
    return this.#options.start.id;
  }

  get experiment(): string {
    return this.#options.start.experiment;
  }

  get name(): string {
    return this.#options.start.name;
  }

  get status(): 'RUNNING' | EndStatus {
    return this.#status ?? 'RUNNING';
  }

  log(metrics: Readonly<Record<string, number>>, options?: LogOptions): void {
    if (this.#status !== undefined) throw this.#ended();
    if (options !== undefined) checkLogOptions(options);
    checkRecord('metrics', metrics);
    const buffer = this.#buffer;
    const keys = Object.keys(metrics);
    for (const key of keys) {
      if (typeof metrics[key] !== 'number') {
        throw invalidArgument(`metrics.${key}`, 'a number (NaN and the infinities are fine)', metrics[key]);
      }
      if (!buffer.knows(key)) checkKey('metric', key);
    }
    const step = options?.step ?? 0;
    const timestamp = options?.timestamp ?? Math.floor(this.#clock.epochMs());
    for (const key of keys) buffer.add(key, step, timestamp, metrics[key] as number);
    this.#flushSoon();
  }

  logParams(params: Readonly<Record<string, ParamValue>>): void {
    if (this.#status !== undefined) throw this.#ended();
    checkParams(params);
    const fresh: [string, ParamValue][] = [];
    for (const [key, value] of Object.entries(params)) {
      const known = this.#params.get(key);
      if (known === undefined) fresh.push([key, value]);
      else if (!Object.is(known, value)) {
        throw new FairleadError(
          'CONFLICT',
          `The parameter "${key}" is ${JSON.stringify(known)} already, and a parameter is written once. Use a tag for what changes.`,
          { details: { field: `params.${key}`, expected: JSON.stringify(known), given: JSON.stringify(value) } },
        );
      }
    }
    for (const [key, value] of fresh) this.#params.set(key, value);
    const at = this.#clock.epochMs();
    for (const group of inGroups(Object.fromEntries(fresh))) this.#writer.append({ type: 'params', at, params: group });
    this.#flushSoon();
  }

  setTags(tags: Readonly<Record<string, string>>): void {
    if (this.#status !== undefined) throw this.#ended();
    checkTags(tags);
    const at = this.#clock.epochMs();
    for (const group of inGroups(tags)) this.#writer.append({ type: 'tags', at, tags: group });
    this.#flushSoon();
  }

  async logArtifact(name: string, source: ArtifactSource, options: CallOptions = {}): Promise<BlobInfo> {
    if (this.#status !== undefined) throw this.#ended();
    checkArtifactName(name);
    throwIfAborted(options.signal, 'Logging an artifact');
    const upload = this.#options.artifacts.put(source, { ...options, place: { run: this.id, name } }).then((blob) => {
      this.#writer.append({ type: 'artifact', at: this.#clock.epochMs(), name, ...blob });
      this.#flushSoon();
      return blob;
    });
    this.#uploads.add(upload);
    try {
      return await upload;
    } finally {
      this.#uploads.delete(upload);
    }
  }

  async logArtifacts(folder: string, options: LogArtifactsOptions = {}): Promise<readonly LoggedArtifact[]> {
    if (this.#status !== undefined) throw this.#ended();
    return logFolder(folder, options, platformFiles.walk, (name, path, call) => this.logArtifact(name, path, call));
  }

  async flush({ durability = 'disk', signal }: FlushOptions = {}): Promise<void> {
    if (this.#status !== undefined) throw this.#ended();
    if (!this.#options.durabilities.includes(durability)) {
      throw new FairleadError('UNSUPPORTED', `This store cannot promise the durability "${String(durability)}".`, {
        details: { field: 'durability', expected: this.#options.durabilities.join(', '), given: String(durability) },
      });
    }
    this.#buffer.drain();
    await abortable(this.#writer.flush(durability), signal, 'The flush');
    this.#failing = false;
  }

  health(): RunHealth {
    const oldest = this.#buffer.oldest;
    return {
      ...this.#writer.health(),
      bufferedPoints: this.#buffer.count + this.#writer.health().bufferedPoints,
      lagMs: oldest === undefined ? 0 : Math.max(0, this.#clock.epochMs() - oldest),
    };
  }

  complete(): Promise<void> {
    return this.#end('FINISHED');
  }

  fail(error: unknown): Promise<void> {
    return this.#end('FAILED', error);
  }

  close(): Promise<void> {
    this.#closing ??= this.#release();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #release(): Promise<void> {
    try {
      await this.#end(this.#status ?? 'INTERRUPTED');
    } finally {
      await this.#dispose();
    }
  }

  async #dispose(): Promise<void> {
    await this.#writer.close();
    this.#options.onRelease();
  }

  #end(status: EndStatus, error?: unknown): Promise<void> {
    if (this.#status !== undefined && this.#status !== status) return Promise.reject(this.#ended());
    if (this.#status === undefined) {
      this.#status = status;
      this.#flushTimer?.clear();
      this.#beatTimer?.clear();
      this.#buffer.drain();
    }
    this.#ending ??= this.#finish(status, error).catch((reason: unknown) => {
      // The next call tries again: the end is in the buffer, or it was dropped and is appended anew.
      this.#ending = undefined;
      throw reason;
    });
    return this.#ending;
  }

  #endAppended = false;

  async #finish(status: EndStatus, error: unknown): Promise<void> {
    // Their own callers hear whether they failed.
    await Promise.allSettled([...this.#uploads]);
    this.#endAppended ||= this.#writer.append({
      type: 'end',
      at: this.#clock.epochMs(),
      status,
      ...(status === 'FAILED' ? { error: runErrorOf(error) } : {}),
    });
    await this.#writer.flush(this.#options.durabilities.includes('disk') ? 'disk' : 'os');
    this.#options.onEnd(status);
    await this.#dispose();
  }

  #ended(): FairleadError {
    return new FairleadError('CLOSED', `The run ${this.id} has ended (${this.#status}): start another to log more.`);
  }

  #flushSoon(): void {
    if (this.#flushTimer !== undefined) return;
    this.#flushTimer = this.#clock.setTimer(() => {
      this.#flushTimer = undefined;
      void this.writeOut();
    }, this.#options.flushIntervalMs);
  }

  /** Writes what waits, for a reader in this process. Trouble is told as that of any background write. */
  async writeOut(): Promise<void> {
    this.#buffer.drain();
    await this.#writeInBackground();
  }

  async #writeInBackground(): Promise<void> {
    try {
      await this.#writer.write();
      this.#failing = false;
    } catch (error) {
      if (this.#status !== undefined) return; // the end of the run reports it
      if (!this.#failing) this.#options.onWriteFail(error);
      this.#failing = true;
      this.#flushSoon();
    }
  }

  #beat(): void {
    this.#beatTimer = this.#clock.setTimer(() => {
      const at = this.#clock.epochMs();
      this.#writer.append({ type: 'beat', at, leaseUntil: at + this.#options.leaseMs });
      void this.#writeInBackground();
      this.#beat();
    }, this.#options.heartbeatMs);
  }
}
