import { expect, test } from 'vitest';
import { createCounting } from './counting';

/** A timer that runs when a test says so. */
function manualTimer() {
  let work: (() => void) | undefined;
  return {
    start: (wanted: () => void) => {
      work = wanted;
      return () => {
        work = undefined;
      };
    },
    run() {
      work?.();
      work = undefined;
    },
  };
}

const picture = (value: number): Float32Array => new Float32Array([value]);

function setUp() {
  const counted: number[] = [];
  const timer = manualTimer();
  const counting = createCounting(([value]) => void counted.push(value as number), timer.start);
  return { counted, timer, counting };
}

test('a drawing counts when the pen has rested, and once only', () => {
  const { counted, timer, counting } = setUp();
  counting.inked();
  counting.lifted(picture(1));
  expect(counted).toEqual([]);
  timer.run();
  expect(counted).toEqual([1]);
  counting.inked();
  counting.lifted(picture(2));
  timer.run();
  counting.cleared();
  expect(counted).toEqual([1]);
});

test('a stroke that comes before the pen has rested belongs to the same drawing', () => {
  const { counted, timer, counting } = setUp();
  counting.lifted(picture(1));
  counting.inked();
  timer.run();
  expect(counted).toEqual([]);
  counting.lifted(picture(2));
  timer.run();
  expect(counted).toEqual([2]);
});

test('clearing finishes a drawing, and the next one counts anew', () => {
  const { counted, timer, counting } = setUp();
  counting.lifted(picture(1));
  counting.cleared();
  expect(counted).toEqual([1]);
  counting.cleared();
  counting.lifted(picture(2));
  timer.run();
  expect(counted).toEqual([1, 2]);
});

test('what was taken back does not count', () => {
  const { counted, timer, counting } = setUp();
  counting.lifted(picture(1));
  counting.lifted(undefined);
  timer.run();
  counting.cleared();
  expect(counted).toEqual([]);
});
