import {
  type Clock,
  type ClockTimer,
  type Closeable,
  closeable,
  FairleadError,
  type Logger,
  messageOf,
} from '@fairlead/core';
import type { CallObserver, Guard } from '@fairlead/core/serving';
import { createAuditFile } from './audit-file';
import { type ChainPosition, chainStart, sealLine } from './chain';
import { describeCall } from './entry';
import { type AuditableRollout, observeRollout } from './observe-rollout';
import { type AuditLogOptions, type AuditSettings, parseAuditOptions } from './options';
import { createSign, type Sign } from './signing';
import type { AuditFound, AuditHead, AuditSink } from './sink';

/** What a log has done since it was opened. */
export interface AuditLogStats {
  /** Lines that are safe. */
  readonly written: number;
  /** Lines that wait to be. */
  readonly waiting: number;
  /** Calls, and decisions, that no line tells of, since too many waited; a line `dropped` says how many, as soon as there is room. */
  readonly dropped: number;
  /** Attempts to write that failed; each is repeated. */
  readonly failures: number;
}

/** An audit log that is open: an observer of calls, and of rollouts. */
export interface AuditLog extends CallObserver {
  /**
   * Writes the decisions of a rollout from now on: start, step, promotion, rollback, abort, pause and approval, by whom, why and on what
   * evidence. Of what was decided before this log was opened it writes the last, marked `found`. Decisions have room where calls have
   * none any more.
   *
   * @returns closing it ends that. Close the rollout before the log
   */
  observeRollout(rollout: AuditableRollout): Closeable;
  stats(): AuditLogStats;
  /**
   * Waits until what has happened so far is safe.
   *
   * @returns where the log ends. Keep it elsewhere, and `verifyAuditLog` proves by it that nothing up to there was cut off or exchanged
   * @throws FairleadError `STORE_FAILED` when this attempt to write fails; what waits is kept
   */
  flush(): Promise<AuditHead>;
  /**
   * A guard that lets nobody in of whom no line could tell: while too many lines wait, it answers `OVERLOADED`. Others are asked after it.
   * @param guard who decides then. @default everybody may
   */
  requireRoom(guard?: Guard): Guard;
  /**
   * Writes what waits and a line that says that the log was closed. Close the server first.
   * @throws FairleadError `STORE_FAILED`, which says how many lines are lost
   */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Opens an audit log: who called which version of which model, when, and how it ended; never what was asked or answered. And, with
 * `observeRollout`, what rollouts decided, by whom, why and on what evidence. It is a file of JSON lines, each of which has the hash of
 * the one before, so that `verifyAuditLog` finds what was changed, left out, added or moved. Lines are written behind the calls, in
 * bounded numbers.
 *
 * ```ts
 * const audit = await createAuditLog({ file: './audit/calls.jsonl' });
 * const server = await serve(runners, { guard, observers: [audit] });
 * ```
 *
 * @throws FairleadError `INVALID_OPTION`, `CONFLICT` when another process writes this file, `STORE_CORRUPT` when its last line was
 * changed, `STORE_FAILED`
 */
export async function createAuditLog(options: AuditLogOptions): Promise<AuditLog> {
  const settings = parseAuditOptions(options);
  const { logger, clock } = settings;
  const sign = settings.signing && createSign(settings.signing, 'createAuditLog');
  const sink = 'sink' in settings.target ? settings.target.sink : createAuditFile(fileSettings(settings, logger));
  const found = await sink.open();
  const writer = createWriter(sink, found?.position ?? chainStart, settings, sign);
  if (found !== undefined) tellFound(found, writer, logger, clock);
  writer.add({ kind: 'open', at: writer.at() });
  return createLog(writer, settings);
}

function fileSettings(settings: AuditSettings, logger: Logger) {
  const { maxFileBytes, sync, target } = settings;
  const onHeadFailure = (error: unknown): void => {
    logger.warn({ error }, `What proves the end of the audit log is behind: ${messageOf(error)}`);
  };
  return { file: 'file' in target ? target.file : '', maxFileBytes, sync, onHeadFailure };
}

/** Puts into the log what was wrong with its end. */
function tellFound({ torn, lost }: AuditFound, writer: Writer, logger: Logger, clock: Clock): void {
  const at = new Date(clock.epochMs()).toISOString();
  if (torn !== undefined) {
    logger.warn(
      { torn },
      `The audit log ended in ${torn.bytes} bytes of a line that was never whole. They stay; it goes on behind them.`,
    );
    writer.add({ kind: 'recovered', at, tornBytes: torn.bytes, tornHash: torn.hash });
  }
  if (lost !== undefined) {
    logger.error(
      { lost },
      `The audit log once had ${lost.seq} lines and now has fewer: its end is gone. It goes on and says so.`,
    );
    writer.add({ kind: 'lost', at, lostSeq: lost.seq, lostHash: lost.hash });
  }
}

/** Lines about decisions that may wait where calls have no room any more: they are few, and weigh more. */
const decisionReserve = 1000;

function createLog(writer: Writer, settings: AuditSettings): AuditLog {
  const { clock, logger, operations, requestIdHeader } = settings;
  const openedAtMs = clock.epochMs();
  let isClosed = false;

  /** Writes a line of its own, where there is room for it. */
  const record = (what: 'call' | 'decision', fields: () => object): void => {
    if (isClosed) {
      writer.drop();
      const [happened, owner] = what === 'call' ? ['A call ended', 'server'] : ['A rollout decided', 'rollout'];
      logger.error({ what }, `${happened} after its audit log was closed. Close the ${owner} first.`);
    } else if (writer.hasRoom(what === 'decision' ? decisionReserve : 0)) {
      writer.add(fields());
    } else if (writer.drop()) {
      const lost = what === 'call' ? 'Calls' : 'Decisions';
      logger.warn(writer.stats(), `${lost} are not recorded: too many audit lines wait to be written.`);
    }
  };

  const { close, ...disposal } = closeable(async () => {
    isClosed = true;
    writer.add({ kind: 'close', at: writer.at() });
    await writer.close();
  });

  return {
    begin(call) {
      if (!operations.has(call.operation)) return undefined;
      const at = new Date(clock.epochMs()).toISOString();
      return {
        end: (outcome) => record('call', () => describeCall(call, outcome, at, requestIdHeader)),
      };
    },
    observeRollout: (rollout) =>
      observeRollout(rollout, {
        openedAtMs,
        at: writer.at,
        add: (decision) => record('decision', () => decision),
      }),
    stats: writer.stats,
    flush: writer.flush,
    requireRoom: (guard) => ({
      admit(call) {
        if (operations.has(call.operation) && (isClosed || !writer.hasRoom())) {
          const message = 'This server cannot record any more calls for the moment. Send the request again later.';
          throw new FairleadError('OVERLOADED', message, { details: { retryAfterMs: 1000 } });
        }
        return guard?.admit(call);
      },
    }),
    close,
    ...disposal,
  };
}

/** Seals lines and brings them to a sink. */
interface Writer {
  add(fields: object): void;
  /** Counts a call that gets no line; says whether it is the first after one that got one. */
  drop(): boolean;
  /** @param reserve lines that may wait beyond the bound. @default 0 */
  hasRoom(reserve?: number): boolean;
  at(): string;
  stats(): AuditLogStats;
  flush(): Promise<AuditHead>;
  close(): Promise<void>;
}

/** Milliseconds before a failed write is repeated: at first, and at most. */
const firstRetryMs = 500;
const lastRetryMs = 30_000;

function createWriter(sink: AuditSink, from: ChainPosition, settings: AuditSettings, sign: Sign | undefined): Writer {
  const { clock, logger, maxWaitingLines, flushIntervalMs, checkpointLines } = settings;
  let position = from;
  let lines: string[] = [];
  let sinceCheckpoint = 0;
  let written = 0;
  let dropped = 0;
  let untold = 0;
  let failures = 0;
  let isFailing = false;
  let retryMs = firstRetryMs;
  let timer: ClockTimer | undefined;
  let writing: Promise<AuditHead> | undefined;

  const at = (): string => new Date(clock.epochMs()).toISOString();

  const seal = (fields: object): void => {
    const sealed = sealLine(position, fields);
    position = sealed.position;
    lines.push(sealed.line);
    sinceCheckpoint++;
  };

  const checkpoint = (): void => {
    if (sign === undefined || sinceCheckpoint === 0) return;
    seal({ kind: 'checkpoint', at: at(), ...sign('checkpoint', position) });
    sinceCheckpoint = 0;
  };

  const headNow = (): AuditHead => ({ ...position, at: at(), ...sign?.('head', position) });

  const schedule = (delayMs: number): void => {
    timer ??= clock.setTimer(() => {
      timer = undefined;
      // What fails was logged, and is tried again.
      write().catch(() => {});
    }, delayMs);
  };

  const write = (): Promise<AuditHead> => {
    writing ??= writeAll().finally(() => {
      writing = undefined;
      if (lines.length > 0) schedule(isFailing ? retryMs : flushIntervalMs);
    });
    return writing;
  };

  const writeAll = async (): Promise<AuditHead> => {
    const count = lines.length;
    const head = headNow();
    if (count === 0) return head;
    try {
      await sink.append(`${lines.join('\n')}\n`, head);
    } catch (error) {
      failures++;
      isFailing = true;
      retryMs = Math.min(lastRetryMs, retryMs * 2);
      logger.error({ error, waiting: lines.length }, `Audit lines could not be written, and wait: ${messageOf(error)}`);
      throw error;
    }
    isFailing = false;
    retryMs = firstRetryMs;
    written += count;
    lines = lines.slice(count);
    tellDropped();
    return head;
  };

  /** Says in the log itself how many calls it does not tell of. */
  const tellDropped = (): void => {
    if (untold === 0) return;
    seal({ kind: 'dropped', at: at(), count: untold });
    untold = 0;
    schedule(flushIntervalMs);
  };

  const flush = async (): Promise<AuditHead> => {
    // A write that is under way has not got what came since.
    if (writing !== undefined) await writing;
    checkpoint();
    return write();
  };

  return {
    at,
    add(fields) {
      if (lines.length < maxWaitingLines) tellDropped();
      seal(fields);
      if (sinceCheckpoint >= checkpointLines) checkpoint();
      schedule(flushIntervalMs);
    },
    drop() {
      dropped++;
      untold++;
      return untold === 1;
    },
    hasRoom: (reserve = 0) => lines.length < maxWaitingLines + reserve,
    stats: () => ({ written, waiting: lines.length, dropped, failures }),
    flush,
    async close() {
      // One that fails is tried once more here.
      await writing?.catch(() => {});
      try {
        while (lines.length > 0) await flush();
      } catch (cause) {
        const message = `${lines.length} lines of the audit log are lost: ${messageOf(cause)}`;
        throw new FairleadError('STORE_FAILED', message, { cause, details: { lines: lines.length } });
      } finally {
        timer?.clear();
        timer = undefined;
        await sink.close();
      }
    },
  };
}
