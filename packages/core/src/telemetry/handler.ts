import { describeValue } from '../config';
import { type ErrorCode, FairleadError, messageOf } from '../errors';
import { type Closeable, closeable } from '../lifecycle';
import { checkDeclaredLength, readStream } from '../serving/body';
import { boundPieces } from '../serving/bound-pieces';
import type { ServiceRequest, ServiceResponse } from '../serving/exchange';
import { createAggregates, type TelemetryRefusal } from './aggregates';
import { createDeviceLimits, createSeenIds } from './device-limits';
import { exposeDevices } from './device-metrics';
import { parseHandlerOptions, type TelemetryHandlerOptions } from './handler-options';
import type { TelemetryReport } from './report';
import { modelsOf, type TelemetrySnapshot } from './snapshot';
import { subjectOfToken } from './token';
import { decodeReport, openBody } from './wire';

/** Takes what devices send. */
export interface TelemetryHandler extends Closeable {
  /** Answers a request; never rejects. */
  (request: Request): Promise<Response>;
  /** What devices reported in the last window. */
  snapshot(): TelemetrySnapshot;
}

/** What a device is told of the reports that it sent. */
interface Taken {
  readonly accepted: number;
  readonly refused: readonly { readonly report: number; readonly reason: TelemetryRefusal }[];
}

const statuses: Partial<Record<ErrorCode, number>> = {
  PROTOCOL_ERROR: 400,
  LIMIT_EXCEEDED: 413,
  OVERLOADED: 429,
  CLOSED: 503,
};

/**
 * Takes the reports of devices and adds them up, as a plain function that every runtime and framework with `Request` and
 * `Response` can mount, for `POST`.
 *
 * What a device sends is not believed. A report is taken only with a token, for a model that is known, in the shape of its
 * reference, once, and within the limits of its sender; the sums are in `snapshot()` and in series of their own with
 * `source="device"`. Nothing here reaches a drift monitor, its state or its alarms.
 *
 * Answers are 200 with `{accepted, refused}`, 400 for what is no report, 401 without a good token, 405, 413 past the limit,
 * 429 with Retry-After past the rate, 503 after `close()`.
 *
 * @throws FairleadError `INVALID_OPTION`; `ALREADY_EXISTS` when the registry holds other families of these names
 */
