import { median } from '../lib/statistics';
import type { Result } from '../lib/suite';
import { startServer } from './children';
import type { HttpLoadResult } from './http-load';
import { type Body, encodeRequest, inferPath, makeRows } from './requests';
import type { Measuring, ServedModel } from './throughput';

/** Arrivals, as a multiple of what the server can do. */
const excess = 3;
/** How the arrivals come. */
export interface Arrivals {
  /** Says in the results where the bottleneck is. */
  readonly label: string;
  readonly toBody: (row: Float32Array) => Body;
  /** Connections that they are spread over; those that come while all are busy are not sent, and counted. */
  readonly connections: number;
  /** How long each caller waits, and says that it does: so many times what half of them wait at the peak. */
  readonly patience: number;
}

/**
 * Two kinds of overload. Where the model is the bottleneck, all of the excess reaches the server, which has to refuse it. Where reading
 * requests is, as with small models, the excess waits in the system's buffers before the server can know of it, for as long as all
 * connections together take: so their number bounds it, as a client's pool does, and callers wait longer than that.
 */
export const overloads = {
  ofModel: { connections: 1024, patience: 4 },
  ofServer: { connections: 384, patience: 8 },
} as const;

const peakConnections = 64;
/** What our server still does when three times as much comes as it can do, and no caller waits for ever. */
export async function measureOverload(
  { title, path, elements }: ServedModel,
  { label: what, toBody, connections, patience }: Arrivals,
  { driver, settings, note }: Measuring,
): Promise<Result[]> {
  const label = `overload, ${title}, ${what}`;
  note(label);
  const requestsWithin = (patienceMs: number): string[] =>
    makeRows(32, elements).map((row) => {
      const body = toBody(row);
      const headers = { ...body.headers, 'x-request-timeout-ms': String(patienceMs) };
      return encodeRequest(inferPath, { ...body, headers }).toString('base64');
    });
  const server = await startServer('ours', path);
  const { port } = server;
  try {
    const peaks: number[] = [];
    const patiences: number[] = [];
    const overloads: HttpLoadResult[] = [];
    const atPeak = () =>
      driver.drive({ port, requests: requestsWithin(60_000), connections: peakConnections, ...settings.length });
    await atPeak();
    for (let round = 0; round < settings.rounds; round++) {
      const peak = await atPeak();
      peaks.push(peak.perSecond);
      const patienceMs = Math.ceil(patience * peak.p50);
      patiences.push(patienceMs);
      overloads.push(
        await driver.drive({
          port,
          requests: requestsWithin(patienceMs),
          connections,
          perSecond: peak.perSecond * excess,
          patienceMs,
          ...settings.length,
        }),
      );
    }
    const sum = (figure: (result: HttpLoadResult) => number) =>
      overloads.reduce((total, one) => total + figure(one), 0);
    const sent = sum((result) => result.sent);
    if (sent === 0) {
      note(`NOT MEASURED: ${label}, whose rows are left out: nothing could be sent`);
      return [];
    }
    const answered = overloads.map(({ p99 }) => p99).filter(Number.isFinite);
    const seconds = (overloads.length * settings.length.durationMs) / 1000;
    const statuses = [...new Set(overloads.flatMap((result) => Object.keys(result.statuses)))].filter(
      (s) => s !== '200',
    );
    const share = (name: string, value: number, goal?: string): Result => ({
      name: `${label}: ${name}`,
      value,
      unit: 'ratio',
      ...(goal !== undefined && { goal }),
    });
    return [
      share(
        'goodput, of the peak',
        median(overloads.map(({ perSecond }, round) => perSecond / (peaks[round] ?? 0))),
        '>= 0.9',
      ),
      { name: `${label}: peak`, value: median(peaks), unit: 'requests/s' },
      { name: `${label}: time that callers had`, value: median(patiences), unit: 'ms' },
      ...(answered.length === 0
        ? []
        : [{ name: `${label}: p99 of what was answered in time`, value: median(answered), unit: 'ms' }]),
      share('sent, of the peak', sent / seconds / median(peaks)),
      share(
        'arrived, of the peak, sent or not for want of a connection',
        (sent + sum(({ skipped }) => skipped)) / seconds / median(peaks),
      ),
      share('answered too late, of those sent', sum(({ late }) => late) / sent),
      ...statuses.map((status) =>
        share(`answered ${status}, of those sent`, sum((result) => result.statuses[status] ?? 0) / sent),
      ),
    ];
  } finally {
    await server.stop();
  }
}
