import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ErrorCode, FairleadError } from '../errors';
import { numbersOf } from '../testing/test-kit.fixture';
import {
  answersTo,
  idsOf,
  type Lived,
  live,
  type Mishap,
  type PlannedRequest,
  type ScenarioRange,
  type SentRequest,
  scenarios,
} from './scenario.fixture';

/* What must hold for every request whatever else happens; on a failure fast-check prints the scenario and its seed. */

const everything: ScenarioRange = { hurry: true, faults: true, tightQueue: true, close: false };
const calm: ScenarioRange = { hurry: false, faults: false, tightQueue: false, close: false };

/** Whether a request may have failed like this. */
function fits(code: ErrorCode, { plan, afterClose, deadline, outcome, sentAt }: SentRequest, lived: Lived): boolean {
  const { batching, mishaps, closeAt } = lived.scenario;
  const at = outcome.at as number;
  const queueRows = batching === false ? 8192 : batching.maxQueueRows;
  const happened = (kind: Mishap['kind']) =>
    lived.happened.has(kind) && mishaps.some((mishap) => mishap.kind === kind && mishap.at <= at);
  switch (code) {
    case 'CLOSED':
      // Whatever waits is still computed, unless there is nobody to do it.
      return afterClose || (closeAt !== undefined && at >= closeAt && happened('kill'));
    case 'ABORTED':
      return plan.abortAfterMs !== undefined && at === sentAt + Math.max(0, plan.abortAfterMs);
    case 'DEADLINE_EXCEEDED':
      // An answer needs half a millisecond at most to reach its caller, and deadlines a quarter apart are one.
      return at >= deadline - 0.75;
    case 'LIMIT_EXCEEDED':
      return plan.rows > queueRows && at === sentAt;
    case 'OVERLOADED':
      // Later than at once only where it would have been late, or made room for another.
      return (
        ((outcome.error as FairleadError).details.retryAfterMs ?? 0) >= 1 &&
        (at === sentAt || deadline !== Number.POSITIVE_INFINITY || madeRoom(plan, at, lived))
      );
    case 'RUN_FAILED':
      return (
        happened('hiccup') ||
        happened('starve') ||
        lived.sent.some((other) => other.plan.poisoned && other.sentAt <= at)
      );
    case 'OUTPUT_INVALID':
      return happened('garble');
    case 'LANE_LOST':
      return happened('kill');
    default:
      return false;
  }
}

const ranks = { high: 0, normal: 1, low: 2 };

/** Whether one came at that moment for which another may have had to make room. */
function madeRoom({ priority = 'normal', key }: PlannedRequest, at: number, { sent }: Lived): boolean {
  return sent.some(
    (other) =>
      other.sentAt === at && (ranks[other.plan.priority ?? 'normal'] < ranks[priority] || other.plan.key !== key),
  );
}

/** Each request on its own: it ended, once, with its rows or with an error that fits, and in time. */
function checkRequests(lived: Lived): void {
  for (const request of lived.sent) {
    const { outcome, plan, ids, sentAt, deadline } = request;
    expect(outcome.ends, 'how often it ended').toBe(1);
    const at = outcome.at as number;
    // The wheel turns in whole milliseconds.
    expect(at, 'when it ended').toBeLessThanOrEqual(Math.max(sentAt, Math.ceil(deadline)));
    if (outcome.state === 'rejected') {
      expect(FairleadError.isInstance(outcome.error), String(outcome.error)).toBe(true);
      const { code, message } = outcome.error as FairleadError;
      expect(fits(code, request, lived), `${code} at ${at}: ${message}`).toBe(true);
      continue;
    }
    const { outputs, timing, batchSize } = outcome.value as NonNullable<typeof outcome.value>;
    expect(numbersOf(outputs), 'its own rows, in order').toEqual(answersTo(ids));
    expect(outputs.y?.shape).toEqual([plan.rows, 2]);
    expect(at, 'an answer after the deadline').toBeLessThanOrEqual(deadline);
    expect(timing.queueMs).toBeGreaterThanOrEqual(0);
    expect(timing.computeMs).toBeGreaterThanOrEqual(0);
    expect(timing.queueMs + timing.computeMs).toBeCloseTo(at - sentAt, 6);
    expect(batchSize).toBeGreaterThanOrEqual(1);
  }
}

