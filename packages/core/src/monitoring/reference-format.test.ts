import { describe, expect, it } from 'vitest';
import { fitReference } from './fit-reference';
import type { Reference } from './reference';
import { parseReference, serializeReference } from './reference-format';

const rows = Array.from({ length: 40 }, (_, i) => [i / 7, i % 2 === 0 ? Number.NaN : 5, 0]);
const fitted = () => fitReference(rows, { inputs: ['x'] });
const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const plainOf = (reference: Reference) =>
  JSON.parse(new TextDecoder().decode(serializeReference(reference))) as Record<string, unknown> & Reference;

describe('serializeReference and parseReference', () => {
  it('give back the same numbers bit for bit', async () => {
    const reference = await fitted();
    expect(parseReference(serializeReference(reference))).toEqual(reference);
    const wide = await fitReference(
      Array.from({ length: 300 }, (_, i) => Float32Array.from({ length: 64 }, (_, j) => (i * 7 + j * 3) % 17)),
      { inputs: ['pixels'] },
    );
    expect(serializeReference(wide).byteLength).toBeLessThan(32_000);
  });

  it('refuse a later version by name', async () => {
    const later = { ...plainOf(await fitted()), version: 2, more: true };
    expect(() => parseReference(encode(later))).toThrow(expect.objectContaining({ code: 'UNSUPPORTED' }));
  });

  it('refuse more bytes than a reference ever has', () => {
    expect(() => parseReference(new Uint8Array(64 * 2 ** 20 + 1))).toThrow(
      expect.objectContaining({ code: 'LIMIT_EXCEEDED' }),
    );
  });

  type Change = (plain: Record<string, unknown> & Reference) => unknown;
  const feature =
    (patch: object, index = 0): Change =>
    (plain) => ({
      ...plain,
      features: plain.features.map((one, i) => (i === index ? { ...one, ...patch } : one)),
    });
  it.each<[string, Change, string]>([
    ['another format', (plain) => ({ ...plain, format: 'other' }), 'reference.format'],
    ['no format', () => [1, 2], 'reference.format'],
    ['null', () => null, 'reference.format'],
    ['an odd version', (plain) => ({ ...plain, version: 'one' }), 'reference.version'],
    ['no rows', (plain) => ({ ...plain, rows: 0 }), 'reference.rows'],
    ['fewer rows read than kept', (plain) => ({ ...plain, rowsRead: 1 }), 'reference.rowsRead'],
    ['an unknown key', (plain) => ({ ...plain, extra: 1 }), 'reference'],
    [
      'a wrong width',
      (plain) => ({ ...plain, inputs: [{ name: 'x', dtype: 'float32', width: 9 }] }),
      'reference.features',
    ],
    [
      'a huge width',
      (plain) => ({ ...plain, inputs: [{ name: 'x', dtype: 'float32', width: 1e12 }] }),
      'reference.inputs.0.width',
    ],
    [
      'a string input',
      (plain) => ({ ...plain, inputs: [{ name: 'x', dtype: 'string', width: 3 }] }),
      'reference.inputs.0.dtype',
    ],
    ['a feature twice', feature({ name: 'x[1]' }), 'reference.features'],
    ['a count too few', feature({ counts: [40] }), 'reference.features.0.counts'],
    ['a negative count', feature({ missing: -1 }), 'reference.features.0.missing'],
    ['half a row', feature({ missing: 0.5 }), 'reference.features.0.missing'],
    ['counts that do not add up', feature({ missing: 1 }, 1), 'reference.features.1.counts'],
    ['descending edges', feature({ edges: [2, 1], counts: [20, 10, 10] }), 'reference.features.0.edges'],
    ['an edge that is no number', feature({ edges: [null], counts: [20, 20] }), 'reference.features.0.edges.0'],
    ['too many edges', feature({ edges: Array.from({ length: 600 }, (_, i) => i) }), 'reference.features.0.edges'],
  ])('refuse %s as corrupt', async (_what, change, field) => {
    const bytes = encode(change(plainOf(await fitted())));
    expect(() => parseReference(bytes)).toThrow(
      expect.objectContaining({ code: 'STORE_CORRUPT', details: expect.objectContaining({ field }) }),
    );
  });

  it('refuse bytes that are cut, flipped to no UTF-8, or empty', async () => {
    const bytes = serializeReference(await fitted());
    const flipped = bytes.slice();
    flipped[40] = 0xff;
    for (const bad of [bytes.slice(0, -1), flipped, new Uint8Array(0)]) {
      expect(() => parseReference(bad)).toThrow(expect.objectContaining({ code: 'STORE_CORRUPT' }));
    }
  });
});
