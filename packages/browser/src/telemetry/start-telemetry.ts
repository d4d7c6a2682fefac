import {
  type ClockTimer,
  type Closeable,
  closeable,
  type FairleadError,
  type ModelRunner,
  messageOf,
} from '@fairlead/core';
import {
  createTelemetryRecorder,
  encodeReport,
  sealBody,
  type TelemetryRows,
  telemetryContentType,
  telemetryLimits,
} from '@fairlead/core/telemetry';
import { openIndexedQueue } from './indexed-queue';
import { parseStartOptions, type StartTelemetryOptions } from './options';
import { hasPrivacyControl, isOffline, sendBeacon, watchPage } from './page';
import { createMemoryQueue, firstOf, type ReportQueue } from './report-queue';
import { createSender } from './sender';

/** How telemetry stands. */
export interface TelemetryStats {
  /** `refused`: the user does not agree, or Global Privacy Control says so; nothing is counted nor sent. */
  readonly state: 'running' | 'paused' | 'refused' | 'closed';
  /** Where reports wait. */
  readonly storage: 'indexeddb' | 'memory';
  readonly rows: TelemetryRows;
  /** Rows in the present window, with those that small counts hold back. */
  readonly pendingRows: number;
  readonly reports: {
    /** Sent, and taken by the server. */
    readonly sent: number;
    /** Handed to `sendBeacon`, of which no answer comes. */
    readonly beaconed: number;
    /** Of which the server said that it had them already. */
    readonly duplicates: number;
    /** Which the server refused for good. */
    readonly refused: number;
    /** Dropped since too many or too old ones waited. */
    readonly dropped: number;
  };
  /** Bytes of the bodies that were sent, beacons too. */
  readonly bytesSent: number;
  /** Why the last request failed; absent when it did not. */
  readonly lastError?: FairleadError;
}

/** Telemetry that runs. None of its methods throws or rejects. */
export interface Telemetry extends Closeable {
  /** Resolves when counting begins: when the reference of the model was read. Rows before that are skipped. */
  readonly ready: Promise<void>;
  /** Ends the window now, and sends it and all that waits; resolves after one try. */
  flush(): Promise<void>;
  /** Counts and sends nothing until `resume()`. */
  pause(): void;
  resume(): void;
  stats(): TelemetryStats;
  /** Ends the window, tries once to send it, and leaves what could not be sent in the queue for the next visit. */
  close(): Promise<void>;
}

/** Bytes of the reports in one beacon. */
const beaconBytes = telemetryLimits.bodyBytes - 2 * telemetryLimits.tokenLength - 64;

/**
 * Counts what goes through a runner on this device and sends the counts to a `createTelemetryHandler`: how many rows fell into
 * each bin of the reference, which classes were predicted, how long it took, what failed. No value that went in or came out ever
 * leaves the device.
 *
 * Reports are sent every ten minutes by `fetch`, and by `sendBeacon` when the page is hidden or left; offline they wait in
 * IndexedDB, and one tab sends them for all. Counting comes after the answers went out and is bounded in time.
 *
 * @example
 * const telemetry = startTelemetry(runner, {
 *   endpoint: '/telemetry',
 *   token: async () => (await fetch('/telemetry-token')).text(),
 *   privacy: { consent: () => localStorage.telemetry === 'yes' },
 * });
 *
 * @throws FairleadError `INVALID_OPTION`; nothing is thrown later
 */
