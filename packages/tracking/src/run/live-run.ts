import { type Clock, type ClockTimer, FairleadError } from '@fairlead/core';
import { platformFiles } from '#files';
import { abortable } from '../abortable';
import { type LogArtifactsOptions, type LoggedArtifact, logFolder } from '../artifacts/log-folder';
import { checkKey, invalidArgument } from '../names';
import { redactRecord } from '../secrets';
import type { Durability, EndStatus, ParamValue, RunEvent, RunWriter } from '../store/run-store';
import { ArtifactLog, lostArtifactsTag, lostArtifactsText } from './artifact-log';
import { checkDurability, usualDurability } from './durability';
import type { LiveRunOptions } from './live-run-options';
import { checkLogOptions } from './log-options';
import { createMediaLog } from './media-log';
import { MetricBuffer } from './metric-buffer';
import { ParamLog } from './param-log';
import type { FlushOptions, LogOptions, Run, RunHealth } from './run';
import type { RunMedia } from './run-media';
import type { RunStartOptions, TypedRunStartOptions } from './run-options';
import { checkRecord, checkTags, inGroups, maxTextLength, runErrorOf } from './values';
import { WriteLoop } from './write-loop';

/** Points in a chunk: what is encoded at once. */
const chunkPoints = 4096;

/** A run that logs: fills the metric buffer, beats, and ends. */
export class LiveRun<Params = Readonly<Record<string, ParamValue>>> implements Run<Params> {
  readonly #options: LiveRunOptions<Params>;
  readonly #clock: Clock;
  readonly #writer: RunWriter;
  readonly #buffer: MetricBuffer;
  readonly #params: ParamLog;
  readonly #artifacts: ArtifactLog;
  readonly #loop: WriteLoop;
  readonly logArtifact: RunMedia['logArtifact'];
  readonly logText: RunMedia['logText'];
  readonly logTable: RunMedia['logTable'];
  readonly logImage: RunMedia['logImage'];
  readonly logFigure: RunMedia['logFigure'];
  readonly logDataset: RunMedia['logDataset'];
  readonly useModel: RunMedia['useModel'];
  #status: EndStatus | undefined;
  #ending: Promise<void> | undefined;
  #endAppended = false;
  #closing: Promise<void> | undefined;
  #endTold = false;
  #beatTimer: ClockTimer | undefined;
  #paramFailures = 0;
  #paramError: unknown;

