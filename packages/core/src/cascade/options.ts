import * as z from 'zod/mini';
import type { Clock } from '../clock';
import type { EventListeners } from '../events';
import type { Logger } from '../logger';
import type { SampledFailures } from '../resilience/circuit';
import { clockField, listenersField, loggerField } from '../resilience/options';
import type { ModelRunner, Privacy } from '../runner/runner';
import type { AnySignature } from '../signature';
import type { ConfidenceMeasure, ConfidenceRule, RowConfidence } from './confidence';
import type { EscalationBudgetOptions } from './escalation-budget';
import type { CascadeEventMap } from './result';

/** What sends rows to the cloud. */
export interface EscalateOptions {
  /** Rows of which the model on the device is not sure. @default none */
  readonly confidence?: ConfidenceRule;
  /** Requests for which the device is too slow: the cloud is asked beside it, and the first answer counts. @default none */
  readonly latency?: LatencyRule;
  /** Whether the cloud is asked when the device fails. @default true */
  readonly failure?: boolean;
}

/** When the cloud is asked beside a device that has not answered. */
export interface LatencyRule {
  /**
   * Milliseconds after which the device counts as too slow, 0 or more; `learned`: those within which nine in ten of its
   * answers came so far. Where its usual time is past them, or past the request's deadline, the cloud is asked at once.
   */
  readonly hedgeAfterMs: number | 'learned';
}

/** When a cloud that fails is left alone. */
export interface CloudCircuitOptions {
  /** So many failures in a row (1 or more), or a share of the last requests. @default 3 */
  readonly failures?: number | SampledFailures;
  /** Milliseconds until one request may try again. More than 0. @default 10000 */
  readonly halfOpenAfterMs?: number;
}

/** Options of {@link cascade}. */
export interface CascadeOptions<S extends AnySignature = AnySignature> {
  /** The runner on the device. */
  readonly edge: ModelRunner<S>;
  /**
   * The runner in the cloud, or a function that connects to it, called when a row is first escalated and again after it
   * failed: with `() => remote({ … })` a page starts without a network. Not needed under `privacy: 'local-only'`.
   */
  readonly cloud?: ModelRunner<S> | (() => ModelRunner<S> | Promise<ModelRunner<S>>);
  readonly escalate?: EscalateOptions;
  /** How much may be escalated; when it is spent the device's answer stands. @default no bound */
  readonly budget?: EscalationBudgetOptions;
  /**
   * `local-only`: nothing ever leaves the device. The cascade then keeps no reference to `cloud`: it is neither asked,
   * connected to, nor closed. A single request can ask for it by its own `privacy`.
   * @default 'cloud-allowed'
   */
  readonly privacy?: Privacy;
  /** Milliseconds that the cloud may take before the device's answer stands. More than 0. @default 2000 */
  readonly cloudTimeoutMs?: number;
  readonly circuit?: CloudCircuitOptions;
  /** Listeners, attached before anything can happen. */
  readonly on?: EventListeners<CascadeEventMap>;
  /** Is warned when the cloud keeps failing and nobody listens to `cloud-open`. @default the console */
  readonly logger?: Logger;
  /** Where time comes from; that of both runners. @default the clock of the process */
  readonly clock?: Clock;
}

/** Whether a value is a runner, as far as can be seen. */
export const isRunner = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && typeof (value as Partial<ModelRunner>).run === 'function';

const measures: readonly ConfidenceMeasure[] = ['max-probability', 'margin', 'entropy'];

const isMeasure = (value: unknown): boolean =>
  typeof value === 'function' || measures.includes(value as ConfidenceMeasure);

/** A way to measure confidence, as an option. */
export const measureField = z.optional(
  z.custom<ConfidenceMeasure | RowConfidence>(
    isMeasure,
    '"max-probability", "margin", "entropy" or a function of a row\'s outputs',
  ),
);

export const scoresField = z.optional(z.enum(['probabilities', 'logits']));

const confidenceSchema = z.strictObject({
  threshold: z.number(),
  measure: measureField,
  output: z.optional(z.string()),
  scores: scoresField,
  temperature: z.optional(z.number().check(z.gt(0))),
});

const isLearnedOrMs = (value: unknown): boolean => value === 'learned' || (typeof value === 'number' && value >= 0);

const isFailures = (value: unknown): boolean => {
  if (typeof value === 'number') return Number.isInteger(value) && value >= 1;
  if (typeof value !== 'object' || value === null) return false;
  const { share, windowRequests: window, minimumRequests: minimum = window } = value as Partial<SampledFailures>;
  const isCount = (count: unknown): count is number => Number.isInteger(count) && (count as number) >= 1;
  if (!isCount(window) || window > 100_000 || !isCount(minimum) || minimum > window) return false;
  return typeof share === 'number' && share > 0 && share < 1;
};

/** The options apart from the cloud, which is looked at only where it may be touched. */
export const cascadeSchema = z.strictObject({
  edge: z.custom<ModelRunner>(isRunner, 'a runner'),
  escalate: z._default(
    z.strictObject({
      confidence: z.optional(confidenceSchema),
      latency: z.optional(
        z.strictObject({
          hedgeAfterMs: z.custom<number | 'learned'>(isLearnedOrMs, 'milliseconds, 0 or more, or "learned"'),
        }),
      ),
      failure: z._default(z.boolean(), true),
    }),
    { failure: true },
  ),
  budget: z.optional(
    z.strictObject({
      share: z.optional(z.number().check(z.gte(0), z.lte(1))),
      rowsPerMinute: z.optional(z.number().check(z.gte(0))),
      burst: z.optional(z.int().check(z.gte(1))),
    }),
  ),
  privacy: z._default(z.enum(['local-only', 'cloud-allowed']), 'cloud-allowed'),
  // A timer of the platform holds 31 bits.
  cloudTimeoutMs: z._default(z.number().check(z.gt(0), z.lte(2 ** 31 - 1)), 2000),
  circuit: z._default(
    z.strictObject({
      failures: z._default(
        z.custom<number | SampledFailures>(
          isFailures,
          'failures in a row (1 or more), or { share, windowRequests, minimumRequests }',
        ),
        3,
      ),
      halfOpenAfterMs: z._default(z.number().check(z.gt(0)), 10_000),
    }),
    { failures: 3, halfOpenAfterMs: 10_000 },
  ),
  on: listenersField<CascadeEventMap>(),
  logger: loggerField,
  clock: clockField,
});

/** A source of the cloud, as an option. */
export function isCloudSource(value: unknown): boolean {
  return typeof value === 'function' || isRunner(value);
}
