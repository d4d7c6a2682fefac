import * as z from 'zod/mini';
import { parseOptions } from '../config';
import { deadlineOf } from '../deadline';
import { FairleadError, messageOf, throwIfAborted } from '../errors';
import { createEvents, type Events } from '../events';
import { isLocalOnly } from '../privacy';
import { DurationEstimate } from '../resilience/duration-estimate';
import { createPending, stageAround, withDeadline } from '../resilience/stage';
import { watchEnding } from '../resilience/started-run';
import { byName, compileDoor } from '../runner/door';
import { labelOf } from '../runner/model-info';
import type { ModelRunner, RunnerHealth, RunOptions } from '../runner/runner';
import type { AnySignature, InputsOf } from '../signature';
import { createCloudSide } from './cloud-side';
import { type ConfidenceRule, compileJudge } from './confidence';
import { describeRules } from './describe-rules';
import { EscalationBudget, type EscalationBudgetOptions } from './escalation-budget';
import { type CascadeOptions, cascadeSchema, isCloudSource } from './options';
import { answerRequest, type CascadeParts, type CascadeRequest } from './request';
import {
  type CascadeDescription,
  type CascadeEventMap,
  type CascadeResult,
  type CascadeStats,
  type CascadeTrace,
  cloudReasons,
  edgeReasons,
} from './result';
import { copyTensors } from './rows';

/** A runner on the device and one in the cloud as one. */
export interface CascadeRunner<S extends AnySignature = AnySignature> extends ModelRunner<S> {
  run(inputs: InputsOf<S>, options?: RunOptions): Promise<CascadeResult<S>>;
  readonly cascadeEvents: Events<CascadeEventMap>;
  cascadeStats(): CascadeStats;
  describe(): CascadeDescription;
}

const cloudField = z.strictObject({
  cloud: z.custom<NonNullable<CascadeOptions['cloud']>>(isCloudSource, 'a runner, or a function that connects to one'),
});

/**
 * Answers on the device first, and asks the cloud for what the device should not answer alone: rows of which it is not
 * sure, requests for which it is too slow, requests at which it failed. Every answer says of each row where it was computed
 * and why (`result.cascade`).
 *
 * Of a request of several rows only those that need it go to the cloud, the least sure first while the budget lasts, and the
 * answer is joined again in their order. That takes a batch axis of 0; without one a request is one row. When the cloud
 * cannot be had, by budget, circuit breaker, time or failure, the device's answer stands. A request never waits for the
 * cloud longer than `cloudTimeoutMs`, nor past a moment before its deadline.
 *
 * Where both fail, the device's error stands, and listeners of `cloud-fail` have the other. Requests for the confidence rule
 * to judge must have scores: see {@link ConfidenceRule}.
 *
 * `privacy: 'local-only'`, here or for one request, is a hard stop: such a request holds no reference to the cloud at all.
 *
 * `signature`, `model`, `loaded` and `events` are the device's. Inputs are copied where the cloud may be asked. Closing
 * waits for requests under way, then closes both runners. It is ready when the device is, or when it may ask the cloud for
 * what the device fails at.
 *
 * @throws FairleadError `INVALID_OPTION`; `SIGNATURE_MISMATCH` when the two are not interchangeable. Its `run` rejects with
 * what the runner on the device does, `OUTPUT_INVALID` where its scores are none, and `INVALID_ARGUMENT` for another
 * `privacy`
 */
export function cascade<S extends AnySignature>(options: CascadeOptions<S>): CascadeRunner<S> {
  // Inside, signatures are data: the type parameter speaks to the caller alone.
  return createCascade(options as unknown as CascadeOptions) as unknown as CascadeRunner<S>;
}

