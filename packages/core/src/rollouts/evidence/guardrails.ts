import { checkOptions, type OptionCheck, test as passing, wholeNumber } from '../../option-checks';
import { type Block, championArm, type Guardrail } from '../contracts';
import { createSharedQuantile } from './shared-quantile';

const share = passing((value) => typeof value === 'number' && value >= 0 && value < 1, '0 or more, less than 1');
const positive = passing((value) => typeof value === 'number' && value > 0 && value < Infinity, 'a number above 0');
const notNegative = passing((value) => typeof value === 'number' && value >= 0 && value < Infinity, '0 or more');
const twoBounds: OptionCheck = passing(
  (value) =>
    Array.isArray(value) && value.length === 2 && value.every((bound) => Number.isFinite(bound)) && value[0] < value[1],
  'two finite numbers, the lower first',
);

/** Options of {@link errorsGuardrail}. */
export interface ErrorsGuardrailOptions {
  /** What share of its requests a challenger may fail beyond what its control does. 0 or more, less than 1. @default 0.01 */
  readonly margin?: number;
}

/**
 * Guards the share of requests that fail: of every block, failed requests by requests.
 * @throws FairleadError `INVALID_OPTION`
 */
export function errorsGuardrail(options: ErrorsGuardrailOptions = {}): Guardrail {
  checkOptions('errorsGuardrail', options, { margin: share });
  return {
    name: 'errors',
    harmfulWhen: 'higher',
    margin: options.margin ?? 0.01,
    bounds: [0, 1],
    measure: ({ requests, failedRequests }) => (requests === 0 ? undefined : failedRequests / requests),
  };
}

/** Options of {@link latencyGuardrail}. */
export interface LatencyGuardrailOptions {
  /** What counts as slow, in milliseconds. Above 0. @default the `quantile` of what the control took lately */
  readonly slowMs?: number;
  /** Without `slowMs`: slow is what takes longer than this quantile of the control's requests. Above 0, below 1. @default 0.95 */
  readonly quantile?: number;
  /** Without `slowMs`: of how many of the control's last requests the quantile is taken. 100 or more. @default 1000 */
  readonly window?: number;
  /** What share of its requests may be slow beyond what its control has. 0 or more, less than 1. @default 0.02 */
  readonly margin?: number;
}

/** Requests of the control that are needed before there is a quantile to speak of. */
const leastLatencies = 100;

/**
 * Guards a quantile of latencies by the share of requests that are slower than a line: above the control's 95th percentile lie 5 % of
 * its own requests, and if the challenger has 10 % there, its 95th percentile is higher. The line is drawn from what the control took
 * before the pair of blocks in question, so that it is the same for both and known beforehand. Until 100 requests of the control have been
 * compared in this process, it is the quantile of those that were in all replicas, to 5 %; where they are fewer than 100 too, blocks say
 * nothing. Failed requests have no latency: they are the errors' guardrail's.
 *
 * It remembers, so make one for each rollout. Ask it for the challenger's block of a pair first, then for the control's.
 *
 * (A quantile exceeds a line where the share above the line does: Howard and Ramdas, "Sequential estimation of quantiles with
 * applications to A/B testing and best-arm identification", 2022, section 2.)
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function latencyGuardrail(options: LatencyGuardrailOptions = {}): Guardrail {
  checkOptions('latencyGuardrail', options, {
    slowMs: positive,
    quantile: passing((value) => typeof value === 'number' && value > 0 && value < 1, 'above 0, below 1'),
    window: wholeNumber(leastLatencies),
    margin: share,
  });
  const { slowMs, quantile = 0.95, window = 1000, margin = 0.02 } = options;
  const running = createSharedQuantile(quantile, window, leastLatencies);
  return {
    name: 'latency',
    harmfulWhen: 'higher',
    margin,
    bounds: [0, 1],
    measure({ arm, latenciesMs }) {
      const line = slowMs ?? running.value;
      if (slowMs === undefined && arm === championArm) running.add(latenciesMs);
      if (line === undefined || latenciesMs.length === 0) return undefined;
      let slow = 0;
      for (const latency of latenciesMs) if (latency > line) slow++;
      return slow / latenciesMs.length;
    },
    ...(slowMs === undefined ? { shared: running.shared } : {}),
  };
}

/** Options of {@link driftGuardrail}. */
export interface DriftGuardrailOptions {
  /** What share of the watched features may be in alarm beyond the control's. 0 or more, less than 1. @default 0.1 */
  readonly margin?: number;
  /**
   * How far apart, in milliseconds, two blocks are that count as two pieces of evidence: at least as long as the monitor's window, since an alarm
   * lasts as long as what raised it is in there. Above 0. @default 60_000
   */
  readonly windowMs?: number;
}

