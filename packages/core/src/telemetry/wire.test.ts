import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FairleadError } from '../errors';
import { failureCodes, latencyBounds, type TelemetryReport } from './report';
import { decodeReport, decodeTelemetry, encodeReport, encodeTelemetry } from './wire';

const label = fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,20}$/);
const hex = (length: number) =>
  fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: length, maxLength: length });

const reports: fc.Arbitrary<TelemetryReport> = fc.boolean().chain((isNoised) => {
  const unit = isNoised ? fc.constant(1) : fc.integer({ min: 1, max: 20 });
  return unit.chain((minimumCount) => {
    const count = isNoised
      ? fc.integer({ min: -(2 ** 31), max: 2 ** 31 })
      : fc.nat(2 ** 30).map((times) => times * minimumCount);
    const cells = fc.array(count, { minLength: 4, maxLength: 30 });
    const features = fc.uniqueArray(fc.nat(65_535), { maxLength: 20 }).map((list) => list.sort((a, b) => a - b));
    return fc
      .record({
        id: hex(32),
        modelName: fc.string({ maxLength: 40 }),
        modelVersion: fc.string({ maxLength: 40, unit: 'binary' }),
        reference: hex(16),
        variant: label,
        device: label,
        fromEpochMs: fc.nat(2 ** 30),
        toEpochMs: fc.nat(2 ** 30).map((ms) => ms + 2 ** 30),
        minimumCount: fc.constant(minimumCount),
        rows: count,
        body: features.chain((list) =>
          fc.tuple(fc.constant(list), fc.array(cells, { minLength: list.length, maxLength: list.length })),
        ),
        predictions: fc.array(count, { maxLength: 12 }),
        latency: fc.oneof(
          fc.constant([]),
          fc.array(count, { minLength: latencyBounds.length + 1, maxLength: latencyBounds.length + 1 }),
        ),
        failures: fc.dictionary(fc.constantFrom(...failureCodes), count, { maxKeys: 5, noNullPrototype: true }),
      })
      .map(({ body: [list, counts], ...rest }) => ({
        ...rest,
        ...(isNoised ? { noise: { epsilon: 1.5, featureScale: 1568, otherScale: 8 } } : {}),
        features: list,
        counts,
      }));
  });
});

describe('the wire of telemetry', () => {
  it('reads back every report as it was written', () => {
    fc.assert(
      fc.property(reports, (report) => {
        expect(decodeReport(encodeReport(report))).toEqual(report);
      }),
    );
  });

  it('reads back a body with its token and time', () => {
    fc.assert(
      fc.property(fc.array(reports, { minLength: 1, maxLength: 3 }), fc.string({ maxLength: 99 }), (list, token) => {
        const body = { token, sentEpochMs: 12_345.5, reports: list };
        expect(decodeTelemetry(encodeTelemetry(body))).toEqual(body);
      }),
    );
  });

  const decoded = (bytes: Uint8Array): unknown => {
    try {
      return decodeTelemetry(bytes);
    } catch (error) {
      return error;
    }
  };

  it('answers garbage with PROTOCOL_ERROR', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 3000 }), (bytes) => {
        expect(FairleadError.isInstance(decoded(bytes), 'PROTOCOL_ERROR')).toBe(true);
      }),
    );
  });

  it('answers a body that was cut or changed, its checksum made right again, with a report or with PROTOCOL_ERROR', () => {
    const places = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(reports, places, fc.boolean(), (report, changes, isCut) => {
        const whole = encodeReport(report).slice(0, -4);
        for (const [at, byte] of changes) whole[at % whole.length] = byte;
        const body = isCut ? whole.slice(0, (changes[0]?.[0] ?? 0) % whole.length) : whole;
        let error: unknown;
        try {
          decodeReport(withChecksum(body));
        } catch (thrown) {
          error = thrown;
        }
        if (error !== undefined) expect(FairleadError.isInstance(error, 'PROTOCOL_ERROR')).toBe(true);
      }),
    );
  });

  it('allocates nothing for sizes that the bytes cannot hold', () => {
    const report = encodeReport({ ...emptyReport(), features: [], counts: [] });
    // The number of features, before those of predictions, latency and failures, becomes 2^49.
    const head = report.slice(0, -4 - 4);
    const bomb = Uint8Array.from([...head, ...Array.from({ length: 7 }, () => 0x80), 1]);
    expect(() => decodeReport(withChecksum(bomb))).toThrow(expect.objectContaining({ code: 'PROTOCOL_ERROR' }));
  });

  it('refuses to write a count that is no multiple of what is told, and a body that is too large', () => {
    expect(() => encodeReport({ ...emptyReport(), minimumCount: 5, rows: 7 })).toThrow(/a multiple of 5/);
    const reportsOf = Array.from({ length: 65 }, emptyReport);
    expect(() => encodeTelemetry({ token: '', sentEpochMs: 0, reports: reportsOf })).toThrow(
      expect.objectContaining({ code: 'LIMIT_EXCEEDED' }),
    );
  });
});

function emptyReport(): TelemetryReport {
  return {
    ...{ id: '0'.repeat(32), modelName: 'm', modelVersion: '1', reference: '', variant: 'fp32', device: 'wasm' },
    ...{ fromEpochMs: 0, toEpochMs: 0, minimumCount: 1, rows: 0, features: [], counts: [] },
    ...{ predictions: [], latency: [], failures: {} },
  };
}

/** The bytes with the checksum of the format, FNV-1a of 32 bits, behind them. */
function withChecksum(bytes: Uint8Array): Uint8Array {
  let sum = 0x811c9dc5;
  for (const byte of bytes) sum = Math.imul(sum ^ byte, 0x01000193);
  const whole = new Uint8Array(bytes.length + 4);
  whole.set(bytes);
  new DataView(whole.buffer).setUint32(bytes.length, sum >>> 0, true);
  return whole;
}