function createCascade(options: CascadeOptions): CascadeRunner {
  const { cloud: source, ...others } = options ?? {};
  const settings = parseOptions(cascadeSchema, others, 'cascade');
  const { edge, escalate, privacy, cloudTimeoutMs, circuit, clock, logger } = settings;
  const { signature } = edge;
  const hasRows = signature.batchAxis === 0;
  const localOnly = privacy === 'local-only';
  const rule = escalate.confidence as ConfidenceRule | undefined;
  const judge = rule === undefined ? undefined : compileJudge(rule, signature, 'cascade');
  const cascadeEvents = createEvents<CascadeEventMap>(logger, settings.on);
  const door = compileDoor(signature);
  const pending = createPending();
  const edgeDuration = new DurationEstimate();
  const budget =
    settings.budget === undefined ? undefined : budgetOf(settings.budget as EscalationBudgetOptions, clock.now());
  const rowCounts = { edge: zeros(edgeReasons), cloud: zeros(cloudReasons) };
  const counts = { requests: 0, failures: 0, sentRows: 0, cloudFailures: 0, hedges: 0 };

  const cloudFailed = (error: unknown, rows: number): void => {
    counts.cloudFailures++;
    cascadeEvents.emit('cloud-fail', { error, rows });
  };
  // Under local-only nothing of the cloud is looked at, kept, or reachable from what follows.
  const cloud = localOnly
    ? undefined
    : createCloudSide(parseOptions(cloudField, { cloud: source }, 'cascade').cloud, {
        signature,
        timeoutMs: cloudTimeoutMs,
        failures: circuit.failures,
        halfOpenAfterMs: circuit.halfOpenAfterMs,
        clock,
        onFail: cloudFailed,
        onOpen(error) {
          if (cascadeEvents.listenerCount('cloud-open') === 0) {
            const message = `The cloud keeps failing: ${messageOf(error)} ${labelOf(edge.model)} answers alone for ${circuit.halfOpenAfterMs} ms.`;
            logger.warn({ error }, message);
          }
          cascadeEvents.emit('cloud-open', { error, retryAfterMs: circuit.halfOpenAfterMs });
        },
        onClose: (openMs) => cascadeEvents.emit('cloud-close', { openMs }),
      });

  const parts: CascadeParts = {
    edge,
    signature,
    hasRows,
    clock,
    budget,
    confidence: judge === undefined || rule === undefined ? undefined : { judge, threshold: rule.threshold },
    escalatesFailures: escalate.failure,
    hedgeAfterMs(deadline) {
      if (escalate.latency === undefined) return undefined;
      const { hedgeAfterMs } = escalate.latency;
      const { meanMs } = edgeDuration;
      const learnedMs = meanMs === undefined ? Number.POSITIVE_INFINITY : edgeDuration.mostMs;
      const afterMs = hedgeAfterMs === 'learned' ? learnedMs : hedgeAfterMs;
      const tooLong = Math.min(afterMs, deadline - clock.now());
      if (meanMs !== undefined && meanMs > tooLong) return { afterMs: 0, why: 'edge-predicted-slow' };
      return afterMs === Number.POSITIVE_INFINITY ? undefined : { afterMs, why: 'edge-slow' };
    },
    onEdge(tookMs, answered) {
      // What was overtaken would have taken longer still, which says something only where it already took long.
      if (answered || tookMs > (edgeDuration.meanMs ?? 0)) edgeDuration.add(tookMs);
    },
    onEscalate(rows, why, hedge) {
      counts.sentRows += rows;
      if (hedge) counts.hedges++;
      cascadeEvents.emit('rows-escalate', { rows, why });
    },
    onStay: (rows, why) => cascadeEvents.emit('escalation-refuse', { rows, why }),
    onCloudUnusable: cloudFailed,
  };

  const count = (trace: CascadeTrace): void => {
    for (const { where, why } of trace.rows) {
      const counted = rowCounts[where] as Record<string, number>;
      counted[why] = (counted[why] ?? 0) + 1;
    }
    cascadeEvents.emit('request-answer', trace);
  };

  const run = async (given: InputsOf, runOptions: RunOptions): Promise<CascadeResult> => {
    const calledAt = clock.now();
    const deadline = deadlineOf(runOptions, clock);
    const reachable = isLocalOnly(runOptions.privacy) ? undefined : cloud;
    const { rows: admittedRows, tensors } = door(given);
    const { signal } = runOptions;
    throwIfAborted(signal, 'The request');
    const named = byName(signature.inputs, tensors);
    const rows = hasRows ? admittedRows : 1;
    budget?.addRows(rows);
    const request: CascadeRequest = {
      inputs: reachable === undefined ? named : copyTensors(named),
      rows,
      options: withDeadline(runOptions, deadline),
      deadline,
      calledAt,
      cloud: reachable,
      started: [],
      ended: false,
    };
    const giveUp = (): void => {
      request.ended = true;
      for (const each of request.started) each.cancel();
    };
    const ending = watchEnding(signal, deadline, clock, giveUp);
    try {
      const result = await Promise.race([answerRequest(parts, request), ending.cut]);
      count(result.cascade);
      return result;
    } finally {
      ending.release();
      giveUp();
    }
  };

  const stage = stageAround(edge, {
    name: 'a cascade',
    async run(inputs, runOptions) {
      counts.requests++;
      pending.enter();
      try {
        return await run(inputs, runOptions);
      } catch (error) {
        counts.failures++;
        throw error;
      } finally {
        pending.leave();
      }
    },
    drain: pending.drained,
    async release() {
      cascadeEvents.clear();
      await cloud?.close();
    },
  });

  const edgeHealth = stage.health;
  const health = (): RunnerHealth => {
    const onDevice = (edgeHealth as NonNullable<typeof edgeHealth>)();
    const canAsk = cloud !== undefined && escalate.failure && cloud.retryAfterMs === 0;
    if (onDevice.ready || onDevice.status === 'closed' || !canAsk) return onDevice;
    return {
      ...onDevice,
      status: 'degraded',
      ready: true,
      reasons: [...onDevice.reasons, 'The cloud is asked in its place.'],
    };
  };

  return Object.assign(stage as CascadeRunner, {
    ...(edgeHealth === undefined ? {} : { health }),
    cascadeEvents,
    cascadeStats: (): CascadeStats => ({
      ...counts,
      rows: { edge: { ...rowCounts.edge }, cloud: { ...rowCounts.cloud } },
    }),
    describe: (): CascadeDescription => ({
      privacy,
      edge: edge.model,
      cloud: cloud === undefined ? 'none' : (cloud.model ?? 'not connected'),
      circuit: cloud?.circuit ?? 'closed',
      cloudRetryAfterMs: cloud?.retryAfterMs ?? 0,
      rules: localOnly ? ['nothing leaves the device'] : describeRules(escalate as CascadeOptions['escalate']),
      budget: budget?.available(clock.now()) ?? 'unlimited',
      edgeMs: edgeDuration.mostMs,
      cloudMs: cloud?.mostMs ?? 0,
    }),
  });
}

function budgetOf(options: EscalationBudgetOptions, now: number): EscalationBudget {
  if (options.share === undefined && options.rowsPerMinute === undefined) {
    const expected = '"share", "rowsPerMinute" or both';
    throw new FairleadError(
      'INVALID_OPTION',
      `cascade: option "budget" is wrong: expected ${expected}, given neither.`,
      {
        details: { field: 'budget', expected, given: 'neither' },
      },
    );
  }
  return new EscalationBudget(options, now);
}

function zeros<K extends string>(keys: readonly K[]): Record<K, number> {
  return Object.fromEntries(keys.map((key) => [key, 0])) as Record<K, number>;
}
