import { expect, test } from 'vitest';
import { createVirtualClock } from '../testing';
import { AnswerReach } from './answer-reach';

/** A clock that moves on while promises call back, as it does where callers take their time. */
function movingClock() {
  let time = 0;
  const moving = { ...createVirtualClock(), now: () => time };
  const answer = async (reach: AnswerReach, requests: number, tookMs: number): Promise<void> => {
    reach.observe(requests, time);
    time += tookMs;
    await new Promise<void>((resolve) => setImmediate(resolve));
  };
  return { clock: moving, answer };
}

test('an answer has a quarter of a millisecond at least, as long as nothing is known', () => {
  const reach = new AnswerReach(createVirtualClock());
  expect(reach.of(1)).toBe(0.25);
  expect(reach.of(1000)).toBe(0.25);
});

test('answers that took long to reach their callers leave more time to the next ones, by their number', async () => {
  const { clock, answer } = movingClock();
  const reach = new AnswerReach(clock);
  for (let batch = 0; batch < 100; batch++) await answer(reach, 50, 0.2);
  expect(reach.of(50)).toBeCloseTo(0.4, 2);
  expect(reach.of(100)).toBeCloseTo(0.8, 2);
  expect(reach.of(10)).toBe(0.25);
});

test('no more than a millisecond is left, however long callers hold the thread', async () => {
  const { clock, answer } = movingClock();
  const reach = new AnswerReach(clock);
  await answer(reach, 1, 10_000);
  expect(reach.of(1)).toBe(1);
});