/** What reached the model: nothing too large, nothing late, nothing twice without a failure, nothing beside the rows. */
function checkBatches({ scenario, backend, sent }: Lived): void {
  const deadlines = new Map(sent.flatMap(({ ids, deadline }) => ids.map((id) => [id, deadline] as const)));
  const most = scenario.batching === false ? Number.POSITIVE_INFINITY : scenario.batching.maxBatchRows;
  for (const { inputs, rows, at } of backend.calls) {
    expect(rows, 'rows of a batch').toBeLessThanOrEqual(most);
    const ids = idsOf(inputs);
    expect(new Set(ids).size, 'a row twice in a batch').toBe(rows);
    for (const id of ids) expect(at, 'a row that was computed too late').toBeLessThan(deadlines.get(id) as number);
  }
  expect(backend.mostInFlight, 'batches at once on a session').toBeLessThanOrEqual(scenario.concurrency);
}

/** After the close nothing is left, and what the runner told adds up with what its callers saw. */
function checkAccounts({ runner, backend, sent, timersLeft, toldAnswered, toldFailed, happened }: Lived): void {
  const { batching, lanes } = runner.describe();
  expect(batching).toMatchObject({ queuedRequests: 0, queuedRows: 0, queuedBytes: 0, batchesInFlight: 0 });
  expect(lanes.slots.map(({ inFlight }) => inFlight)).toEqual(lanes.slots.map(() => 0));
  expect(timersLeft, 'timers left').toBe(0);
  expect(backend.openSessions, 'sessions left').toBe(0);
  expect(backend.closedInFlight, 'sessions closed at work').toBe(0);

  const answered = sent.filter(({ outcome }) => outcome.state === 'resolved');
  // A closed runner turns requests away without a word: it has no listeners any more.
  const failed = sent.filter(({ outcome, afterClose }) => outcome.state === 'rejected' && !afterClose);
  expect(batching.requests, 'requests counted').toBe(answered.length);
  expect(toldAnswered, 'answers told').toBe(answered.length);
  const codes = failed.map(({ outcome }) => (outcome.error as FairleadError).code);
  expect([...toldFailed].sort(), 'failures told').toEqual(codes.sort());
  expect(batching.rows, 'rows counted').toBeGreaterThanOrEqual(answered.reduce((sum, { ids }) => sum + ids.length, 0));
  const left = Object.values(batching.left).reduce((sum, count) => sum + count, 0);
  if (!happened.has('kill') && !happened.has('starve')) expect(left, 'batches that left').toBe(backend.calls.length);
}

/** Lives scenarios of a range and checks all of the above, and `check` beside it. */
async function holds(range: ScenarioRange, numRuns: number, check: (lived: Lived) => void = () => {}): Promise<void> {
  await fc.assert(
    fc.asyncProperty(scenarios(range), async (scenario) => {
      const lived = await live(scenario);
      expect(lived.stuck ?? 0, 'requests that never ended').toBe(0);
      checkRequests(lived);
      checkBatches(lived);
      checkAccounts(lived);
      check(lived);
    }),
    { numRuns },
  );
}

const patienceMs = 120_000;

describe('every request ends exactly once, with its own rows, never after its deadline', () => {
  test(
    'whatever is sent, aborted, poisoned or lost, and however small the queue',
    async () => {
      await holds(everything, 800);
    },
    patienceMs,
  );

  test(
    'also when the runner is closed in the midst of it',
    async () => {
      await holds({ ...everything, close: true }, 400);
    },
    patienceMs,
  );

  test(
    'and where nothing fails and nobody is in a hurry, every one is answered',
    async () => {
      await holds(calm, 100, ({ sent, backend }) => {
        for (const { outcome } of sent) expect(outcome.state).toBe('resolved');
        const computed = backend.calls.flatMap(({ inputs }) => idsOf(inputs));
        expect(
          computed.sort((a, b) => a - b),
          'each row once',
        ).toEqual(sent.flatMap(({ ids }) => ids));
      });
    },
    patienceMs,
  );

  test(
    'and where only the queue is small, those that have a place in it are answered',
    async () => {
      await holds({ ...calm, tightQueue: true }, 100, ({ sent }) => {
        // Beside those that made room for others; what they may fail with was checked already.
        const late = sent.filter(({ outcome, sentAt }) => outcome.state === 'rejected' && outcome.at !== sentAt);
        for (const { outcome } of late) expect((outcome.error as FairleadError).code).toBe('OVERLOADED');
      });
    },
    patienceMs,
  );

  test(
    'and where the runner is closed, what was taken before is answered',
    async () => {
      await holds({ ...calm, close: true }, 100, ({ sent }) => {
        for (const { outcome, afterClose } of sent) expect(outcome.state).toBe(afterClose ? 'rejected' : 'resolved');
      });
    },
    patienceMs,
  );
});
