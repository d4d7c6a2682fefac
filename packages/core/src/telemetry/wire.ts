import { type ErrorCode, FairleadError } from '../errors';
import { ByteReader, ByteWriter } from '../monitoring/sketches/byte-io';
import { mostScale } from './noise';
import { failureCodes, labelPattern, latencyBounds, type TelemetryReport, telemetryLimits } from './report';

/*
 * Numbers are little-endian; "whole" is seven bits a byte, low ones first; a text is its length and its UTF-16 units; and
 * at the end of a body stands a checksum.
 *
 * body     "FLT", version 1, token (text), the sender's time (double), reports (whole), for each its length (whole) and its
 *          bytes, checksum
 * report   id (16 bytes), model's name and version, reference, variant, device (texts), from and to (doubles), minimumCount
 *          (whole), flags (byte: 1 noise), epsilon and two scales (doubles, only with noise), rows, then
 *          features: how many (whole), for each its distance from the one before (whole), cells (whole), counts;
 *          predictions: how many (whole), counts; latency: 0 or 29 (whole), counts; failures: how many (whole), for each its
 *          code (byte) and count.
 * count    a multiple of minimumCount, divided by it (whole); with noise the count zigzag: 0, −1, 1, −2, … as 0, 1, 2, 3, …
 */

/** The content type of a body: one that a page may send to another origin without asking first, as a beacon has to. */
export const telemetryContentType = 'text/plain;charset=UTF-8';

const magic = [0x46, 0x4c, 0x54] as const; // "FLT"
const version = 1;
const hasNoise = 1;
/** Larger counts are no counts of one device in one window. */
const mostCount = 2 ** 40;

/** What a device sends: reports, and by whose leave. */
export interface TelemetryBody {
  readonly token: string;
  /** When it was sent, by the device's clock, in milliseconds since 1970-01-01 UTC. */
  readonly sentEpochMs: number;
  readonly reports: readonly TelemetryReport[];
}

/** A body whose reports are bytes still, so that nobody reads those of a sender who is not known. */
export interface SealedBody {
  readonly token: string;
  readonly sentEpochMs: number;
  readonly reports: readonly Uint8Array<ArrayBuffer>[];
}

function malformed(field: string, expected: string, given: unknown, cause?: unknown): FairleadError {
  const text = String(given).slice(0, 100);
  return new FairleadError(
    'PROTOCOL_ERROR',
    `${field}: expected ${expected}, given ${text}. Use the same release of Fairlead in the page and on the server.`,
    { details: { field, expected, given: text }, ...(cause === undefined ? {} : { cause }) },
  );
}

const zigzag = (value: number): number => (value < 0 ? -2 * value - 1 : 2 * value);
const unzigzag = (value: number): number => (value % 2 === 0 ? value / 2 : -(value + 1) / 2);

/** Bytes of a whole number on the wire. */
function wholeSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size++;
  return size;
}

/**
 * Bytes that a feature takes in a report, at most.
 * @param counts as on the wire: divided by `minimumCount`, or with noise
 */
export function featureSize(counts: readonly number[], isNoised: boolean): number {
  // Its distance takes three bytes at most.
  let size = 3 + wholeSize(counts.length);
  for (const count of counts) size += wholeSize(isNoised ? zigzag(count) : count);
  return size;
}

/**
 * Writes a report.
 * @throws FairleadError `INVALID_ARGUMENT` for one that does not follow its own rules
 */
