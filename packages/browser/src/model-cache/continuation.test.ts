import { describe, expect, it } from 'vitest';
import {
  canContinue,
  changeHeaders,
  continuationHeaders,
  isSameVersion,
  validatorsOf,
  whyNotTheRest,
} from './continuation';

const date = 'Tue, 14 Nov 2023 22:00:00 GMT';
const dateMs = Date.parse(date);
const part = { size: 100, validators: { etag: '"1"', total: 300 }, digestPromised: false, crossOrigin: false };
const answer = (headers: Record<string, string>, status = 206): Response => new Response('', { status, headers });
const rest = { 'content-range': 'bytes 100-299/300', etag: '"1"' };

describe('a download that goes on', () => {
  it('needs something that tells versions apart', () => {
    expect(canContinue(part)).toBe(true);
    expect(canContinue({ ...part, size: 0 })).toBe(false);
    expect(canContinue({ ...part, validators: { etag: 'W/"1"' } })).toBe(false);
    expect(canContinue({ ...part, validators: {}, digestPromised: true })).toBe(true);
    expect(canContinue({ ...part, validators: { lastModified: date } })).toBe(true);
  });

  it('asks under a condition, which across origins would need leave', () => {
    expect(continuationHeaders(part)).toEqual({ Range: 'bytes=100-', 'If-Range': '"1"' });
    expect(continuationHeaders({ ...part, crossOrigin: true })).toEqual({ Range: 'bytes=100-' });
  });

  it.each<[string, Record<string, string>, object, RegExp | undefined]>([
    ['the rest', rest, {}, undefined],
    ['another version', { ...rest, etag: '"2"' }, {}, /changed/],
    ['a version that is not named', { 'content-range': rest['content-range'] }, {}, /changed/],
    ['a file of another length', { ...rest, 'content-range': 'bytes 100-399/400' }, {}, /changed/],
    ['another part', { ...rest, 'content-range': 'bytes 0-299/300' }, {}, /another part/],
    ['a compressed part', { ...rest, 'content-encoding': 'gzip' }, {}, /compresses/],
    ['a part that is not named', { etag: '"1"' }, {}, /which part/],
    // What a page sees across origins.
    ['a length that fits', { 'content-length': '200', etag: '"1"' }, {}, undefined],
    ['a length that does not', { 'content-length': '201', etag: '"1"' }, {}, /changed/],
    ['nothing, where a digest decides', {}, { digestPromised: true }, undefined],
    [
      'the same date',
      { ...rest, 'last-modified': date },
      { validators: { lastModified: date, total: 300 } },
      undefined,
    ],
    ['another date', { ...rest, 'last-modified': 'x' }, { validators: { lastModified: date, total: 300 } }, /changed/],
  ])('knows %s', (_what, headers, more, why) => {
    const reason = whyNotTheRest(answer(headers), { ...part, ...more });
    if (why === undefined) expect(reason).toBeUndefined();
    else expect(reason).toMatch(why);
  });
});

describe('versions of a file', () => {
  it('are told apart by a date only when it is old enough', () => {
    const of = (epochMs: number) => validatorsOf(answer({ 'last-modified': date }, 200), epochMs);
    expect(of(dateMs + 30_000)).toEqual({});
    expect(of(dateMs + 90_000)).toEqual({ lastModified: date });
  });

  it('are not told apart by a compressed form, but that it changed is', () => {
    const response = answer({ etag: '"1"', 'content-encoding': 'gzip', 'content-length': '9' }, 200);
    const validators = validatorsOf(response, dateMs);
    expect(validators).toEqual({ etag: 'W/"1"' });
    expect(canContinue({ ...part, validators })).toBe(false);
    expect(isSameVersion(response, validators, dateMs)).toBe(true);
  });

  it('are asked for by what is known of them', () => {
    expect(changeHeaders({ etag: 'W/"1"', lastModified: date }, false)).toEqual({ 'If-None-Match': 'W/"1"' });
    expect(changeHeaders({ lastModified: date }, false)).toEqual({ 'If-Modified-Since': date });
    expect(changeHeaders({ etag: '"1"' }, true)).toEqual({});
    expect(isSameVersion(new Response(null, { status: 304 }), {}, dateMs)).toBe(true);
    expect(isSameVersion(answer({}, 200), {}, dateMs)).toBe(false);
  });
});
