import { describe, expect, it } from 'vitest';
import type { Tally } from '../contracts';
import { createSharedQuantile } from './shared-quantile';
import { mergeTallies } from './tally';

const upTo = (length: number) => Array.from({ length }, (_, index) => index + 1);

describe('a shared quantile', () => {
  it('is that of all replicas until this one has seen enough, and then its own', () => {
    const [one, other, late] = [0, 1, 2].map(() => createSharedQuantile(0.9, 1000, 100)) as [
      ReturnType<typeof createSharedQuantile>,
      ReturnType<typeof createSharedQuantile>,
      ReturnType<typeof createSharedQuantile>,
    ];
    one.add(upTo(60));
    expect(one.value).toBeUndefined();
    other.add(upTo(60).map((value) => value + 60));
    const sum = mergeTallies(one.shared.take() ?? {}, other.shared.take() ?? {});
    for (const { shared } of [one, other, late]) shared.setKnown(sum);
    // Of 1 to 120 the 90th percentile is 108; a bin may end five hundredths above it.
    for (const { value } of [one, other, late]) {
      expect(value).toBeGreaterThanOrEqual(108);
      expect(value).toBeLessThanOrEqual(108 * 1.05);
    }
    one.add(upTo(40).map(() => 7));
    expect(one.value).toBe(50);
    expect(late.value).toBeGreaterThan(100);
  });

  it('gives as many values as one replica needs, and nothing twice', () => {
    const quantile = createSharedQuantile(0.5, 1000, 100);
    quantile.add(upTo(250));
    const count = (tally: Tally | undefined): number =>
      Object.values(tally ?? {}).reduce<number>((sum, value) => sum + Number(value), 0);
    expect(count(quantile.shared.take())).toBe(100);
    quantile.add(upTo(250));
    expect(quantile.shared.take()).toBeUndefined();
    quantile.shared.restart();
    quantile.add(upTo(30));
    expect(count(quantile.shared.take())).toBe(30);
  });

  it('says nothing of fewer values than are needed, and takes none for less than the least', () => {
    const quantile = createSharedQuantile(0.5, 1000, 100);
    quantile.add(new Array(99).fill(0));
    const sum = quantile.shared.take() ?? {};
    quantile.shared.setKnown(sum);
    expect(quantile.value).toBeUndefined();
    quantile.shared.setKnown(mergeTallies(sum, sum));
    expect(quantile.value).toBeCloseTo(0.001, 4);
  });
});