export function encodeReport(report: TelemetryReport): Uint8Array<ArrayBuffer> {
  const out = new ByteWriter();
  const { minimumCount, noise } = report;
  const count = (value: number, field: string): void => {
    const onWire = noise === undefined ? value / minimumCount : zigzag(value);
    if (!Number.isInteger(onWire) || onWire < 0 || Math.abs(value) > mostCount) {
      const expected = noise === undefined ? `a multiple of ${minimumCount}, 0 or more` : 'a whole number';
      throw new FairleadError('INVALID_ARGUMENT', `${field}: expected ${expected}, given ${value}.`, {
        details: { field, expected, given: String(value) },
      });
    }
    out.whole(onWire);
  };
  for (let at = 0; at < 32; at += 2) out.byte(Number.parseInt(report.id.slice(at, at + 2), 16));
  for (const text of [report.modelName, report.modelVersion, report.reference, report.variant, report.device])
    out.text(text);
  out.double(report.fromEpochMs);
  out.double(report.toEpochMs);
  out.whole(minimumCount);
  out.byte(noise === undefined ? 0 : hasNoise);
  if (noise !== undefined) for (const value of [noise.epsilon, noise.featureScale, noise.otherScale]) out.double(value);
  count(report.rows, 'rows');
  out.whole(report.features.length);
  let before = -1;
  report.features.forEach((feature, index) => {
    out.whole(feature - before - 1);
    before = feature;
    const cells = report.counts[index] ?? [];
    out.whole(cells.length);
    for (const cell of cells) count(cell, `counts.${index}`);
  });
  out.whole(report.predictions.length);
  for (const each of report.predictions) count(each, 'predictions');
  out.whole(report.latency.length);
  for (const each of report.latency) count(each, 'latency');
  const failures = Object.entries(report.failures) as [ErrorCode, number][];
  out.whole(failures.length);
  for (const [code, times] of failures) {
    out.byte(failureCodes.indexOf(code));
    count(times, `failures.${code}`);
  }
  return out.finish() as Uint8Array<ArrayBuffer>;
}

/** Writes a body of reports that are bytes already. */
export function sealBody({ token, sentEpochMs, reports }: SealedBody): Uint8Array<ArrayBuffer> {
  const out = new ByteWriter();
  for (const byte of magic) out.byte(byte);
  out.byte(version);
  out.text(token);
  out.double(sentEpochMs);
  out.whole(reports.length);
  for (const report of reports) {
    out.whole(report.byteLength);
    out.bytes(report);
  }
  return out.finish() as Uint8Array<ArrayBuffer>;
}

/**
 * Writes reports as a body that `createTelemetryHandler` reads.
 * @throws FairleadError `INVALID_ARGUMENT` for a report that does not follow its own rules; `LIMIT_EXCEEDED` past 64 reports
 * or 65,536 bytes
 */
export function encodeTelemetry({ token, sentEpochMs, reports }: TelemetryBody): Uint8Array<ArrayBuffer> {
  const bytes = sealBody({ token, sentEpochMs, reports: reports.map(encodeReport) });
  if (bytes.byteLength <= telemetryLimits.bodyBytes && reports.length <= telemetryLimits.reports) return bytes;
  const expected = `at most ${telemetryLimits.reports} reports in ${telemetryLimits.bodyBytes} bytes`;
  const given = `${reports.length} in ${bytes.byteLength}`;
  throw new FairleadError('LIMIT_EXCEEDED', `reports: expected ${expected}, given ${given}. Send fewer at once.`, {
    details: { field: 'reports', expected, given },
  });
}

/** Reads by a reader of sketches, whose complaints become those of a protocol. */
function reading<T>(bytes: Uint8Array, field: string, read: (from: ByteReader) => T): T {
  try {
    const reader = new ByteReader(bytes, field);
    const value = read(reader);
    reader.end();
    return value;
  } catch (error) {
    if (!FairleadError.isInstance(error, 'STORE_CORRUPT')) throw error;
    const { expected = 'telemetry of Fairlead', given = 'something else' } = error.details;
    throw malformed(field, expected, given, error);
  }
}

function textOf(reader: ByteReader, field: string, mostLength: number): string {
  const text = reader.text();
  if (text.length > mostLength) throw malformed(field, `at most ${mostLength} characters`, text.length);
  return text;
}

function wholeOf(reader: ByteReader, field: string, least: number, most: number): number {
  const value = reader.whole();
  if (value < least || value > most) throw malformed(field, `a whole number, ${least} to ${most}`, value);
  return value;
}

function doubleOf(reader: ByteReader, field: string, least: number, most: number): number {
  const value = reader.double();
  if (!(value >= least && value <= most)) throw malformed(field, `a number, ${least} to ${most}`, value);
  return value;
}

/** Milliseconds since 1970 that some clock could show. */
const latestEpochMs = 8.64e15;

/**
 * Reads a body as far as the token, and takes its reports apart without reading them.
 * @throws FairleadError `PROTOCOL_ERROR`
 */
export function openBody(bytes: Uint8Array): SealedBody {
  return reading(bytes, 'body', (reader) => {
    for (const byte of magic)
      if (reader.byte() !== byte) throw malformed('body', 'telemetry of Fairlead', 'something else');
    const given = reader.byte();
    if (given !== version) throw malformed('version', String(version), given);
    const token = textOf(reader, 'token', telemetryLimits.tokenLength);
    const sentEpochMs = doubleOf(reader, 'sentEpochMs', 0, latestEpochMs);
    const count = wholeOf(reader, 'reports', 1, telemetryLimits.reports);
    const reports = Array.from({ length: count }, () => reader.bytes(reader.length(1)));
    return { token, sentEpochMs, reports };
  });
}

