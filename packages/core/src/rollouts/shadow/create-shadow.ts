import type { ClockTimer } from '../../clock';
import { messageOf } from '../../errors';
import { createEvents } from '../../events';
import { closeable } from '../../lifecycle';
import { codeOf } from '../../resilience/remedies';
import { keepInputs } from '../../resilience/stage';
import { checkInterchangeable, labelOf } from '../../runner/model-info';
import type { ComputedBatch, ModelRunner, RunOptions, RunResult } from '../../runner/runner';
import type { AnySignature, InputsOf } from '../../signature';
import type { Tensors } from '../../tensor/tensor';
import { createKeyHash } from '../assignment/hash';
import { type CompareOutputsOptions, compareOutputs } from '../compare/compare-outputs';
import { createOutputAgreement } from '../compare/output-agreement';
import { championArm, type Tally } from '../contracts';
import { mergeTallies } from '../evidence/tally';
import type { SharedObservations } from '../observer';
import { bytesOf, copyOutputs } from './copies';
import { createMoments } from './moments';
import { parseShadowOptions, type ShadowOptions } from './options';
import { createRunSizes } from './run-sizes';
import type { Shadow } from './shadow';
import type { ShadowEventMap } from './shadow-events';
import { createTimeBudget } from './time-budget';
import { createTraffic } from './traffic';

interface Sample {
  readonly decisionId: string;
  readonly inputs: InputsOf;
  readonly options: RunOptions;
  readonly bytes: number;
  readonly askedAt: number;
  reference?: Tensors;
}

/** Milliseconds in which requests of a run are gathered. */
const gatherMs = 100;
/** The champion is taken to need so many times what it did of late. */
const caution = 2;
/** Milliseconds without mirroring after the champion refused a request. */
const restMs = 1000;

const overloads: ReadonlySet<string | undefined> = new Set(['OVERLOADED', 'DEADLINE_EXCEEDED']);

/**
 * Lets a model answer some of the champion's requests without anybody hearing of it, and compares its answers with the champion's.
 *
 * - Callers never wait for it, and what it fails at fails nobody.
 * - Requests are copied when they come, as many as are to wait for it, and the champion's answers when they go out; so neither
 *   the callers' arrays nor the views that they get are kept.
 * - It runs at the lowest priority, in runs that its share of the time pays for: the mean over time stays within `timeShare`.
 * - It keeps out of the way: a run begins when the last request under way has its answer, and is of the size that brings most
 *   comparisons for each request that it meets, by what lulls and runs took of late: over before the next request comes where it can be.
 *   `overlapShare` bounds how many requests meet it: a share of less than one per cent is beyond the 99th percentile.
 * - It is shed first: while requests wait for the champion nothing is run, and where the champion refuses one, none is copied
 *   for a second.
 * - `local-only` requests stay so.
 *
 * A shadow that computes in the thread of its callers blocks them for a batch, whatever its budget: give it a lane of its own
 * (`lanes: 1`), or a remote runner. Closing it waits for a run under way; runners stay open.
 *
 * @throws FairleadError `INVALID_OPTION`, `SIGNATURE_MISMATCH` where the shadow cannot take the champion's place
 */
