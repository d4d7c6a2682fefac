import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../random';
import { createFeatureSketch, type FeatureSketch, type FeatureSketchOptions } from './feature-sketch';
import { featureSketchFromJson, parseFeatureSketch, serializeFeatureSketch } from './feature-sketch-format';
import type { FeatureValue } from './feature-sketch-types';

const everything: FeatureSketchOptions = {
  distinct: { lgK: 6 },
  top: { counters: 8, maxLength: 6 },
  sample: { size: 5 },
};
const value: fc.Arbitrary<FeatureValue> = fc.oneof(
  fc.double(),
  fc.integer({ min: -5, max: 5 }),
  fc.string({ unit: 'binary', maxLength: 9 }),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
  fc.constantFrom(null, undefined, true, false, NaN, -0, Infinity, -Infinity, '\udc00', Number.MAX_VALUE, 5e-324),
);
const values = fc.array(value, { maxLength: 40 });
const options: fc.Arbitrary<FeatureSketchOptions> = fc.record({
  numeric: fc.constantFrom(false as const, {}, { buckets: 16, zeroWithin: 0.1 }),
  distinct: fc.constantFrom(false as const, { lgK: 4 }, { lgK: 8 }),
  top: fc.constantFrom(false as const, { counters: 1 }, { counters: 9, maxLength: 4 }),
  sample: fc.constantFrom(false as const, { size: 3 }, { size: 7, dtype: 'float32' as const }),
});

function sketchOf(data: Iterable<FeatureValue>, given: FeatureSketchOptions = everything): FeatureSketch {
  const sketch = createFeatureSketch(given);
  for (const x of data) sketch.add(x);
  return sketch;
}