  constructor(options: LiveRunOptions<Params>) {
    this.#options = options;
    this.#clock = options.clock;
    this.#writer = options.writer;
    this.#buffer = new MetricBuffer(chunkPoints, (points) => void this.#writer.appendPoints(points));
    this.#loop = new WriteLoop({ ...options, drain: () => this.#buffer.drain() });
    const epochMs = (): number => this.#now();
    const append = (event: RunEvent): void => {
      this.#writer.append(event);
      this.#loop.wake();
    };
    this.#artifacts = new ArtifactLog({ run: options.id, artifacts: options.artifacts, append, epochMs });
    this.#params = new ParamLog({
      known: options.knownParams,
      write: (params) => {
        for (const group of inGroups(params)) append({ type: 'params', at: epochMs(), params: group });
      },
      keepText: (name, text) =>
        this.#artifacts.log(name, new TextEncoder().encode(text), { kind: 'text', mediaType: 'text/plain' }, {}),
      onRedact: (name) => options.onRedact(`params.${name}`),
    });
    const { hashFile, resolveModel } = options;
    const checkRunning = (): void => this.#checkRunning();
    const { logArtifact, logText, logTable, logImage, logFigure, logDataset, useModel } = createMediaLog({
      artifacts: this.#artifacts,
      checkRunning,
      append,
      epochMs,
      hashFile,
      resolveModel,
    });
    this.logArtifact = logArtifact;
    this.logText = logText;
    this.logTable = logTable;
    this.logImage = logImage;
    this.logFigure = logFigure;
    this.logDataset = logDataset;
    this.useModel = useModel;
    this.#beat();
  }

  get id(): string {
    return this.#options.id;
  }

  get experiment(): string {
    return this.#options.experiment;
  }

  get name(): string {
    return this.#options.name;
  }

  get parent(): string | undefined {
    return this.#options.parent;
  }

  get params(): Params {
    return this.#options.params;
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
    this.#loop.wake();
  }

  logParams(params: Readonly<Record<string, ParamValue>>): void {
    this.#checkRunning();
    if (!this.#params.log(params)) return;
    // Whether it works is told by the next flush, which tries again.
    this.#params.keep().catch((error: unknown) => {
      this.#paramFailures++;
      this.#paramError = error;
      this.#loop.failed(error);
    });
  }

  setTags(tags: Readonly<Record<string, string>>): void {
    this.#checkRunning();
    checkTags(tags, this.#options.limits);
    const clean = redactRecord(tags, (name) => this.#options.onRedact(`tags.${name}`));
    const at = this.#now();
    for (const group of inGroups(clean)) this.#writer.append({ type: 'tags', at, tags: group });
    this.#loop.wake();
  }

  startRun(options?: RunStartOptions): Promise<Run>;
  startRun<Input, Output>(options: TypedRunStartOptions<Input, Output>): Promise<Run<Output>>;
  async startRun<P>(options: RunStartOptions | TypedRunStartOptions<unknown, P> = {}): Promise<Run<P>> {
    this.#checkRunning();
    return this.#options.startChild<P>({ ...options, parent: this.id });
  }

  async logArtifacts(folder: string, options: LogArtifactsOptions = {}): Promise<readonly LoggedArtifact[]> {
    this.#checkRunning();
    return logFolder(folder, options, platformFiles.walk, (name, path, call) => this.logArtifact(name, path, call));
  }

  async flush({ durability = usualDurability(this.#options.durabilities), signal }: FlushOptions = {}): Promise<void> {
    this.#checkRunning();
    checkDurability(durability, this.#options.durabilities);
    await abortable(this.#flushAll(durability), signal, 'The flush');
  }

  async #flushAll(durability: Durability): Promise<void> {
    await this.#params.settle();
    await this.#loop.flush(durability);
  }

  health(): RunHealth {
    const writer = this.#writer.health();
    const bufferedPoints = this.#buffer.count + writer.bufferedPoints;
    return {
      ...writer,
      bufferedPoints,
      unsyncedPoints: bufferedPoints + writer.unsyncedPoints,
      failures: writer.failures + this.#paramFailures,
      lastError: this.#paramError ?? writer.lastError,
      pendingArtifacts: this.#artifacts.pending,
      lagMs: this.#loop.lagMs,
    };
  }

  complete(): Promise<void> {
    return this.#end('FINISHED');
  }

  fail(error: unknown): Promise<void> {
    return this.#end('FAILED', error);
  }

  /**
   * Ends the run as KILLED in the last moment of its process: what waits is written before the call returns. Artifacts
   * that are on their way are lost, and a tag names them.
   * @returns a promise where the store cannot write without waiting
   * @throws FairleadError as the store's writer does
   */
  kill(): void | Promise<void> {
    if (this.#status !== undefined) return;
    this.#stop('KILLED');
    this.#giveUpArtifacts();
    this.#appendEnd('KILLED', undefined);
    this.#tellEnd('KILLED');
    if (this.#writer.writeSync === undefined) return this.#writer.flush(usualDurability(this.#options.durabilities));
    this.#writer.writeSync();
  }

  #giveUpArtifacts(): void {
    const lost = this.#artifacts.abandon();
    if (lost.length === 0) return;
    const text = lostArtifactsText(lost, this.#options.limits?.tagLength ?? maxTextLength);
    this.#writer.append({ type: 'tags', at: this.#now(), tags: { [lostArtifactsTag]: text } });
    this.#options.onLose(lost);
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

  #stop(status: EndStatus): void {
    this.#status = status;
    this.#beatTimer?.clear();
    this.#loop.stop();
  }

  #end(status: EndStatus, error?: unknown): Promise<void> {
    if (this.#status !== undefined && this.#status !== status) return Promise.reject(this.#ended());
    if (this.#status === undefined) this.#stop(status);
    this.#ending ??= this.#finish(status, error).catch((reason: unknown) => {
      // The next call tries again: the end is in the buffer, or it was dropped and is appended anew.
      this.#ending = undefined;
      throw reason;
    });
    return this.#ending;
  }

  #appendEnd(status: EndStatus, error: unknown): void {
    this.#endAppended ||= this.#writer.append({
      type: 'end',
      at: this.#now(),
      status,
      ...(status === 'FAILED' ? { error: runErrorOf(error) } : {}),
    });
  }

  #tellEnd(status: EndStatus): void {
    if (!this.#endTold) this.#options.onEnd(status);
    this.#endTold = true;
  }

  async #finish(status: EndStatus, error: unknown): Promise<void> {
    // Their own callers hear whether they failed.
    await this.#artifacts.settled();
    const trouble = await this.#params.settle().then(
      () => undefined,
      (reason: unknown) => ({ reason }),
    );
    this.#appendEnd(status, error);
    await this.#writer.flush(usualDurability(this.#options.durabilities));
    this.#tellEnd(status);
    if (trouble !== undefined) throw trouble.reason;
    await this.#dispose();
  }

  /** Epoch milliseconds, never before the run was opened, whatever the clocks of several machines say. */
  #now(): number {
    return Math.max(this.#options.openedAt, this.#clock.epochMs());
  }

  #checkRunning(): void {
    if (this.#status !== undefined) throw this.#ended();
  }

  #ended(): FairleadError {
    return new FairleadError(
      'CLOSED',
      `The run ${this.id} has ended (${this.#status}): start another to log more, or go on with tracker.resumeRun().`,
    );
  }

  /** Writes what waits, for a reader in this process. Trouble is told as that of any background write. */
  writeOut(): Promise<void> {
    return this.#loop.write();
  }

  #beat(): void {
    this.#beatTimer = this.#clock.setTimer(() => {
      const at = this.#now();
      this.#writer.append({ type: 'beat', at, leaseUntil: at + this.#options.leaseMs });
      void this.#loop.write();
      this.#beat();
    }, this.#options.heartbeatMs);
  }
}
