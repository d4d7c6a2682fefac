import { expect, test } from 'vitest';
import { probeDevice } from './probe';

test('the CPU needs no trial', async () => {
  expect(await probeDevice('cpu', 0)).toEqual({ usable: true });
});

test('a device that cannot be is tried once, in a child, and says why and what helps', async () => {
  // No machine has so many cards; without CUDA the reason is that there is none.
  const first = probeDevice('cuda', 4095);
  expect(probeDevice('cuda', 4095)).toBe(first);
  expect(await first).toEqual({
    usable: false,
    reason: expect.stringMatching(/^.{5,}; `npx @fairlead\/node doctor` says what mends it$/),
  });
}, 40_000);
