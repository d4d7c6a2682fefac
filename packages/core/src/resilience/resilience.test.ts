import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FairleadError } from '../errors';
import { collectInto, follow, type Outcome } from '../testing/test-kit.fixture';
import { createVirtualClock } from '../testing/virtual-clock';
import { fallback, withBulkhead, withCircuitBreaker, withRetry, withTimeout } from './index';
import { failure, pair, type Step, scriptedRunner } from './scripted-runner.fixture';

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ afterMs: fc.integer({ min: 0, max: 60 }) }),
  fc.record({
    afterMs: fc.integer({ min: 0, max: 60 }),
    error: fc
      .constantFrom('LANE_LOST', 'REMOTE_FAILED', 'OVERLOADED', 'RUN_FAILED')
      .map((code) => failure(code as 'LANE_LOST', code === 'OVERLOADED' ? { retryAfterMs: 15 } : {})),
  }),
  fc.constant({ hangs: true }),
);

test('all stages around one another: every request ends once, never after its deadline, and nothing is left', async () => {
  const request = fc.record({
    waitMs: fc.nat(30),
    timeoutMs: fc.nat(150),
    abortMs: fc.option(fc.nat(100), { nil: undefined }),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(request, { minLength: 1, maxLength: 25 }),
      fc.array(step, { minLength: 1, maxLength: 20 }),
      fc.array(step, { minLength: 1, maxLength: 20 }),
      async (requests, firstScript, secondScript) => {
        const clock = createVirtualClock();
        const options = { clock, logger: collectInto([]) };
        const first = scriptedRunner(clock, (call) => firstScript[call % firstScript.length] as Step, '0');
        const second = scriptedRunner(clock, (call) => secondScript[call % secondScript.length] as Step, '1');
        const guarded = withRetry(
          withCircuitBreaker(
            withBulkhead(withTimeout(first, { timeoutMs: 40, clock }), { maxConcurrent: 2, maxQueued: 2, clock }),
            { failures: 2, halfOpenAfterMs: 50, ...options },
          ),
          { initialDelayMs: 5, maxDelayMs: 50, ...options },
        );
        const runner = withTimeout(fallback(guarded, withTimeout(second, { timeoutMs: 40, clock }), options), {
          timeoutMs: 120,
          clock,
        });
        const outcomes: (Outcome<unknown> & { deadline: number })[] = [];
        for (const [value, { waitMs, timeoutMs, abortMs }] of requests.entries()) {
          await clock.advance(waitMs);
          const controller = new AbortController();
          const deadline = clock.now() + Math.min(timeoutMs, 120);
          const run = runner.run(pair(value, -value), { timeoutMs, signal: controller.signal }).then((result) => {
            const factor = result.model.version === '0' ? 1 : 10;
            expect(Array.from(result.outputs.y?.data as Float32Array)).toEqual([value * factor, -value * factor]);
          });
          outcomes.push(Object.assign(follow(run, clock), { deadline }));
          if (abortMs !== undefined) clock.setTimer(() => controller.abort(), abortMs);
        }
        await clock.advance(1000);
        for (const { ends, at, deadline, state, error } of outcomes) {
          expect(ends).toBe(1);
          expect(at).toBeLessThanOrEqual(deadline);
          if (state === 'rejected') expect(FairleadError.isInstance(error)).toBe(true);
        }
        for (const { calls } of [first, second])
          for (const call of calls) expect(call.at).toBeLessThan(call.options.deadline ?? 0);
        expect(clock.pendingTimers).toBe(0);
      },
    ),
    { numRuns: 80 },
  );
});