export function startTelemetry(runner: ModelRunner, options: StartTelemetryOptions): Telemetry {
  const settings = parseStartOptions(options);
  const { clock, logger, schedule, endpoint } = settings;
  let isPaused = false;
  let isClosed = false;
  let isConsentBroken = false;

  const isAgreed = (): boolean => {
    if (settings.respectGlobalPrivacyControl && hasPrivacyControl()) return false;
    try {
      return settings.consent === undefined || settings.consent() === true;
    } catch (error) {
      if (!isConsentBroken) logger.warn({ error }, `privacy.consent threw, which counts as a no: ${messageOf(error)}`);
      isConsentBroken = true;
      return false;
    }
  };
  const isAllowed = (): boolean => !isPaused && isAgreed();

  const { reference, predictions, variant, device, maxRowsPerWindow, maxCpuShare } = options;
  const recorder = createTelemetryRecorder(runner, {
    ...Object.fromEntries(
      Object.entries({ reference, predictions, variant, device, maxRowsPerWindow, maxCpuShare }).filter(
        ([, value]) => value !== undefined,
      ),
    ),
    privacy: settings.privacy,
    isAllowed,
    logger,
    clock,
  });

  let queue: ReportQueue | undefined;
  const toMemory = (error: unknown): ReportQueue => {
    logger.warn({ error }, `Telemetry waits in memory, since the browser's database refused: ${messageOf(error)}`);
    queue?.close();
    queue = createMemoryQueue(settings.queue);
    return queue;
  };
  const opening = (async (): Promise<void> => {
    if (settings.queue.storage === 'memory') queue = createMemoryQueue(settings.queue);
    else {
      try {
        queue = await openIndexedQueue(settings.queue.name, settings.queue);
      } catch (error) {
        toMemory(error);
      }
    }
  })();
  const queueOf = async (): Promise<ReportQueue> => {
    await opening;
    return queue ?? toMemory(new Error('it is closed'));
  };

  let dropped = 0;
  const put = async (reports: readonly Uint8Array<ArrayBuffer>[]): Promise<void> => {
    if (reports.length === 0) return;
    // At once where the queue is open, for a page that goes away may have no further turn.
    const target = queue ?? (await queueOf());
    try {
      dropped += await target.put(reports, clock.epochMs());
    } catch (error) {
      dropped += await toMemory(error).put(reports, clock.epochMs());
    }
  };
  const sender = createSender(settings, queueOf, isAllowed);

  const forget = async (): Promise<void> => {
    recorder.clear();
    try {
      await (await queueOf()).clear();
    } catch (error) {
      logger.warn({ error }, `What waited to be sent could not be deleted: ${messageOf(error)}`);
    }
  };

  /** Whether what is too small to be sent lies in the database, and not here. */
  let isAway = false;
  /** Keeps it there, since a page that is hidden may never come back. */
  const keepRest = (): void => {
    isAway = true;
    if (!isAgreed()) {
      recorder.clear();
      return;
    }
    if (queue !== undefined && queue.keepRest === undefined) return;
    const rest = recorder.takeRest();
    if (rest === undefined) return;
    const now = clock.epochMs();
    const keepIn = async ({ keepRest: keep }: ReportQueue): Promise<void> => {
      if (keep === undefined) recorder.addRest(rest);
      else await keep(rest, now);
    };
    // A page that is left may not see another turn, so a queue that is open is not awaited.
    (queue === undefined ? queueOf().then(keepIn) : keepIn(queue)).catch((error: unknown) => {
      logger.warn({ error }, `Counts of telemetry are lost: ${messageOf(error)}`);
    });
  };
  /** Adds what earlier pages, or this one when it was hidden, have kept. */
  const takeRests = async (): Promise<void> => {
    try {
      const { restKey } = recorder;
      const { takeRests: take } = await queueOf();
      if (restKey === undefined || take === undefined) return;
      for (const rest of await take(restKey, clock.epochMs())) recorder.addRest(rest);
    } catch (error) {
      logger.warn({ error }, `Counts that earlier pages kept could not be read: ${messageOf(error)}`);
    }
  };

  const takeReports = (): Uint8Array<ArrayBuffer>[] => recorder.take().map(encodeReport);

  const flush = async (): Promise<void> => {
    try {
      if (isPaused) return;
      if (!isAgreed()) return await forget();
      // A runner tells of its last batch in a later turn.
      await new Promise<void>((resolve) => clock.defer(resolve));
      await takeRests();
      await put(takeReports());
      if (isAway) keepRest();
      await sender.drain();
      // For a beacon, which cannot wait for one.
      if (sender.token === undefined && !isOffline()) await sender.fetchToken();
    } catch (error) {
      logger.warn({ error }, `Telemetry could not be flushed: ${messageOf(error)}`);
    }
  };

  /** Sends by beacons what the window holds; what no beacon takes waits in the queue. */
  const flushByBeacon = (): void => {
    if (isClosed || !isAllowed()) return;
    const reports = takeReports();
    const { token } = sender;
    let left = reports;
    while (token !== undefined && left.length > 0 && !isOffline()) {
      const part = firstOf(
        left.map((bytes, key) => ({ key, bytes, atEpochMs: 0 })),
        beaconBytes,
        telemetryLimits.reports,
      ).map(({ bytes }) => bytes);
      const body = sealBody({ token, sentEpochMs: clock.epochMs(), reports: part });
      if (!sendBeacon(endpoint, body, telemetryContentType)) break;
      sender.counts.beaconed += part.length;
      sender.counts.bytes += body.byteLength;
      left = left.slice(part.length);
    }
    put(left).catch((error: unknown) => logger.warn({ error }, `A telemetry report is lost: ${messageOf(error)}`));
  };

  /** What a listener of the page throws would be an error of the app. */
  const safely = (task: () => void): void => {
    try {
      task();
    } catch (error) {
      logger.warn({ error }, `Telemetry could not leave with the page: ${messageOf(error)}`);
    }
  };

  let hiddenAt = Number.NEGATIVE_INFINITY;
  const stopWatching = watchPage({
    onHide() {
      if (clock.now() - hiddenAt >= schedule.minHiddenIntervalMs) {
        hiddenAt = clock.now();
        safely(flushByBeacon);
      }
      safely(keepRest);
    },
    onLeave() {
      safely(flushByBeacon);
      safely(keepRest);
    },
    onReturn() {
      isAway = false;
      void takeRests();
      void sender.drain();
    },
  });

  let timer: ClockTimer;
  const tick = (): void => {
    timer = clock.setTimer(tick, schedule.everyMs);
    void flush();
  };
  timer = clock.setTimer(tick, schedule.everyMs);
  // A token for the first beacon, and what the last visit left.
  void (async () => {
    if (!isAgreed()) return await forget();
    await sender.fetchToken();
    await sender.drain();
  })();

  const { close, ...disposal } = closeable(async () => {
    timer.clear();
    stopWatching();
    await flush();
    keepRest();
    isClosed = true;
    sender.stop();
    await recorder.close();
    await opening;
    queue?.close();
  });

  return {
    ready: recorder.ready,
    flush: () => (isClosed ? Promise.resolve() : flush()),
    pause() {
      isPaused = true;
    },
    resume() {
      isPaused = false;
    },
    stats() {
      const { sent, beaconed, duplicates, refused, bytes } = sender.counts;
      const { lastError } = sender;
      return {
        state: isClosed ? 'closed' : isPaused ? 'paused' : isAgreed() ? 'running' : 'refused',
        storage: queue?.storage ?? settings.queue.storage,
        rows: recorder.rows,
        pendingRows: recorder.pendingRows,
        reports: { sent, beaconed, duplicates, refused, dropped },
        bytesSent: bytes,
        ...(lastError === undefined ? {} : { lastError }),
      };
    },
    close,
    ...disposal,
  };
}
