import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FairleadError } from '../errors';
import { failure, type Step } from '../resilience/scripted-runner.fixture';
import type { Tensor } from '../tensor/tensor';
import { setUpRollout } from './rollout.fixture';
import { canary } from './strategies/canary';

const verbs = ['promote', 'rollback', 'abort', 'pause', 'resume', 'start', 'look'] as const;

/** What happens after one another: requests come, time passes, somebody does something. */
const scenario = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ requests: fc.integer({ min: 1, max: 8 }) }) },
    { weight: 3, arbitrary: fc.record({ afterMs: fc.integer({ min: 1, max: 1500 }) }) },
    { weight: 2, arbitrary: fc.record({ verb: fc.constantFrom(...verbs) }) },
  ),
  { minLength: 5, maxLength: 40 },
);

describe('under load', () => {
  it('promoting, rolling back, aborting and all the rest lose no request and answer none twice', async () => {
    await fc.assert(
      fc.asyncProperty(
        scenario,
        fc.integer({ min: 0, max: 40 }),
        fc.integer({ min: 2, max: 9 }),
        async (events, tookMs, every) => {
          const script = (call: number): Step =>
            call % every === 0 ? { afterMs: tookMs, error: failure('RUN_FAILED') } : { afterMs: tookMs };
          const { rollout, clock, champion, challenger, heard } = await setUpRollout(
            {
              strategy: canary({
                steps: [
                  { weight: 0.3, minRequests: 5 },
                  { weight: 0.6, minRequests: 5 },
                ],
                promoteOn: 'no-harm',
              }),
              coolDownMs: 500,
            },
            { challenger: script },
          );
          const ends = new Map<number, number>();
          let sent = 0;
          const send = (): void => {
            const id = ++sent;
            rollout.run({ x: Float32Array.of(id, id) }, { key: `user-${id}` }).then(
              ({ outputs, model, rollout: { answeredBy } }) => {
                ends.set(id, (ends.get(id) ?? 0) + 1);
                // Each has its own answer, of the arm that is said to have given it.
                const scale = answeredBy === 'champion' ? 10 : 100;
                expect((outputs.y as Tensor<'float32'>).data[0]).toBe(id * scale);
                expect(model.version).toBe(answeredBy === 'champion' ? '1' : '2');
              },
              () => ends.set(id, -1),
            );
          };
          const wrong: unknown[] = [];
          for (const event of events) {
            if ('requests' in event) for (let index = 0; index < event.requests; index++) send();
            else if ('afterMs' in event) await clock.advance(event.afterMs);
            else {
              const done: Promise<void> = rollout[event.verb]();
              done.catch((error: unknown) => {
                if (!FairleadError.isInstance(error, 'CONFLICT')) wrong.push(error);
              });
            }
          }
          const closing = rollout.close();
          await clock.advance(5000);
          await closing;
          expect(wrong).toEqual([]);
          // Every request ended once, with an answer: what the challenger failed at the champion answered.
          expect([...ends.values()].every((times) => times === 1)).toBe(true);
          expect(ends.size).toBe(sent);
          const { arms } = rollout.rolloutStats();
          const asked = champion.calls.length + challenger.calls.length;
          expect(asked).toBe(sent + (arms.canary?.fellBack ?? 0));
          // The history is what was told, each change once.
          const told = heard.filter(({ name }) => name === 'rollout-change');
          expect(told).toHaveLength(rollout.describe().history.length);
          expect(clock.pendingTimers).toBe(0);
        },
      ),
      { numRuns: 60 },
    );
  });
});
