import { FairleadError } from '@fairlead/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { doubled, follow, inputOf, numbersOf, type Outcome, until } from '../../../core/src/testing/test-kit.fixture';
import { openRecoveryBench } from './fake-workers.fixture';

const act = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('send' as const), count: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 1500 }) }) },
  fc.record({ do: fc.constantFrom('kill' as const, 'hang' as const, 'break' as const, 'grow' as const) }),
);

test('whatever befalls the workers, each request ends once, with its own rows or with a code, and nothing is left', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(act, { minLength: 5, maxLength: 40 }),
      fc.integer({ min: 0, max: 3 }),
      fc.integer({ min: 0, max: 60 }),
      async (acts, replays, openMs) => {
        const bench = await openRecoveryBench({
          openMs,
          laneMemoryMb: 16,
          recovery: { replays, runTimeoutMs: 200, coolDownMs: 2000 },
        });
        const { clock, runner, workers } = bench;
        const sent: { value: number; outcome: Outcome<Awaited<ReturnType<typeof runner.run>>> }[] = [];
        for (const step of acts) {
          const worker = workers.at(-1);
          if (step.do === 'send') {
            for (let index = 0; index < step.count; index++) {
              const value = sent.length + 1;
              sent.push({ value, outcome: follow(runner.run(inputOf(value)), clock) });
            }
          } else if (step.do === 'wait') await clock.advance(step.ms);
          else if (step.do === 'kill') worker?.kill();
          else if (step.do === 'hang') worker?.hang();
          else if (step.do === 'break' && worker?.device === 'webgpu') worker.breakDown('broken');
          else if (step.do === 'grow' && worker !== undefined) worker.memoryBytes += 20 * 2 ** 20;
        }
        await until(runner.close(), clock, 10);
        // What a worker computed when it died the mock computes to its end.
        await clock.advance(10);
        for (const { value, outcome } of sent) {
          expect(outcome.ends).toBe(1);
          if (outcome.state === 'resolved') expect(numbersOf(outcome.value?.outputs)).toEqual(doubled(value));
          else {
            const code = FairleadError.isInstance(outcome.error) ? outcome.error.code : String(outcome.error);
            expect(['LANE_LOST', 'RUN_FAILED', 'CLOSED']).toContain(code);
          }
        }
        expect(clock.pendingTimers).toBe(0);
        expect(workers.every(({ alive }) => !alive)).toBe(true);
      },
    ),
    { numRuns: 150 },
  );
});

test('workers that only grow lose nothing', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 700 }), { minLength: 10, maxLength: 60 }), async (waits) => {
      const bench = await openRecoveryBench({ openMs: 30, laneMemoryMb: 16 });
      const outcomes = [];
      for (const [value, wait] of waits.entries()) {
        outcomes.push(follow(bench.runner.run(inputOf(value)), bench.clock));
        const worker = bench.workers.at(-1);
        if (worker !== undefined) worker.memoryBytes += 4 * 2 ** 20;
        await bench.clock.advance(wait);
      }
      await until(bench.runner.close(), bench.clock, 10);
      expect(outcomes.map(({ value }) => numbersOf(value?.outputs))).toEqual(waits.map((_, value) => doubled(value)));
      expect(bench.told.every((line) => line.startsWith('worker-recycled'))).toBe(true);
      expect(bench.workers.every(({ alive, backend }) => !alive && backend.closedInFlight === 0)).toBe(true);
    }),
    { numRuns: 50 },
  );
});
