import { describe, expect, it } from 'vitest';
import { createRandom } from '../random';
import { createEDetector, type EDetectorOptions } from './e-detector';

const bernoulli = (seed: number) => {
  const random = createRandom(seed);
  return (share: number): number => (random() < share ? 1 : 0);
};
const draws = (draw: (share: number) => number, share: number, count: number): number[] =>
  Array.from({ length: count }, () => draw(share));

describe('createEDetector', () => {
  it('keeps the stated mean time between false alarms, for references of any size', () => {
    for (const referenceRows of [200, 2000]) {
      const streams = 150;
      const stated = 1000;
      let alarms = 0;
      for (let stream = 0; stream < streams; stream++) {
        const draw = bernoulli(stream + 10_000 * referenceRows);
        const detector = createEDetector({
          reference: draws(draw, 0.2, referenceRows),
          meanTimeBetweenFalseAlarms: stated,
        });
        for (let i = 0; i < 10 * stated; i++) if (detector.update(draw(0.2)) === 'drift') alarms++;
      }
      const allowed = 10 * streams;
      expect(alarms).toBeLessThan(allowed + 3 * Math.sqrt(allowed));
      expect(alarms).toBeGreaterThan(allowed / 2);
    }
  });

  it('sees errors that double, soon', () => {
    const delays = Array.from({ length: 50 }, (_, stream) => {
      const draw = bernoulli(stream);
      const detector = createEDetector({ reference: draws(draw, 0.2, 10_000), meanTimeBetweenFalseAlarms: 10_000 });
      for (let i = 0; i < 1000; i++) detector.update(draw(0.2));
      for (let i = 1; ; i++) if (detector.update(draw(0.4)) === 'drift') return i;
    });
    // The best that is possible, by a CUSUM that knows the change, is some 65.
    expect(delays.reduce((sum, delay) => sum + delay, 0) / delays.length).toBeLessThan(110);
  });

  it('warns before it alarms, begins anew after an alarm, and forgets all on reset', () => {
    const draw = bernoulli(7);
    const detector = createEDetector({ reference: draws(draw, 0.2, 2000), meanTimeBetweenFalseAlarms: 5000 });
    const states = Array.from({ length: 200 }, () => detector.update(draw(0.6)));
    expect(states.indexOf('warning')).toBeGreaterThan(0);
    expect(states.indexOf('warning')).toBeLessThan(states.indexOf('drift'));
    expect(states[states.indexOf('drift') + 1]).toBe('ok');
    detector.reset();
    expect(detector).toMatchObject({ state: 'ok', evidence: 0 });
  });

  it('sees what was never there: other values, missing ones, infinities', () => {
    const random = createRandom(3);
    const reference = Float64Array.from({ length: 1000 }, random);
    for (const novel of [2, -1, Number.NaN, Infinity, -Infinity]) {
      const detector = createEDetector({ reference, meanTimeBetweenFalseAlarms: 10_000 });
      for (let i = 0; i < 500; i++) expect(detector.update(random())).not.toBe('drift');
      const states = Array.from({ length: 40 }, () => detector.update(novel));
      expect(states).toContain('drift');
    }
  });

  it.each<[string, Partial<EDetectorOptions>, string]>([
    ['a reference too small for the time', { reference: new Float64Array(20) }, 'reference'],
    ['an empty reference', { reference: [] }, 'reference'],
    ['no reference', { reference: 5 as never }, 'reference'],
    ['a time too short', { meanTimeBetweenFalseAlarms: 10 }, 'meanTimeBetweenFalseAlarms'],
    ['an effect too large', { minimumEffect: 1 }, 'minimumEffect'],
  ])('refuses %s', (_what, options, field) => {
    expect(() =>
      createEDetector({ reference: new Float64Array(500), meanTimeBetweenFalseAlarms: 1000, ...options }),
    ).toThrow(expect.objectContaining({ code: 'INVALID_OPTION', details: expect.objectContaining({ field }) }));
  });

  it('refuses what is no number, and counts nothing', () => {
    const detector = createEDetector({ reference: new Float64Array(500), meanTimeBetweenFalseAlarms: 1000 });
    expect(() => detector.update('1' as never)).toThrow(expect.objectContaining({ code: 'INVALID_INPUT' }));
    expect(detector.evidence).toBe(0);
  });
});
