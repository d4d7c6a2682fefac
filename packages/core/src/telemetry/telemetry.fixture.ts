import { fitReference, type Reference } from '../monitoring';
import { createVirtualClock } from '../testing';
import { fingerprintOf } from './fingerprint';
import { createTelemetryHandler, type TelemetryHandler, type TelemetryHandlerOptions } from './index';
import { latencyBounds, type TelemetryReport } from './report';
import { createTelemetryToken } from './token';
import { encodeTelemetry } from './wire';

/* What the tests of telemetry share. */

export const key = 'a key of the tests that is long enough';

/** A reference of two features in ten even bins each, 0 to 99 in two orders. */
export function twoFeatures(): Promise<Reference> {
  const rows = Array.from({ length: 1000 }, (_, row) => [row % 100, (row * 7) % 100]);
  return fitReference(rows, { inputs: ['x'], featureNames: ['a', 'b'] });
}

/** A report that fits a reference; every cell counts `each`. */
export function reportOf(reference: Reference, changes: Partial<TelemetryReport> = {}, each = 5): TelemetryReport {
  const counts = reference.features.map(({ counts: bins }) => [...bins.map(() => each), 0, 0, 0]);
  return {
    id: crypto.randomUUID().replaceAll('-', ''),
    modelName: 'digits',
    modelVersion: '1',
    reference: fingerprintOf(reference),
    variant: 'fp32',
    device: 'wasm',
    fromEpochMs: 1000,
    toEpochMs: 2000,
    minimumCount: 1,
    rows: each * (reference.features[0]?.counts.length ?? 0),
    features: reference.features.map((_, index) => index),
    counts,
    predictions: [],
    latency: latencyBounds.map(() => 0).concat(0),
    failures: {},
    ...changes,
  };
}

/** A handler on a virtual clock, and what sends to it. */
export async function openHandler(options: Partial<TelemetryHandlerOptions> = {}) {
  const clock = createVirtualClock();
  const reference = await twoFeatures();
  const references = [{ name: 'digits', version: '1', reference }];
  const handler: TelemetryHandler = createTelemetryHandler({
    references,
    key,
    clock,
    ...options,
  } as TelemetryHandlerOptions);
  const token = await createTelemetryToken({ key, subject: 'somebody', clock });
  const post = (body: Uint8Array<ArrayBuffer>): Promise<Response> =>
    handler(new Request('http://server/telemetry', { method: 'POST', body }));
  const send = (...reports: readonly TelemetryReport[]): Promise<Response> =>
    post(encodeTelemetry({ token, sentEpochMs: 3000, reports }));
  return { clock, reference, handler, token, post, send };
}
