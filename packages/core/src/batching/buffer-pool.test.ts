import { expect, test } from 'vitest';
import { BufferPool } from './buffer-pool';

test('a buffer that was given back is the next one of its size', () => {
  const pool = new BufferPool(1000);
  const buffer = pool.take(100);
  expect(buffer.byteLength).toBe(100);
  pool.give(buffer);
  expect(pool.heldBytes).toBe(100);
  expect(pool.take(99)).not.toBe(buffer);
  expect(pool.take(100)).toBe(buffer);
  expect(pool.heldBytes).toBe(0);
  expect(pool.take(100)).not.toBe(buffer);
});

test('no more is held than the limit, and what was used longest ago goes first', () => {
  const pool = new BufferPool(300);
  const [old, recent, newest] = [pool.take(100), pool.take(150), pool.take(120)];
  pool.give(old);
  pool.give(recent);
  pool.give(newest);
  expect(pool.heldBytes).toBe(270);
  expect(pool.take(150)).toBe(recent);
  expect(pool.take(120)).toBe(newest);
  expect(pool.take(100)).not.toBe(old);
});

test('sizes that never come again do not keep those that do from being held', () => {
  const pool = new BufferPool(1000);
  for (let bytes = 1; bytes <= 500; bytes++) pool.give(new ArrayBuffer(bytes));
  expect(pool.heldBytes).toBeLessThanOrEqual(1000);
  const buffer = new ArrayBuffer(400);
  pool.give(buffer);
  expect(pool.take(400)).toBe(buffer);
});

test('a size in use outlives one that is not', () => {
  const pool = new BufferPool(250);
  const used = new ArrayBuffer(100);
  pool.give(used);
  pool.give(new ArrayBuffer(101));
  expect(pool.take(100)).toBe(used);
  pool.give(used);
  pool.give(new ArrayBuffer(102));
  expect(pool.take(100)).toBe(used);
});

test('what is larger than the limit, empty or detached is not held', () => {
  const pool = new BufferPool(100);
  const kept = new ArrayBuffer(60);
  pool.give(kept);
  pool.give(new ArrayBuffer(101));
  pool.give(new ArrayBuffer(0));
  const detached = new ArrayBuffer(50);
  structuredClone(detached, { transfer: [detached] });
  pool.give(detached);
  expect(pool.heldBytes).toBe(60);
  expect(pool.take(60)).toBe(kept);
  expect(pool.take(0).byteLength).toBe(0);
});

test('clear lets go of everything', () => {
  const pool = new BufferPool(100);
  const buffer = pool.take(10);
  pool.give(buffer);
  pool.clear();
  expect(pool.heldBytes).toBe(0);
  expect(pool.take(10)).not.toBe(buffer);
});