/**
 * Guards the state of drift: the share of features in alarm at the end of a block. An alarm that lasts is one piece of evidence and not
 * one a block, nor one a replica, so of the blocks of all replicas within `windowMs` one pair of each challenger counts.
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function driftGuardrail(options: DriftGuardrailOptions = {}): Guardrail {
  checkOptions('driftGuardrail', options, { margin: share, windowMs: positive });
  const { margin = 0.1, windowMs = 60_000 } = options;
  return {
    name: 'drift',
    needs: 'driftOf',
    harmfulWhen: 'higher',
    margin,
    bounds: [0, 1],
    windowMs,
    measure: ({ driftState }) => driftState,
  };
}

/** Options of {@link costGuardrail} and {@link rewardGuardrail}. */
export interface BoundedGuardrailOptions {
  /** Another name than `cost` or `reward`, where there are several. */
  readonly name?: string;
  /**
   * Least and greatest value of a request, in the user's unit; what lies outside is taken for the nearer one. The closer they
   * lie, the sooner there is enough evidence to promote.
   */
  readonly bounds: readonly [least: number, greatest: number];
  /** What the challenger's mean may be worse by, in the user's unit. 0 or more, less than the range of the bounds. @default 0 */
  readonly margin?: number;
}

/**
 * Guards what a request costs: of every block, its cost by its requests.
 * @throws FairleadError `INVALID_OPTION`
 */
export function costGuardrail(options: BoundedGuardrailOptions): Guardrail {
  return bounded(
    'costGuardrail',
    { name: 'cost', harmfulWhen: 'higher', needs: 'costOf' },
    options,
    ({ cost, requests }) => (cost === undefined || requests === 0 ? undefined : cost / requests),
  );
}

/**
 * Guards rewards: of every block, the mean of those that came. A block without one says nothing, since a reward that is missing is
 * not a reward of zero.
 * @throws FairleadError `INVALID_OPTION`
 */
export function rewardGuardrail(options: BoundedGuardrailOptions): Guardrail {
  return bounded(
    'rewardGuardrail',
    { name: 'reward', harmfulWhen: 'lower', needs: 'rewards' },
    options,
    ({ rewards }) =>
      rewards === undefined || rewards.length === 0
        ? undefined
        : rewards.reduce((sum, reward) => sum + reward, 0) / rewards.length,
  );
}

function bounded(
  owner: string,
  usual: Required<Pick<Guardrail, 'name' | 'harmfulWhen' | 'needs'>>,
  options: BoundedGuardrailOptions,
  measure: (block: Block) => number | undefined,
): Guardrail {
  const checks = {
    name: passing((value) => typeof value === 'string' && value !== '', 'a name'),
    bounds: twoBounds,
    margin: notNegative,
  };
  checkOptions(owner, options, checks, ['bounds']);
  const { name = usual.name, bounds, margin = 0 } = options;
  checkOptions(
    owner,
    { margin },
    {
      margin: passing(
        (value) => Number(value) < bounds[1] - bounds[0],
        `less than ${bounds[1] - bounds[0]}, the range of its bounds`,
      ),
    },
  );
  return { ...usual, name, margin, bounds, measure };
}
