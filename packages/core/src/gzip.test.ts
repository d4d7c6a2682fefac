import { afterEach, describe, expect, it, vi } from 'vitest';
import { encodeBody, wantsGzip } from './gzip';

afterEach(() => vi.unstubAllGlobals());

describe('wantsGzip', () => {
  it.each<[string | null | undefined, boolean]>([
    ['gzip', true],
    ['GZIP;Q=1.0', true],
    ['x-gzip', true],
    ['deflate, gzip;q=0.5', true],
    ['br;q=1.0, *;q=0.1', true],
    ['gzip ; q = 0.3', true],
    ['identity;q=0.5, gzip;q=0.5', true],
    ['identity, gzip;q=0.5', false],
    ['gzip;q=0', false],
    ['gzip;q=0, *', false],
    ['gzip;q=high', false],
    ['gzip;q=', false],
    ['gzip;q=2', false],
    ['*;q=0', false],
    ['identity', false],
    ['br', false],
    ['', false],
    [null, false],
    [undefined, false],
  ])('%s: %s', (header, expected) => {
    expect(wantsGzip(header)).toBe(expected);
  });
});

describe('encodeBody', () => {
  const long = 'é'.repeat(2000);

  it('compresses what is worth it', async () => {
    const { headers, body } = await encodeBody(long, 'gzip');
    expect(headers).toEqual({ 'content-encoding': 'gzip' });
    const stream = new Blob([body]).stream().pipeThrough(new DecompressionStream('gzip'));
    expect(await new Response(stream).text()).toBe(long);
  });

  it('leaves a short text, one that nobody wants compressed, and a runtime that cannot', async () => {
    expect(await encodeBody('short', 'gzip')).toEqual({ headers: {}, body: 'short' });
    expect(await encodeBody(long, 'br')).toEqual({ headers: {}, body: long });
    vi.stubGlobal('CompressionStream', undefined);
    expect(await encodeBody(long, 'gzip')).toEqual({ headers: {}, body: long });
  });
});