export function createShadow<S extends AnySignature = AnySignature>(options: ShadowOptions<S>): Shadow {
  const settings = parseShadowOptions(options);
  const { champion, shadow, budget: limits, noiseEvery, timeoutMs, alpha, clock, logger } = settings;
  const compare = settings.compare as CompareOutputsOptions;
  checkInterchangeable(champion.signature, shadow.signature);
  const events = createEvents<ShadowEventMap>(logger, settings.on);
  const agreement = createOutputAgreement({ alpha });
  const budget = createTimeBudget(limits.timeShare, clock);
  const traffic = createTraffic(limits.overlapShare, clock);
  const sizes = createRunSizes(limits.maxRequests);
  const startedAt = clock.now();
  const waiting = new Map<string, Sample>();
  const shed = { full: 0, bytes: 0, busy: 0, unanswered: 0, refused: 0 };
  const counts = { requests: 0, mirrored: 0, comparisons: 0, noiseComparisons: 0, failures: 0, postponed: 0 };
  const ready: Sample[] = [];
  let bytes = 0;
  let restUntil = Number.NEGATIVE_INFINITY;
  let tally: Tally = {};
  /** What the rollout has not taken yet, and what all of its replicas gave. */
  let untaken: Tally = {};
  let known: Tally = {};
  let lastError: string | undefined;
  let round: Promise<void> | undefined;
  let playing: readonly Sample[] = [];
  let lastLagMs = 0;
  /** What the champion takes for one request that nobody waits for, of late; not known at first. */
  let championMs = Number.POSITIVE_INFINITY;
  let timer: ClockTimer | undefined;
  let closed = false;

  const shared: SharedObservations = {
    name: `shadow ${createKeyHash('shadow')(`${labelOf(champion.model)} ${labelOf(shadow.model)}`).toString(36)}`,
    take() {
      const taken = untaken;
      untaken = {};
      return Object.keys(taken).length === 0 ? undefined : taken;
    },
    setKnown(sum) {
      known = sum;
    },
    restart() {
      untaken = {};
      known = {};
    },
  };
  const moments = createMoments({
    clock,
    traffic,
    isBusy: () => (champion.health?.().queue.requests ?? 0) > 0 || restUntil > clock.now(),
    onPostpone: () => void counts.postponed++,
  });

  const drop = (sample: Sample): void => {
    waiting.delete(sample.decisionId);
    bytes -= sample.bytes;
  };

  const onRequest = (
    { decisionId, answeredBy }: Parameters<NonNullable<Shadow['onRequest']>>[0],
    inputs: InputsOf,
    given: RunOptions,
  ): void => {
    counts.requests++;
    traffic.onStart();
    if (closed) return;
    if (answeredBy !== championArm) {
      shed.unanswered++;
    } else if (waiting.size + ready.length >= limits.maxRequests) {
      shed.full++;
    } else if (restUntil > clock.now()) {
      shed.busy++;
    } else {
      // The answer is copied too, and is taken for as large as the inputs.
      const size = 2 * bytesOf(inputs);
      if (bytes + size > limits.maxBytes) {
        shed.bytes++;
        return;
      }
      const { privacy } = given;
      const kept: RunOptions = { priority: 'low', timeoutMs, ...(privacy === undefined ? {} : { privacy }) };
      waiting.set(decisionId, {
        decisionId,
        inputs: keepInputs(inputs),
        options: kept,
        bytes: size,
        askedAt: clock.now(),
      });
      bytes += size;
      counts.mirrored++;
    }
  };

  const onEnd = (): void => {
    traffic.onEnd();
    moments.onEnd();
  };

  const onAnswer = (
    { decisionId, answeredBy }: { decisionId: string; answeredBy: string },
    answer: RunResult,
  ): void => {
    onEnd();
    const sample = waiting.get(decisionId);
    if (sample === undefined) return;
    waiting.delete(decisionId);
    if (closed || answeredBy !== championArm) {
      bytes -= sample.bytes;
      shed.unanswered++;
      return;
    }
    sample.reference = copyOutputs(answer.outputs as Tensors);
    ready.push(sample);
    schedule();
  };

  const onFailure = ({ decisionId, answeredBy }: { decisionId: string; answeredBy: string }, error: unknown): void => {
    onEnd();
    if (answeredBy === championArm && overloads.has(codeOf(error))) restUntil = clock.now() + restMs;
    const sample = waiting.get(decisionId);
    if (sample === undefined) return;
    drop(sample);
    shed.unanswered++;
  };

  const schedule = (): void => {
    if (closed || timer !== undefined || round !== undefined || ready.length === 0) return;
    timer = clock.setTimer(begin, Math.max(gatherMs, budget.waitMs));
  };

  const begin = (): void => {
    timer = undefined;
    if (budget.isOpen && traffic.isOpen) {
      round = play().finally(() => {
        round = undefined;
        schedule();
      });
    } else {
      schedule();
    }
  };

  /** One run: all at once, so that they may share batches, then one comparison after another, each in a turn of its own. */
  const play = async (): Promise<void> => {
    if (!(await moments.next())) return;
    // A run that begins beside requests meets them whatever its size.
    const samples = ready.splice(0, sizes.next(traffic.metWithin));
    playing = samples;
    const began = clock.now();
    const answers = await asked(shadow, samples);
    sizes.note(samples.length, clock.now() - began);
    for (const [index, sample] of samples.entries()) {
      const answer = answers[index];
      if (answer === undefined) continue;
      if (answer.status === 'rejected') failed(sample, answer.reason);
      else if ((await compared(sample, 'challenger', answer.value)) && isNoiseDue()) await compareChampion(sample);
    }
    playing = [];
    for (const sample of samples) bytes -= sample.bytes;
  };

  const isNoiseDue = (): boolean => noiseEvery > 0 && (counts.comparisons - 1) % noiseEvery === 0;

  /**
   * The champion's own noise. Best in the lull of the run, where that is long enough: it brings the champion's weights back into the cache,
   * which the shadow's have taken, before the next caller needs them.
   */
  const compareChampion = async (sample: Sample): Promise<void> => {
    if (!moments.isFree(caution * championMs) && !(await moments.next())) return;
    const began = clock.now();
    const [answer] = await asked(champion, [sample]);
    const tookMs = clock.now() - began;
    championMs = Number.isFinite(championMs) ? (championMs + tookMs) / 2 : tookMs;
    // What the champion fails at here says nothing about the shadow.
    if (answer?.status === 'fulfilled') await compared(sample, 'champion', answer.value);
  };

  /** Asks at once for all, and pays for it. */
  const asked = async (
    runner: ModelRunner,
    samples: readonly Sample[],
  ): Promise<readonly PromiseSettledResult<RunResult>[]> => {
    const began = clock.now();
    traffic.beginRun();
    // In functions of their own, so that a runner that throws rejects instead.
    const answers = await Promise.allSettled(samples.map(async ({ inputs, options }) => runner.run(inputs, options)));
    traffic.endRun();
    budget.spend(costOf(answers, clock.now() - began));
    return answers;
  };

  const compared = async (sample: Sample, against: 'challenger' | 'champion', answer: RunResult): Promise<boolean> => {
    await new Promise<void>((resolve) => clock.defer(resolve));
    const began = clock.now();
    try {
      const comparison = compareOutputs(sample.reference ?? {}, answer.outputs as Tensors, compare);
      tally = agreement.observe(tally, against, comparison);
      untaken = agreement.observe(untaken, against, comparison);
      if (against === 'challenger') {
        untaken = mergeTallies(untaken, { comparisons: 1 });
        counts.comparisons++;
        lastLagMs = clock.now() - sample.askedAt;
      } else {
        counts.noiseComparisons++;
      }
      events.emit('shadow-comparison', { decisionId: sample.decisionId, against, comparison });
      return true;
    } catch (error) {
      failed(sample, error);
      return false;
    } finally {
      budget.spend(clock.now() - began);
    }
  };

  const failed = ({ decisionId }: Sample, error: unknown): void => {
    if (codeOf(error) === 'OVERLOADED') {
      shed.refused++;
      return;
    }
    counts.failures++;
    lastError = messageOf(error);
    events.emit('shadow-fail', { decisionId, error });
  };

  return {
    shadowEvents: events,
    onRequest,
    onAnswer,
    onFailure,
    get tally() {
      return tally;
    },
    shared,
    describe() {
      const all = mergeTallies(known, untaken);
      return {
        model: shadow.model,
        comparisons: Number(all.comparisons ?? 0),
        disagreements: agreement.assess(all),
        ...(lastError === undefined ? {} : { lastError }),
      };
    },
    stats() {
      const { overlapped } = traffic;
      const { spentMs } = budget;
      const now = clock.now();
      const elapsedMs = now - startedAt;
      const timeShare = elapsedMs > 0 ? spentMs / elapsedMs : 0;
      const [oldest] = playing.length > 0 ? playing : ready.length > 0 ? ready : waiting.values();
      return {
        ...counts,
        shed: { ...shed },
        overlapped,
        overlapShare: counts.requests > 0 ? overlapped / counts.requests : 0,
        waiting: waiting.size + ready.length + playing.length,
        lagMs: Math.max(lastLagMs, oldest === undefined ? 0 : now - oldest.askedAt),
        spentMs,
        timeShare,
        budgetUsed: timeShare / limits.timeShare,
      };
    },
    ...closeable(async () => {
      closed = true;
      timer?.clear();
      moments.close();
      await round;
      waiting.clear();
      ready.length = 0;
      events.clear();
    }),
  };
}

/** Milliseconds that were computed: of each batch once; where a runner does not tell, all the time that it took. */
function costOf(answers: readonly PromiseSettledResult<RunResult>[], tookMs: number): number {
  const batches = new Set<ComputedBatch>();
  for (const answer of answers) {
    if (answer.status === 'rejected') continue;
    const computed = answer.value.timing.batches;
    if (computed === undefined) return tookMs;
    for (const batch of computed) batches.add(batch);
  }
  if (batches.size === 0) return tookMs;
  return [...batches].reduce((sum, { computeMs }) => sum + computeMs, 0);
}
