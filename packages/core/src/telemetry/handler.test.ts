import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FairleadError } from '../errors';
import { createRegistry, toOpenMetrics } from '../metrics';
import { readOpenMetrics } from '../metrics/read-exposition.fixture';
import { createDriftMonitor, instrumentMonitor } from '../monitoring';
import { createRandom } from '../monitoring/random';
import { createVirtualClock } from '../testing';
import { rowsOf } from '../testing/test-kit.fixture';
import { createTelemetryHandler, type TelemetryHandlerOptions } from './index';
import { latencyBounds } from './report';
import { key, openHandler, reportOf, twoFeatures } from './telemetry.fixture';
import { createTelemetryToken } from './token';
import { encodeTelemetry } from './wire';

const answerOf = async (response: Response): Promise<unknown> => ({
  status: response.status,
  ...(await response.json()),
});

describe('createTelemetryHandler', () => {
  it('adds reports up by model, variant and device, and says how far they are from the reference', async () => {
    const { handler, reference, send, clock } = await openHandler();
    const shifted = reference.features.map(({ counts }) => [...counts.map((_, bin) => (bin === 0 ? 400 : 0)), 0, 0, 0]);
    expect(await answerOf(await send(reportOf(reference, {}, 40), reportOf(reference, {}, 40)))).toEqual({
      status: 200,
      accepted: 2,
      refused: [],
    });
    await send(reportOf(reference, { device: 'webgpu', variant: 'fp16', counts: shifted, rows: 400 }));
    const [model] = handler.snapshot().models;
    expect(model).toMatchObject({ name: 'digits', version: '1', reports: 3, reportsWithNoise: 0 });
    expect(model?.groups.map(({ variant, device, reports }) => [variant, device, reports])).toEqual([
      ['fp32', 'wasm', 2],
      ['fp16', 'webgpu', 1],
    ]);
    const [steady, drifted] = model?.groups ?? [];
    expect(steady?.largest.psi).toBeLessThan(0.01);
    expect(drifted?.largest.psi).toBeGreaterThan(1);
    // 80 rows in each of ten bins, and 400 more in the first.
    expect(model?.features[0]?.ks).toBeCloseTo(480 / 1200 - 0.1, 12);
    expect(model?.features[0]?.pValue).toBeLessThan(1e-9);
    await clock.advance(86_400_000 * 1.2);
    expect(handler.snapshot().models).toEqual([]);
  });

  it('takes every report once', async () => {
    const { handler, reference, send } = await openHandler();
    const report = reportOf(reference);
    await send(report);
    expect(await answerOf(await send(report))).toEqual({
      status: 200,
      accepted: 0,
      refused: [{ report: 0, reason: 'duplicate' }],
    });
    expect(handler.snapshot()).toMatchObject({ accepted: 1, refused: { duplicate: 1 } });
    expect(handler.snapshot().models[0]?.rows).toBe(report.rows);
  });

  it('refuses whoever has no good token', async () => {
    const { handler, reference, clock, post } = await openHandler();
    const reports = [reportOf(reference)];
    const sent = async (token: string) => answerOf(await post(encodeTelemetry({ token, sentEpochMs: 3000, reports })));
    const good = await createTelemetryToken({ key, clock, expiresInMs: 1000 });
    const forged = await createTelemetryToken({ key: key.replace('a', 'b'), clock });
    const [version, expires, subject, mac] = good.split('.');
    const longer = [version, Number(expires) + 1, subject, mac].join('.');
    for (const token of [
      '',
      'nothing',
      forged,
      longer,
      `${good}0`,
      [version, expires, 'somebody-else', mac].join('.'),
    ]) {
      expect(await sent(token)).toMatchObject({ status: 401, code: 'UNSUPPORTED' });
    }
    await clock.advance(1001);
    expect(await sent(good)).toMatchObject({ status: 401 });
    expect(handler.snapshot()).toMatchObject({ accepted: 0, requestsRefused: { unauthenticated: 7 }, models: [] });
  });

  it('knows subjects by a callback, and keys that replace one another', async () => {
    const reference = await twoFeatures();
    const { post } = await openHandler({ key: [`${key} of tomorrow`, key] });
    const old = await createTelemetryToken({ key });
    const body = (token: string) => encodeTelemetry({ token, sentEpochMs: 3000, reports: [reportOf(reference)] });
    expect((await post(body(old))).status).toBe(200);
    const mine: TelemetryHandlerOptions = {
      references: [{ name: 'digits', version: '1', reference }],
      authenticate: (token) => (token === 'session-7' ? 'user-7' : undefined),
    };
    const handler = createTelemetryHandler(mine);
    const sent = (token: string) => handler(new Request('http://server/', { method: 'POST', body: body(token) }));
    expect((await sent('session-7')).status).toBe(200);
    expect((await sent('session-8')).status).toBe(401);
  });

  it('refuses reports that no honest device sends', async () => {
    const { handler, reference, send } = await openHandler({ maxRowsPerDevice: 5000 });
    const noise = { epsilon: 1, featureScale: 4, otherScale: 8 };
    const cells = reportOf(reference).counts;
    const reasons: [Parameters<typeof reportOf>[1], string][] = [
      [{ modelName: 'invented' }, 'unknown_model'],
      [{ modelVersion: '2' }, 'unknown_model'],
      [{ reference: 'f'.repeat(16) }, 'other_reference'],
      [{ counts: cells.map((list) => [...list, 1]) }, 'other_reference'],
      [{ features: [0, 7] }, 'other_reference'],
      [{ predictions: [1, 2, 3] }, 'other_reference'],
      [{ rows: 5001 }, 'implausible'],
      [{ counts: cells.map((list) => list.map(() => 4000)) }, 'implausible'],
      [{ noise, counts: cells.map((list) => list.map(() => -200)) }, 'implausible'],
      [{ noise: { ...noise, featureScale: 1e6 } }, 'implausible'],
    ];
    for (const [changes, reason] of reasons) {
      const answer = await answerOf(await send(reportOf(reference, changes)));
      expect(answer).toEqual({ status: 200, accepted: 0, refused: [{ report: 0, reason }] });
    }
    expect(handler.snapshot()).toMatchObject({ accepted: 0, models: [] });
  });

  it('refuses what is too old, by the clock of the device, however wrong that is', async () => {
    const { reference, post, token } = await openHandler({ maxReportAgeMs: 1000 });
    const sent = async (sentEpochMs: number) =>
      answerOf(await post(encodeTelemetry({ token, sentEpochMs, reports: [reportOf(reference)] })));
    expect(await sent(3000)).toMatchObject({ accepted: 1 });
    expect(await sent(3001)).toMatchObject({ accepted: 0, refused: [{ reason: 'too_old' }] });
  });

  it('bounds how often and how much one subject sends, and forgets the silent', async () => {
    const { reference, send, clock, handler } = await openHandler({
      maxRequestsPerMinute: 10,
      maxRowsPerDevice: 120,
      maxDevices: 1,
    });
    const rows = reportOf(reference).rows;
    for (let turn = 0; turn < 10; turn++) expect((await send(reportOf(reference))).status).toBe(200);
    const full = await send(reportOf(reference));
    expect(full.status).toBe(429);
    expect(Number(full.headers.get('retry-after'))).toBe(6);
    await clock.advance(6000);
    expect((await send(reportOf(reference))).status).toBe(200);
    expect(handler.snapshot().models[0]?.rows).toBe(Math.floor(120 / rows) * rows);
    expect(handler.snapshot().refused.row_limit).toBeGreaterThan(0);
  });

  it('keeps as many series as it may, whatever devices call themselves', async () => {
    const { reference, send, handler } = await openHandler({ maxSeries: 2, maxRequestsPerMinute: 6000 });
    for (let turn = 0; turn < 20; turn++) await send(reportOf(reference, { variant: `v${turn}`, device: 'toaster' }));
    await send(reportOf(reference, { device: 'webgpu' }));
    await send(reportOf(reference, { device: 'webgl' }));
    const groups = handler
      .snapshot()
      .models[0]?.groups.map(({ variant, device, reports }) => [variant, device, reports]);
    expect(groups).toEqual([
      ['other', 'other', 20],
      ['fp32', 'webgpu', 1],
    ]);
    expect(handler.snapshot().refused.series_limit).toBe(1);
  });

  it('answers what is too large with 413, another method with 405, and garbage with 400, and never rejects', async () => {
    const { handler, post } = await openHandler({ maxBodyBytes: 2000 });
    expect((await post(new Uint8Array(2001))).status).toBe(413);
    const stream = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(1500)),
    });
    const endless = new Request('http://server/', { method: 'POST', body: stream, duplex: 'half' } as RequestInit);
    expect((await handler(endless)).status).toBe(413);
    const get = await handler(new Request('http://server/'));
    expect([get.status, get.headers.get('allow')]).toEqual([405, 'POST']);
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 1500 }), async (bytes) => {
        expect((await post(Uint8Array.from(bytes))).status).toBe(400);
      }),
    );
    expect(handler.snapshot()).toMatchObject({ accepted: 0, models: [], requestsRefused: { too_large: 2 } });
    await handler.close();
    expect((await post(new Uint8Array(1))).status).toBe(503);
  });

  it('lets pages of named origins read its answers', async () => {
    const { handler } = await openHandler({ crossOrigin: { origins: ['https://app.example'] } });
    const asked = (origin: string) =>
      handler(new Request('http://server/', { method: 'POST', body: 'x', headers: { origin } }));
    expect((await asked('https://app.example')).headers.get('access-control-allow-origin')).toBe('https://app.example');
    expect((await asked('https://evil.example')).headers.get('access-control-allow-origin')).toBeNull();
  });

  it('shows series of its own, and leaves the state of a monitor in the same registry alone', async () => {
    const registry = createRegistry();
    const reference = await twoFeatures();
    const monitor = createDriftMonitor({
      reference,
      meanTimeBetweenFalseAlarms: 1000,
      maxCpuShare: 1,
      clock: createVirtualClock(),
    });
    instrumentMonitor(registry, monitor);
    const random = createRandom(9);
    const rows = Array.from({ length: 300 }, () => [Math.floor(random() * 100), Math.floor(random() * 100)]);
    monitor.observe({ x: rowsOf(...rows) });
    const before = monitor.snapshot();
    const { handler, send } = await openHandler({
      metrics: registry,
      maxRequestsPerMinute: 6000,
      references: [{ name: 'digits', version: '1', reference, classes: ['no', 'yes'] }],
    });
    // All at the far end: were it the monitor's, it would be an alarm at once.
    const counts = reference.features.map(({ counts: bins }) => [...bins.map(() => 0).fill(900, 0, 1), 0, 0, 0]);
    const latency = latencyBounds.map(() => 1).concat(0);
    for (let turn = 0; turn < 50; turn++) {
      const failures = { RUN_FAILED: 3 };
      await send(reportOf(reference, { rows: 900, counts, predictions: [800, 90, 10], latency, failures }));
    }
    const families = readOpenMetrics(toOpenMetrics(registry));
    const samples = families.flatMap((family) => family.samples);
    const device = samples.filter(({ name }) => name.startsWith('ml_device_') && !name.endsWith('_created'));
    expect(device.length).toBeGreaterThan(40);
    for (const { labels } of device) expect(labels.source).toBe('device');
    expect(
      samples.find(({ name, labels }) => name === 'ml_device_reports_total' && labels.outcome === 'accepted')?.value,
    ).toBe(50);
    const score = samples.find(
      ({ name, labels }) => name === 'ml_device_feature_drift_score' && labels.method === 'psi',
    );
    expect(score?.value).toBeGreaterThan(1);
    expect(
      samples.find(({ name, labels }) => name === 'ml_device_prediction_rows' && labels.class === 'no')?.value,
    ).toBe(40_000);
    expect(
      samples.find(({ name, labels }) => name === 'ml_device_failed_requests' && labels.code === 'RUN_FAILED')?.value,
    ).toBe(150);
    expect(monitor.snapshot()).toEqual(before);
    expect(monitor.state).toBe('ok');
    const states = samples.filter(({ name, value }) => name === 'ml_drift_state' && value === 1);
    expect(states.map(({ labels }) => labels.ml_drift_state)).toEqual(['ok']);
    await handler.close();
    await monitor.close();
  });

  it('shows the features that drifted most where there may be no more, and takes out what left the window', async () => {
    const registry = createRegistry();
    const { reference, send, clock } = await openHandler({ metrics: registry, maxFeatureSeries: 1 });
    const counts = reportOf(reference).counts.map((cells, feature) =>
      feature === 1 ? cells.map((_, cell) => (cell === 0 ? 50 : 0)) : cells,
    );
    await send(reportOf(reference, { counts }));
    const featuresIn = (): unknown[] =>
      readOpenMetrics(toOpenMetrics(registry))
        .flatMap(({ samples }) => samples)
        .filter(({ name }) => name === 'ml_device_feature_drift_score')
        .map(({ labels }) => [labels.feature, labels.method]);
    expect(featuresIn()).toEqual([
      ['b', 'psi'],
      ['b', 'ks'],
    ]);
    await clock.advance(2 * 86_400_000);
    expect(featuresIn()).toEqual([]);
  });

  it('refuses options that would let everybody in, or nobody, and shows no key', async () => {
    const reference = await twoFeatures();
    const references = [{ name: 'digits', version: '1', reference }];
    const faults: [object, string][] = [
      [{ references }, 'key'],
      [{ references, key, authenticate: () => 'x' }, 'key'],
      [{ references, key: 'a short secret' }, 'key'],
      [{ references: [], key }, 'references'],
      [{ references: [...references, ...references], key }, 'references.1'],
      [{ references: [{ name: 'digits', version: '1', reference: {} }], key }, 'references.0.reference.rows'],
      [{ references, key, maxBodyBytes: 1e9 }, 'maxBodyBytes'],
      [{ references, key, crossOrigin: { origins: ['app.example'] } }, 'crossOrigin.origins.0'],
      [{ references, key, nonsense: 1 }, 'nonsense'],
    ];
    for (const [options, field] of faults) {
      let error: unknown;
      try {
        createTelemetryHandler(options as TelemetryHandlerOptions);
      } catch (thrown) {
        error = thrown;
      }
      expect(FairleadError.isInstance(error, 'INVALID_OPTION') && error.details.field).toBe(field);
      expect(String(error)).not.toContain('a short secret');
    }
    await expect(createTelemetryToken({ key: 'a short secret' })).rejects.toThrow(/32 characters/);
    await expect(createTelemetryToken({ key, subject: 'a b' })).rejects.toThrow(/subject/);
  });
});
