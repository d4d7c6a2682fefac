import { expect, test } from 'vitest';
import { DurationEstimate } from './duration-estimate';

test('nothing is known at first; one measurement is doubled', () => {
  const estimate = new DurationEstimate();
  expect(estimate.meanMs).toBeUndefined();
  expect(estimate.mostMs).toBe(0);
  estimate.fade();
  expect(estimate.mostMs).toBe(0);
  estimate.add(40);
  expect(estimate).toMatchObject({ meanMs: 40, mostMs: 80 });
});

test('follows the mean, and covers most of what varies around it', () => {
  const estimate = new DurationEstimate();
  let covered = 0;
  // A sequence without a pattern, between 50 and 150.
  let state = 1;
  for (let index = 0; index < 2000; index++) {
    state = (state * 48271) % 2147483647;
    const ms = 50 + (100 * state) / 2147483647;
    if (index >= 1000 && ms <= estimate.mostMs) covered++;
    estimate.add(ms);
  }
  expect(estimate.meanMs).toBeGreaterThan(80);
  expect(estimate.meanMs).toBeLessThan(120);
  expect(covered).toBeGreaterThan(850);
  expect(estimate.mostMs).toBeLessThan(250);
});

test('what has become faster never seems slower on the way', () => {
  const estimate = new DurationEstimate();
  for (let index = 0; index < 50; index++) estimate.add(40);
  let before = estimate.mostMs;
  for (let index = 0; index < 50; index++) {
    estimate.add(5);
    expect(estimate.mostMs).toBeLessThan(before);
    before = estimate.mostMs;
  }
  expect(estimate.mostMs).toBeLessThan(6);
});

test('fades by a tenth each time that it is doubted', () => {
  const estimate = new DurationEstimate();
  estimate.add(40);
  estimate.fade();
  expect(estimate.mostMs).toBeCloseTo(72, 10);
  expect(estimate.meanMs).toBeCloseTo(36, 10);
});
