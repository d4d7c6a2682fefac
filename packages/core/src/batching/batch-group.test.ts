import { describe, expect, it } from 'vitest';
import { createRunner } from '../runner/create-runner';
import { createMockBackend, mockModel } from '../testing/mock-backend';
import { createVirtualClock } from '../testing/virtual-clock';

describe('a batch group', () => {
  it('shares batches among its own requests alone, on the same session', async () => {
    const clock = createVirtualClock();
    const backend = createMockBackend({ clock });
    const opening = createRunner({ model: mockModel('1'), backend, lanes: 'inline', warmUp: false, clock });
    await clock.settle();
    const runner = await opening;
    const x = Float32Array.of(1, 2);
    const groups = [undefined, 'a', undefined, 'b', 'a', undefined];
    const asked = groups.map((batchGroup) => runner.run({ x }, batchGroup === undefined ? {} : { batchGroup }));
    await clock.advance(1000);
    const answers = await Promise.all(asked);
    expect(answers.map(({ batchSize }) => batchSize)).toEqual([3, 2, 3, 1, 2, 3]);
    const batches = answers.map(({ timing }) => timing.batches?.[0]);
    expect(batches[1]).toBe(batches[4]);
    expect(batches[0]).toBe(batches[2]);
    expect(new Set(batches).size).toBe(3);
    await expect(runner.run({ x }, { batchGroup: 1 as never })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      details: { field: 'batchGroup' },
    });
    const closing = runner.close();
    await clock.advance(10);
    await closing;
  });
});
