import { describe, expect, it } from 'vitest';
import { count, duration, figure, metric, percent, powerOfTen, probability, shortTime, time } from './format';

describe('numbers in words', () => {
  it.each<[string, string]>([
    [count(1_234_567), '1\u202f234\u202f567'],
    [count(999), '999'],
    [figure(0.123456), '0.1235'],
    [figure(-12.5), '−12.5'],
    [figure(1e-7), '1e−7'],
    [figure(-1.5e9), '−1.5e9'],
    [figure(Infinity), '∞'],
    [figure(Number.NaN), '–'],
    [figure(null), '–'],
    [percent(0), '0\u202f%'],
    [percent(0.5), '50\u202f%'],
    [percent(0.12345), '12.3\u202f%'],
    [percent(0.9999), '>\u202f99.9\u202f%'],
    [percent(1), '100\u202f%'],
    [percent(1e-6), '<\u202f0.01\u202f%'],
    [percent(Number.NaN), '–'],
    [probability(0.0421), '0.042'],
    [probability(2.3e-6), '2.3e−6'],
    [probability(1e-300), '<\u202f1e−12'],
    [probability(undefined), '–'],
    [powerOfTen(0), '1'],
    [powerOfTen(6), '1\u202f000\u202f000'],
    [powerOfTen(7.69897), '5.0\u202f·\u202f10⁷'],
    [powerOfTen(400), '1.0\u202f·\u202f10⁴⁰⁰'],
    [metric(0.9), '0.9000'],
    [metric(123.456), '123.46'],
    [metric(1e9), '1e9'],
    [metric(null), '–'],
    [time(Date.UTC(2025, 0, 2, 3, 4)), '2025-01-02 03:04 UTC'],
    [time(Infinity), '–'],
    [shortTime(Date.UTC(2025, 0, 2, 3, 4, 5), 1000), '03:04:05'],
    [shortTime(Date.UTC(2025, 0, 2, 3, 4), 3_600_000), '03:04'],
    [shortTime(Date.UTC(2025, 0, 2, 12), 5 * 86_400_000), '12:00'],
    [shortTime(Date.UTC(2025, 0, 2), 5 * 86_400_000), '2\u00a0Jan'],
    [shortTime(Date.UTC(2025, 0, 2), 1e12), '2025-01'],
    [shortTime(Number.NaN, 1), '–'],
    [duration(5), '5\u202fms'],
    [duration(90_000), '1.5\u202fmin'],
    [duration(36 * 3_600_000), '1.5\u202fd'],
  ])('%s', (given, expected) => {
    expect(given).toBe(expected);
  });
});