/**
 * Reads a report. Sizes are checked before anything is allocated for them.
 * @throws FairleadError `PROTOCOL_ERROR`
 */
export function decodeReport(bytes: Uint8Array): TelemetryReport {
  return reading(bytes, 'report', (reader) => {
    const id = Array.from(reader.bytes(16), (byte) => byte.toString(16).padStart(2, '0')).join('');
    const modelName = textOf(reader, 'modelName', telemetryLimits.nameLength);
    const modelVersion = textOf(reader, 'modelVersion', telemetryLimits.nameLength);
    const reference = textOf(reader, 'reference', 16);
    const [variant, device] = [textOf(reader, 'variant', 32), textOf(reader, 'device', 32)];
    for (const [field, label] of Object.entries({ variant, device })) {
      if (!labelPattern.test(label)) throw malformed(field, 'lower-case letters, digits, ".", "_" and "-"', label);
    }
    const fromEpochMs = doubleOf(reader, 'fromEpochMs', 0, latestEpochMs);
    const toEpochMs = doubleOf(reader, 'toEpochMs', fromEpochMs, latestEpochMs);
    const minimumCount = wholeOf(reader, 'minimumCount', 1, 1_000_000);
    const flags = reader.byte();
    if (flags > hasNoise) throw malformed('flags', '0 or 1', flags);
    const noise =
      flags === 0
        ? undefined
        : {
            epsilon: doubleOf(reader, 'noise.epsilon', Number.MIN_VALUE, 1e6),
            featureScale: doubleOf(reader, 'noise.featureScale', 0, mostScale),
            otherScale: doubleOf(reader, 'noise.otherScale', 0, mostScale),
          };
    if (noise !== undefined && minimumCount !== 1) throw malformed('minimumCount', '1 beside noise', minimumCount);
    const count = (): number => {
      const onWire = reader.whole();
      const value = noise === undefined ? onWire * minimumCount : unzigzag(onWire);
      if (Math.abs(value) > mostCount) throw malformed('count', `at most ${mostCount}`, value);
      return value;
    };
    const rows = count();
    const features: number[] = [];
    const counts: number[][] = [];
    let before = -1;
    // Each has a distance, a number of cells and four counts at least.
    for (let left = reader.length(6); left > 0; left--) {
      before += 1 + reader.whole();
      if (before >= telemetryLimits.features)
        throw malformed('features', `indices below ${telemetryLimits.features}`, before);
      const cells = reader.length(1);
      if (cells < 4 || cells > telemetryLimits.cells)
        throw malformed('counts', `4 to ${telemetryLimits.cells} cells`, cells);
      features.push(before);
      counts.push(Array.from({ length: cells }, count));
    }
    const classes = reader.length(1);
    if (classes > telemetryLimits.classes + 1)
      throw malformed('predictions', `at most ${telemetryLimits.classes} classes`, classes);
    const predictions = Array.from({ length: classes }, count);
    const buckets = reader.length(1);
    if (buckets !== 0 && buckets !== latencyBounds.length + 1)
      throw malformed('latency', `0 or ${latencyBounds.length + 1} counts`, buckets);
    const latency = Array.from({ length: buckets }, count);
    const failures: Partial<Record<ErrorCode, number>> = {};
    for (let left = reader.length(2); left > 0; left--) {
      const place = reader.byte();
      const code = failureCodes[place];
      if (code === undefined || failures[code] !== undefined)
        throw malformed('failures', 'known codes, each once', place);
      failures[code] = count();
    }
    return {
      ...{ id, modelName, modelVersion, reference, variant, device, fromEpochMs, toEpochMs, minimumCount },
      ...(noise === undefined ? {} : { noise }),
      ...{ rows, features, counts, predictions, latency, failures },
    };
  });
}

/**
 * Reads a body with all its reports. What it says is not believed for that: it is only well formed.
 * @throws FairleadError `PROTOCOL_ERROR` for anything else than what {@link encodeTelemetry} writes
 */
export function decodeTelemetry(bytes: Uint8Array): TelemetryBody {
  const { token, sentEpochMs, reports } = openBody(bytes);
  return { token, sentEpochMs, reports: reports.map(decodeReport) };
}
