import { type ClockTimer, FairleadError, messageOf } from '@fairlead/core';
import { sealBody, telemetryContentType, telemetryLimits } from '@fairlead/core/telemetry';
import type { StartSettings } from './options';
import { inOneTab, isOffline } from './page';
import type { QueuedReport, ReportQueue } from './report-queue';

/** What was sent and what was not, in reports. */
export interface SendingCounts {
  sent: number;
  /** Sent by `sendBeacon`, of which no answer comes. */
  beaconed: number;
  /** Refused by the server as what it has already. */
  duplicates: number;
  /** Refused by the server for another reason; they are not sent again. */
  refused: number;
  bytes: number;
}

/** Sends what waits in a queue. */
export interface Sender {
  /** Sends all that waits, as far as that works now; tries again by itself. Never rejects. */
  drain(): Promise<void>;
  /** The last token, if it is still good by what it says. */
  readonly token: string | undefined;
  /** Fetches a token, so that there is one when the page goes away. Never rejects. */
  fetchToken(): Promise<void>;
  readonly counts: SendingCounts;
  readonly lastError: FairleadError | undefined;
  stop(): void;
}

/** Bytes of reports in a body: what a beacon and a keepalive request take, less token and head. */
const mostReportBytes = telemetryLimits.bodyBytes - 2 * telemetryLimits.tokenLength - 64;
const answerTimeoutMs = 30_000;
/** A token that ends so soon is not used by a beacon. */
const tokenMarginMs = 10_000;

interface Answer {
  readonly accepted?: unknown;
  readonly refused?: unknown;
}

