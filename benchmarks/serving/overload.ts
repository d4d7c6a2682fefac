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
  /** Says in the results what is sent. */
  readonly label: string;
  readonly toBody: (row: Float32Array) => Body;
  readonly overload: Overload;
}

/** Who asks too much. */
export interface Overload {
  /** Connections that arrivals are spread over; those that come while all are busy are not sent, and counted. */
  readonly connections: number;
  /** How long each caller waits, and says that it does: so many times what half of them wait at the peak. */
  readonly patience: number;
}

/**
 * Two kinds of overload, which ask different things of a server. Both are driven by clients that ask again at once, and keep their connections.
 */
export const overloads: readonly Overload[] = [
  // Each connection can be read in its turn, and its answer be in time. Shows what refusing the rest costs those who are answered.
  { connections: 384, patience: 8 },
  // To read each in its turn takes longer than its caller waits: whoever does is late with all of them. Shows whether what is read is fresh.
  { connections: 1024, patience: 4 },
];

const peakConnections = 64;
/**
 * The share of its time for which a caller waits for a connection, as in a pool of them. Without it a connection whose answer came
 * beside others' rests until the next arrival, and the overload asks for less than the closed loop of the peak: at 64 connections
 * .92 of it, and with it 1.
 */
const waitShare = 1 / 20;
/**
 * More rounds than elsewhere, and shorter ones: what is compared was not measured at the same time, and a machine that others use is not the
 * same for long. Medians of five longer ones differed by up to .18 from run to run, of nine of these by .1.
 */
const extraRounds = 12;

/**
 * What our server still does when three times as much comes as it can do, and no caller waits for ever. Both loads are Node's, peak and
 * overload: wrk sends at no rate, and figures of two drivers have no ratio.
 */
export async function measureOverload(
  { title, path, elements }: ServedModel,
  { label: what, toBody, overload: { connections, patience } }: Arrivals,
  { driver, settings, note }: Measuring,
): Promise<Result[]> {
  const label = `overload, ${title}, ${what}, ${connections} connections`;
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
    const measured: HttpLoadResult[] = [];
    const atPeak = () =>
      driver.drive({
        port,
        requests: requestsWithin(60_000),
        connections: peakConnections,
        ...settings.overloadLength,
      });
    const patienceAt = ({ p50 }: HttpLoadResult): number => Math.ceil(patience * p50);
    const overloaded = (at: HttpLoadResult): Promise<HttpLoadResult> => {
      const patienceMs = patienceAt(at);
      const waitMs = patienceMs * waitShare;
      return driver.drive({
        port,
        // However long it waited for a connection, it has so much left, and says so.
        requests: requestsWithin(patienceMs - waitMs),
        connections,
        perSecond: at.perSecond * excess,
        patienceMs,
        waitMs,
        ...settings.overloadLength,
      });
    };
    // Code that only an overload runs is compiled for good in the first one, as that of the peak is in the first of those.
    await overloaded(await atPeak());
    let peak = await atPeak();
    const rounds = settings.rounds > 1 ? settings.rounds + extraRounds : 1;
    for (let round = 0; round < rounds; round++) {
      patiences.push(patienceAt(peak));
      measured.push(await overloaded(peak));
      // A machine that others use as well is not the same for long: what counts as the peak is the mean of before and after.
      const after = await atPeak();
      peaks.push((peak.perSecond + after.perSecond) / 2);
      peak = after;
    }
    const sum = (figure: (result: HttpLoadResult) => number) => measured.reduce((total, one) => total + figure(one), 0);
    const sent = sum((result) => result.sent);
    // Where every connection is stuck nothing can be sent, and nothing of it was answered.
    const ofSent = (count: number): number => (sent === 0 ? 0 : count / sent);
    const answered = measured.map(({ p99 }) => p99).filter(Number.isFinite);
    const seconds = (measured.length * settings.overloadLength.durationMs) / 1000;
    const statuses = [...new Set(measured.flatMap((result) => Object.keys(result.statuses)))].filter(
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
        median(measured.map(({ perSecond }, round) => perSecond / (peaks[round] ?? 0))),
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
      // Near 1, what was sent is all that the driver could, and the figures above say little of the server.
      share('processor time of the driver, of the time', median(measured.map(({ driverBusy }) => driverBusy))),
      share('answered too late, of those sent', ofSent(sum(({ late }) => late))),
      ...statuses.map((status) =>
        share(`answered ${status}, of those sent`, ofSent(sum((result) => result.statuses[status] ?? 0))),
      ),
    ];
  } finally {
    await server.stop();
  }
}