describe('a feature sketch', () => {
  it('takes less than 3 KB by default, however much it saw', () => {
    const sketch = createFeatureSketch();
    const empty = sketch.byteLength;
    sketch.addColumn(Float64Array.from({ length: 5000 }, (_, i) => Math.exp(i / 50) - 3));
    expect(empty).toBeLessThan(3 * 1024);
    expect(sketch.byteLength).toBe(empty);
  });

  it('of eight workers merges to that of one', () => {
    const random = createRandom(9);
    const data = Array.from(
      { length: 16_000 },
      (_, i): FeatureValue =>
        i % 50 === 0 ? null : i % 31 === 0 ? NaN : (random() + random() - 1) * 2 ** Math.floor(random() * 9),
    );
    const given = { distinct: {}, top: {}, sample: {} };
    const merged = createFeatureSketch(given);
    for (let worker = 0; worker < 8; worker++)
      merged.merge(
        sketchOf(
          data.filter((_, i) => i % 8 === worker),
          given,
        ),
      );
    const whole = sketchOf(data, given);
    const [left, right] = [merged.toJSON(), whole.toJSON()];
    expect(left.numeric?.buckets).toEqual(right.numeric?.buckets);
    expect(left.distinct).toEqual(right.distinct);
    expect([left.absent, left.numbers, left.notANumber, left.texts]).toEqual([320, 15_680, right.notANumber, 0]);
    const [own, theirs] = [merged.parts.moments, whole.parts.moments];
    expect(own?.count).toBe(theirs?.count);
    for (const part of ['mean', 'minimum', 'maximum'] as const) {
      expect(Math.abs((own?.[part] ?? 0) - (theirs?.[part] ?? 1))).toBeLessThan(1e-12 * (own?.deviation() ?? 0));
    }
    expect(Math.abs((own?.variance() ?? 0) / (theirs?.variance() ?? 1) - 1)).toBeLessThan(1e-12);
    expect(left.sample?.seen).toBe(15_680);
    expect(left.top?.total).toBe(right.top?.total);
  });

  it('counts a column as it counts its values', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.double(), fc.constantFrom(NaN, 1, 2)), { maxLength: 30 }),
        options,
        (data, given) => {
          const column = createFeatureSketch(given);
          column.addColumn(data);
          const single = sketchOf(data, given);
          const plain = (sketch: FeatureSketch) => {
            const { numeric, sample, ...rest } = sketch.toJSON();
            return { ...rest, buckets: numeric?.buckets, seen: sample?.seen };
          };
          expect(plain(column)).toEqual(plain(single));
        },
      ),
    );
  });

  it('comes back from bytes and from JSON, bit for bit', () => {
    fc.assert(
      fc.property(values, options, (data, given) => {
        const sketch = sketchOf(data, given);
        const bytes = serializeFeatureSketch(sketch);
        const back = parseFeatureSketch(bytes);
        expect(back.toJSON()).toEqual(sketch.toJSON());
        expect(serializeFeatureSketch(back)).toEqual(bytes);
        const fromJson = featureSketchFromJson(JSON.parse(JSON.stringify(sketch)));
        expect(fromJson.toJSON()).toEqual(sketch.toJSON());
        back.merge(fromJson);
        expect(back.count).toBe(2 * data.length);
      }),
      { numRuns: 200 },
    );
  });

  it('reads bytes that lie within a larger buffer', () => {
    const bytes = serializeFeatureSketch(sketchOf([1, 'a']));
    const larger = new Uint8Array(bytes.length + 20).fill(255);
    larger.set(bytes, 7);
    expect(parseFeatureSketch(larger.subarray(7, 7 + bytes.length)).count).toBe(2);
  });

  it('takes few bytes', () => {
    const random = createRandom(1);
    const sketch = createFeatureSketch();
    for (let i = 0; i < 10_000; i++) sketch.add(random() * 100);
    expect(serializeFeatureSketch(sketch).byteLength).toBeLessThan(500);
    expect(serializeFeatureSketch(createFeatureSketch()).byteLength).toBeLessThan(100);
  });

  it('refuses bytes that were changed, cut or lengthened, and never anything but a FairleadError', () => {
    const bytes = serializeFeatureSketch(sketchOf([1, 2, -3, NaN, 'text', 2n ** 60n, null]));
    const corrupt = expect.objectContaining({ code: 'STORE_CORRUPT' });
    for (let at = 0; at < bytes.length; at++) {
      const changed = bytes.slice();
      changed[at] = (changed[at] as number) ^ 0x55;
      const code = at === 4 ? expect.objectContaining({ code: 'UNSUPPORTED' }) : corrupt;
      expect(() => parseFeatureSketch(changed), String(at)).toThrow(code);
      expect(() => parseFeatureSketch(bytes.subarray(0, at)), String(at)).toThrow(corrupt);
    }
    expect(() => parseFeatureSketch(Uint8Array.of(...bytes, 0))).toThrow(corrupt);
  });

  it('refuses hostile bytes whose checksum is right', () => {
    const bytes = serializeFeatureSketch(sketchOf([1, 2, -3, NaN, 'text', 2n ** 60n, null]));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 5, max: bytes.length - 5 }), fc.integer({ min: 0, max: 255 })), {
          minLength: 1,
          maxLength: 4,
        }),
        (changes) => {
          const hostile = bytes.slice();
          for (const [at, byte] of changes) hostile[at] = byte;
          sign(hostile);
          try {
            const sketch = parseFeatureSketch(hostile);
            // What is let through is a sketch that works.
            expect(parseFeatureSketch(serializeFeatureSketch(sketch)).toJSON()).toEqual(sketch.toJSON());
            sketch.summary();
          } catch (error) {
            expect(error).toMatchObject({ code: 'STORE_CORRUPT' });
          }
        },
      ),
      { numRuns: 1500 },
    );
  });

  it('allocates nothing for sizes that the bytes cannot hold', () => {
    const header = [70, 76, 70, 83, 1];
    const huge = [255, 255, 255, 255, 255, 255, 255, 15];
    for (const [flags, rest] of [
      [1, [128, 1, ...new Array(8).fill(0), 0, ...new Array(8).fill(0), 0, 0, 0, 0, 0, ...huge]],
      [2, [14, 1, 48]],
      [4, [1, 1, 1, 0, ...huge]],
      [8, [...huge, 8, ...huge, 0]],
      [15, huge],
      [16, []],
    ] as const) {
      const bytes = Uint8Array.of(...header, flags, 0, 0, 0, 0, ...rest, 0, 0, 0, 0);
      sign(bytes);
      expect(() => parseFeatureSketch(bytes), String(flags)).toThrow(
        expect.objectContaining({ code: 'STORE_CORRUPT' }),
      );
    }
  });

  it('refuses later versions, other formats and what is too large', () => {
    const state = sketchOf([1]).toJSON();
    const later = serializeFeatureSketch(sketchOf([1]));
    later[4] = 2;
    expect(() => parseFeatureSketch(later)).toThrow(expect.objectContaining({ code: 'UNSUPPORTED' }));
    expect(() => featureSketchFromJson({ ...state, version: 2 })).toThrow(
      expect.objectContaining({ code: 'UNSUPPORTED' }),
    );
    expect(() => parseFeatureSketch(new Uint8Array(16 * 2 ** 20 + 1))).toThrow(
      expect.objectContaining({ code: 'LIMIT_EXCEEDED' }),
    );
    const corrupt = expect.objectContaining({ code: 'STORE_CORRUPT' });
    expect(() => parseFeatureSketch(new Uint8Array())).toThrow(corrupt);
    expect(() => parseFeatureSketch(new TextEncoder().encode('{"format":"other"}'))).toThrow(corrupt);
    for (const broken of [
      null,
      undefined,
      [],
      'sketch',
      { ...state, format: 'other' },
      { ...state, version: 0 },
      { ...state, numbers: 2 },
      { ...state, notANumber: 1 },
      { ...state, texts: 1 },
      { ...state, numeric: {} },
      { ...state, sample: undefined },
      { ...state, sample: { ...state.sample, width: 2, values: [1, 2] } },
      { ...state, extra: 1 },
    ]) {
      expect(() => featureSketchFromJson(broken)).toThrow(corrupt);
    }
  });

  it('says what it holds in figures', () => {
    const sketch = sketchOf([1, 2, 2, 3, null, NaN, Infinity, 'a', 0, true], { ...everything, top: { counters: 20 } });
    expect(sketch.summary()).toEqual({
      count: 10,
      missing: 2,
      numbers: 8,
      texts: 1,
      numeric: {
        zeros: 1,
        negativeInfinity: 0,
        positiveInfinity: 1,
        mean: 1.5,
        deviation: expect.closeTo(Math.sqrt(5.5 / 6), 12),
        minimum: 0,
        maximum: 3,
        quantiles: [
          { share: 0.01, value: 0 },
          { share: 0.05, value: 0 },
          { share: 0.25, value: 1 },
          { share: 0.5, value: 2 },
          { share: 0.75, value: 3 },
          { share: 0.95, value: Infinity },
          { share: 0.99, value: Infinity },
        ],
        relativeError: sketch.parts.buckets?.relativeError,
      },
      distinct: { count: 6, relativeError: sketch.parts.distinct?.relativeError },
      top: expect.arrayContaining([{ value: 2, count: 2, error: 0 }]),
    });
    const bare = createFeatureSketch({ numeric: false });
    bare.add('x');
    expect(bare.summary()).toEqual({ count: 1, missing: 0, numbers: 0, texts: 1 });
    const empty = createFeatureSketch().summary().numeric;
    expect(empty).toMatchObject({ mean: null, deviation: null, minimum: null, maximum: null });
    expect(empty?.quantiles.every((quantile) => quantile.value === null)).toBe(true);
  });

  it('begins anew after a reset', () => {
    const sketch = sketchOf([1, 'a', null, NaN, 5n]);
    sketch.reset();
    expect(sketch.toJSON()).toEqual(createFeatureSketch(everything).toJSON());
  });

  it('refuses what it cannot use, and is unchanged then', () => {
    for (const [field, given] of [
      ['numeric', { numeric: true }],
      ['distinct', { distinct: 12 }],
      ['lgK', { distinct: { lgK: 3 } }],
      ['counters', { top: { counters: 0 } }],
      ['sample.width', { sample: { width: 2 } }],
      ['seeds', { seeds: 1 }],
    ] as const) {
      expect(() => createFeatureSketch(given as FeatureSketchOptions), field).toThrow(
        expect.objectContaining({ code: 'INVALID_OPTION', details: expect.objectContaining({ field }) }),
      );
    }
    const sketch = sketchOf([1]);
    const before = sketch.toJSON();
    const invalid = expect.objectContaining({ code: 'INVALID_ARGUMENT' });
    for (const wrong of [{}, [], Symbol('x'), () => 1, 2n ** 64n]) {
      expect(() => sketch.add(wrong as FeatureValue)).toThrow(invalid);
      expect(() => createFeatureSketch().add(wrong as FeatureValue)).toThrow(invalid);
    }
    for (const other of [{}, { ...everything, distinct: { lgK: 7 } }, { ...everything, numeric: false as const }]) {
      expect(() => sketch.merge(createFeatureSketch(other))).toThrow(invalid);
    }
    expect(() => sketch.addColumn([1], 0, 1, 2)).toThrow(invalid);
    expect(sketch.toJSON()).toEqual(before);
  });
});

/** Writes the checksum that the bytes should have: FNV-1a of 32 bits, little-endian, at their end. */
function sign(bytes: Uint8Array): void {
  let sum = 0x811c9dc5;
  for (const byte of bytes.subarray(0, bytes.length - 4)) sum = Math.imul(sum ^ byte, 0x01000193);
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(bytes.length - 4, sum >>> 0, true);
}