/** Makes a sender; `queueOf` is asked at each turn, since the queue may become another. */
export function createSender(
  settings: StartSettings,
  queueOf: () => Promise<ReportQueue>,
  isAllowed: () => boolean,
): Sender {
  const { clock, endpoint, retry, logger } = settings;
  const counts: SendingCounts = { sent: 0, beaconed: 0, duplicates: 0, refused: 0, bytes: 0 };
  const stopping = new AbortController();
  let token: string | undefined;
  let lastError: FairleadError | undefined;
  let failures = 0;
  let timer: ClockTimer | undefined;
  let draining: Promise<void> | undefined;
  /** Whether something came while the queue was being sent. */
  let isAsked = false;
  let isWarned = false;

  const freshToken = async (): Promise<string> => {
    const given: unknown = typeof settings.token === 'string' ? settings.token : await settings.token();
    if (typeof given !== 'string' || given.length === 0 || given.length > telemetryLimits.tokenLength) {
      throw new FairleadError(
        'INVALID_ARGUMENT',
        `token: expected a text of 1 to ${telemetryLimits.tokenLength} characters.`,
        {
          details: { field: 'token', expected: 'a token' },
        },
      );
    }
    token = given;
    return given;
  };

  const fail = (error: unknown, waitMs = 0): void => {
    lastError = FairleadError.isInstance(error)
      ? error
      : new FairleadError('REMOTE_FAILED', `Telemetry could not be sent: ${messageOf(error)}`, { cause: error });
    failures++;
    // Once: a page that is offline, or whose server is away, would say it again and again.
    if (!isWarned && !isOffline())
      logger.warn({ error: lastError }, `${lastError.message} It waits and is sent later.`);
    isWarned = true;
    schedule(Math.max(waitMs, Math.min(retry.maxDelayMs, retry.firstDelayMs * 2 ** Math.min(20, failures - 1))));
  };

  const schedule = (delayMs: number): void => {
    timer?.clear();
    timer = stopping.signal.aborted
      ? undefined
      : clock.setTimer(() => void sender.drain(), Math.min(delayMs, 2 ** 31 - 1));
  };

  const post = async (body: Uint8Array<ArrayBuffer>): Promise<Response> => {
    const ending = new AbortController();
    const end = (): void => ending.abort();
    const timing = clock.setTimer(end, answerTimeoutMs);
    stopping.signal.addEventListener('abort', end);
    try {
      return await settings.fetch(endpoint, {
        method: 'POST',
        body,
        headers: { 'content-type': telemetryContentType },
        credentials: 'omit',
        keepalive: true,
        signal: ending.signal,
      });
    } finally {
      timing.clear();
      stopping.signal.removeEventListener('abort', end);
    }
  };

  /** Sends one body. @returns whether to go on */
  const sendFirst = async (queue: ReportQueue, most: number): Promise<boolean> => {
    const first = await queue.first(mostReportBytes, most);
    if (first.length === 0 || stopping.signal.aborted) return false;
    const body = sealBody({
      token: await freshToken(),
      sentEpochMs: clock.epochMs(),
      reports: first.map(({ bytes }) => bytes),
    });
    const response = await post(body);
    counts.bytes += body.byteLength;
    const { status } = response;
    if (status === 200) {
      note(first, (await response.json()) as Answer);
      await queue.remove(first.map(({ key }) => key));
      failures = 0;
      isWarned = false;
      lastError = undefined;
      return true;
    }
    if (status === 400 || status === 413) {
      // One of them is at fault: each goes by itself, and the one is dropped.
      if (first.length > 1) return sendFirst(queue, 1);
      counts.refused++;
      await queue.remove(first.map(({ key }) => key));
      lastError = refusedBy(status);
      logger.warn({ status }, `${lastError.message} The report is dropped.`);
      return true;
    }
    if (status === 401) token = undefined;
    fail(refusedBy(status), 1000 * Number(response.headers.get('retry-after') ?? 0) || 0);
    return false;
  };

  const note = (first: readonly QueuedReport[], { refused }: Answer): void => {
    const reasons = Array.isArray(refused) ? refused.map((each: { reason?: unknown } | null) => each?.reason) : [];
    const duplicates = reasons.filter((reason) => reason === 'duplicate').length;
    counts.duplicates += duplicates;
    counts.refused += reasons.length - duplicates;
    counts.sent += Math.max(0, first.length - reasons.length);
    const others = reasons.filter((reason) => reason !== 'duplicate');
    if (others.length > 0)
      logger.warn({ reasons: others }, `The server refused telemetry: ${others.join(', ')}. It is dropped.`);
  };

  /** @returns whether it went well, so that what came meanwhile may go too */
  const drainOnce = async (): Promise<boolean> => {
    timer?.clear();
    timer = undefined;
    const before = failures;
    if (isOffline() || !isAllowed()) return false;
    try {
      const queue = await queueOf();
      const wasMine = await inOneTab(`fairlead-telemetry-${settings.queue.name}`, async () => {
        while (isAllowed() && (await sendFirst(queue, telemetryLimits.reports))) {}
      });
      // The other tab may have looked before the last report was put.
      if (!wasMine && (await queue.size()) > 0) schedule(retry.firstDelayMs);
      return wasMine && failures <= before;
    } catch (error) {
      if (!stopping.signal.aborted) fail(error);
      return false;
    }
  };

  const sender: Sender = {
    drain() {
      if (stopping.signal.aborted) return Promise.resolve();
      isAsked = true;
      draining ??= (async () => {
        while (isAsked) {
          isAsked = false;
          // After a failure its own timer decides.
          if (!(await drainOnce())) break;
        }
        draining = undefined;
      })();
      return draining;
    },
    get token() {
      const expires = Number(/^v1\.(\d{1,16})\./.exec(token ?? '')?.[1] ?? Number.POSITIVE_INFINITY);
      return expires > clock.epochMs() + tokenMarginMs ? token : undefined;
    },
    async fetchToken() {
      try {
        await freshToken();
      } catch (error) {
        lastError = FairleadError.isInstance(error)
          ? error
          : new FairleadError('REMOTE_FAILED', `No token for telemetry: ${messageOf(error)}`, { cause: error });
      }
    },
    counts,
    get lastError() {
      return lastError;
    },
    stop() {
      stopping.abort();
      timer?.clear();
    },
  };
  return sender;
}

function refusedBy(status: number): FairleadError {
  const advice: Readonly<Record<number, string>> = {
    401: 'The token is not good: let the option "token" be a function that fetches a new one.',
    404: 'Nothing answers there: check the option "endpoint".',
    413: 'The server takes smaller bodies: raise its maxBodyBytes.',
  };
  const message = `The server answered telemetry with status ${status}. ${advice[status] ?? ''}`.trim();
  return new FairleadError(status === 413 ? 'LIMIT_EXCEEDED' : 'REMOTE_FAILED', message, { details: { status } });
}