export function createTelemetryHandler(options: TelemetryHandlerOptions): TelemetryHandler {
  const settings = parseHandlerOptions(options);
  const { clock, logger, keys, maxBodyBytes, crossOrigin, maxRequestsPerMinute, maxRowsPerDevice, windowMs } = settings;
  const aggregates = createAggregates(settings);
  const limits = createDeviceLimits(clock, maxRequestsPerMinute, maxRowsPerDevice, windowMs, settings.maxDevices);
  const seen = createSeenIds(settings.maxReportIds);
  const refused: Record<TelemetryRefusal, number> = {
    duplicate: 0,
    unknown_model: 0,
    other_reference: 0,
    implausible: 0,
    too_old: 0,
    row_limit: 0,
    series_limit: 0,
  };
  const requestsRefused = { unauthenticated: 0, malformed: 0, too_large: 0, rate: 0 };
  let accepted = 0;
  let isClosed = false;

  const identify = async (token: string, request: Request): Promise<string> => {
    const subject =
      settings.authenticate === undefined
        ? await subjectOfToken(token, keys, clock.epochMs())
        : await settings.authenticate(token, request);
    if (subject === undefined) {
      requestsRefused.unauthenticated++;
      throw refusal(
        401,
        'UNSUPPORTED',
        'The token is not good, or is over. Ask the server of the app for another.',
        'token',
      );
    }
    if (typeof subject !== 'string' || subject.length === 0 || subject.length > 250) {
      throw new TypeError(
        `authenticate must answer a text of 1 to 250 characters, or undefined; it answered ${describeValue(subject)}`,
      );
    }
    return subject;
  };

  const take = (reports: readonly TelemetryReport[], subject: string, sentEpochMs: number): Taken => {
    const told: { report: number; reason: TelemetryRefusal }[] = [];
    reports.forEach((report, index) => {
      const reason = seen.has(report.id)
        ? 'duplicate'
        : // By the device's own clock, so that it need not be right.
          aggregates.add(report, sentEpochMs - report.toEpochMs, (rows) => limits.takeRows(subject, rows));
      if (reason === undefined) {
        seen.add(report.id);
        accepted++;
      } else {
        refused[reason]++;
        told.push({ report: index, reason });
      }
    });
    return { accepted: reports.length - told.length, refused: told };
  };

  const readBody = async (request: Request): Promise<Uint8Array> => {
    checkDeclaredLength(request.headers.get('content-length'), maxBodyBytes);
    return readStream(request.body, maxBodyBytes, request.signal, boundPieces(clock));
  };

  const answer = async (request: Request): Promise<ServiceResponse> => {
    if (isClosed) throw new FairleadError('CLOSED', 'This handler was closed.');
    if (request.method !== 'POST')
      return json(405, errorBody('UNSUPPORTED', `Send POST, not ${request.method}.`), { allow: 'POST' });
    const body = openBody(await readBody(request));
    const subject = await identify(body.token, request);
    const retryAfterMs = limits.waitOf(subject);
    if (retryAfterMs > 0) {
      requestsRefused.rate++;
      const message = `More than ${maxRequestsPerMinute} requests a minute. Wait and send it again.`;
      throw new FairleadError('OVERLOADED', message, { details: { retryAfterMs } });
    }
    return json(200, { ...take(body.reports.map(decodeReport), subject, body.sentEpochMs) });
  };

  const handle = async (request: Request): Promise<Response> => {
    const exchange = exchangeOf(request);
    const preflight = crossOrigin?.preflight(exchange);
    let response: ServiceResponse;
    try {
      response = preflight ?? (await answer(request));
    } catch (error) {
      if (FairleadError.isInstance(error, 'PROTOCOL_ERROR')) requestsRefused.malformed++;
      if (FairleadError.isInstance(error, 'LIMIT_EXCEEDED')) requestsRefused.too_large++;
      response = answerError(error);
      if (response.status === 500) logger.error({ error }, `Telemetry could not be taken: ${messageOf(error)}`);
    }
    if (preflight === undefined && crossOrigin !== undefined) response = crossOrigin.open(exchange, response);
    // Every answer here is text.
    return new Response(response.status === 204 ? null : (response.body as string), {
      status: response.status,
      headers: response.headers,
    });
  };

  const snapshot = (): TelemetrySnapshot => ({
    source: 'device',
    windowMs,
    accepted,
    refused: { ...refused },
    requestsRefused: { ...requestsRefused },
    models: modelsOf(aggregates),
  });
  const stopExposing =
    settings.metrics === undefined ? undefined : exposeDevices(settings.metrics, snapshot, settings.maxFeatureSeries);
  const closing = closeable(() => {
    isClosed = true;
    stopExposing?.();
  });
  return Object.assign(handle, closing, { snapshot });
}

function refusal(status: number, code: ErrorCode, message: string, field: string): FairleadError {
  return new FairleadError(code, message, { details: { field, status } });
}

function errorBody(code: ErrorCode, message: string): object {
  return { error: message, code };
}

function json(status: number, body: object, headers: Readonly<Record<string, string>> = {}): ServiceResponse {
  return {
    status,
    headers: {
      'content-type': 'application/json',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      ...headers,
    },
    body: JSON.stringify(body),
  };
}

/** What went wrong inside the server is not told to a device. */
function answerError(error: unknown): ServiceResponse {
  if (!FairleadError.isInstance(error))
    return json(500, errorBody('STORE_FAILED', 'The server could not take it. Send it again later.'));
  const { status = statuses[error.code] ?? 500, retryAfterMs } = error.details;
  const wait: Record<string, string> = {};
  if (retryAfterMs !== undefined) wait['retry-after'] = String(Math.max(1, Math.ceil(retryAfterMs / 1000)));
  return json(status as number, errorBody(error.code, error.message), wait);
}

/** A request as the rules for other origins see it. */
function exchangeOf(request: Request): Pick<ServiceRequest, 'method' | 'header'> {
  return {
    method: request.method,
    header: (name) => request.headers.get(name),
  };
}
