import fc from 'fast-check';
import { expect, test } from 'vitest';
import { failure, type Step, scriptedRunner } from '../resilience/scripted-runner.fixture';
import { follow } from '../testing/test-kit.fixture';
import { createVirtualClock } from '../testing/virtual-clock';
import { type CascadeResult, cascade } from './index';

/* Requests of all kinds at all times, over runners that answer, fail, hang and dawdle. */

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ afterMs: fc.integer({ min: 0, max: 60 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      afterMs: fc.integer({ min: 0, max: 60 }),
      error: fc
        .constantFrom('RUN_FAILED' as const, 'REMOTE_FAILED' as const, 'INVALID_INPUT' as const)
        .map((code) => failure(code)),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ hangs: true }) },
);

const request = fc.record({
  afterMs: fc.integer({ min: 0, max: 30 }),
  /** How sure the device is of each row. */
  sure: fc.array(fc.integer({ min: 50, max: 100 }), { minLength: 1, maxLength: 4 }),
  timeoutMs: fc.option(fc.integer({ min: 0, max: 100 }), { nil: undefined }),
  abortAfterMs: fc.option(fc.integer({ min: 0, max: 80 }), { nil: undefined }),
  localOnly: fc.boolean(),
});

const scenario = fc.record({
  edge: fc.array(step, { minLength: 1, maxLength: 8 }),
  cloud: fc.array(step, { minLength: 1, maxLength: 8 }),
  requests: fc.array(request, { minLength: 1, maxLength: 12 }),
  budget: fc.option(
    fc.record({
      share: fc.integer({ min: 0, max: 9 }).map((tenths) => tenths / 10),
      rowsPerMinute: fc.integer({ min: 0, max: 600 }),
      burst: fc.integer({ min: 1, max: 5 }),
    }),
    { nil: undefined },
  ),
  hedgeAfterMs: fc.option(fc.constantFrom(0, 10, 'learned' as const), { nil: undefined }),
});

test('every request ends exactly once and in time, rows are never mixed, the budget holds, local-only stays', {
  timeout: 60_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(scenario, async ({ edge, cloud, requests, budget, hedgeAfterMs }) => {
      const clock = createVirtualClock();
      const at = (script: readonly Step[]) => (call: number) => script[call % script.length] as Step;
      const edgeRunner = scriptedRunner(clock, at(edge), '0');
      const cloudRunner = scriptedRunner(clock, at(cloud), '1');
      const runner = cascade({
        edge: edgeRunner,
        cloud: cloudRunner,
        escalate: {
          confidence: { threshold: 0.8 },
          ...(hedgeAfterMs === undefined ? {} : { latency: { hedgeAfterMs } }),
        },
        ...(budget === undefined ? {} : { budget }),
        cloudTimeoutMs: 100,
        on: { 'cloud-open': () => {} },
        clock,
      });
      const startedAt = clock.now();
      let rowsSeen = 0;
      const outcomes = [];
      for (const { afterMs, sure, timeoutMs, abortAfterMs, localOnly } of requests) {
        await clock.advance(afterMs);
        const controller = new AbortController();
        const timer = abortAfterMs === undefined ? undefined : clock.setTimer(() => controller.abort(), abortAfterMs);
        const data = Float32Array.from(sure.flatMap((percent) => [percent / 100, 1 - percent / 100]));
        // Each row is told from the others by its place as well: two rows of a request may be equally sure.
        const begunAt = clock.now();
        const outcome = follow(
          runner.run(
            { x: { dtype: 'float32', shape: [sure.length, 2], data } },
            {
              signal: controller.signal,
              ...(timeoutMs === undefined ? {} : { timeoutMs }),
              ...(localOnly ? { privacy: 'local-only' as const } : {}),
            },
          ),
          clock,
        );
        data.fill(Number.NaN);
        rowsSeen += sure.length;
        outcomes.push({ outcome, sure, timeoutMs, abortAfterMs, localOnly, begunAt, timer });
        if (budget !== undefined) {
          const { sentRows } = runner.cascadeStats();
          const minutes = (clock.now() - startedAt) / 60_000;
          expect(sentRows).toBeLessThanOrEqual(budget.burst + budget.share * rowsSeen + 1e-6);
          expect(sentRows).toBeLessThanOrEqual(budget.burst + budget.rowsPerMinute * minutes + 1e-6);
        }
      }
      await clock.advance(1000);
      for (const { timer } of outcomes) timer?.clear();

      for (const { outcome, sure, timeoutMs, abortAfterMs, localOnly, begunAt } of outcomes) {
        // Only one who hangs on a device without a deadline, and who never leaves, may still wait.
        if (outcome.state === 'pending') {
          expect([timeoutMs, abortAfterMs]).toEqual([undefined, undefined]);
          continue;
        }
        expect(outcome.ends).toBe(1);
        const latest = Math.min(timeoutMs ?? Number.POSITIVE_INFINITY, abortAfterMs ?? Number.POSITIVE_INFINITY);
        expect((outcome.at as number) - begunAt).toBeLessThanOrEqual(latest);
        if (outcome.state === 'rejected') continue;
        const { outputs, cascade: trace } = outcome.value as CascadeResult;
        const y = outputs.y?.data as Float32Array;
        expect(trace.rows).toHaveLength(sure.length);
        expect(trace.escalated).toBe(trace.rows.filter(({ where }) => where === 'cloud').length);
        for (const [row, percent] of sure.entries()) {
          const origin = trace.rows[row];
          expect(y[row * 2]).toBeCloseTo((percent / 100) * (origin?.where === 'cloud' ? 10 : 1), 4);
          if (origin?.why === 'confident') expect(percent).toBeGreaterThanOrEqual(80);
          if (origin?.why === 'unsure' || origin?.why === 'budget') expect(percent).toBeLessThan(80);
          if (localOnly) expect(origin?.where).toBe('edge');
        }
      }
      // What was sent is what somebody was allowed to send.
      const allowed = outcomes.filter(({ localOnly }) => !localOnly).reduce((sum, { sure }) => sum + sure.length, 0);
      const sent = cloudRunner.calls.reduce((sum, { x }) => sum + x.length / 2, 0);
      expect(sent).toBeLessThanOrEqual(allowed);
      expect(cloudRunner.inFlight).toBe(0);
      const { requests: count, failures, rows } = runner.cascadeStats();
      const answered = outcomes.filter(({ outcome }) => outcome.state === 'resolved');
      const waiting = outcomes.filter(({ outcome }) => outcome.state === 'pending').length;
      expect([count, failures]).toEqual([requests.length, requests.length - answered.length - waiting]);
      const counted = Object.values({ ...rows.edge, ...rows.cloud }).reduce((sum, each) => sum + each, 0);
      expect(counted).toBe(answered.reduce((sum, { sure }) => sum + sure.length, 0));
    }),
    { numRuns: 150 },
  );
});
