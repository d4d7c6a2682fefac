import { FairleadError } from '../errors';
import type { ReportOptions, ReportSections } from './sections';

const mostCharts = 100;

/** Options with their defaults. */
interface CheckedOptions {
  readonly title: string | undefined;
  readonly generatedAtMs: number;
  readonly charts: number;
}

/**
 * Checks what a page is made from.
 * @throws FairleadError `INVALID_ARGUMENT`
 */
export function checkReportOptions(sections: ReportSections, options: ReportOptions): CheckedOptions {
  const given: Partial<Record<keyof ReportSections, unknown>> = sections;
  checkFields('sections', given, ['drift', 'quality', 'performance', 'rollouts', 'alerts']);
  const { drift, quality, performance, rollouts, alerts } = given;
  check(
    drift === undefined || (isObject(drift) && isObject(drift.history) && isObject(drift.bins)),
    'drift',
    'what report({ format: "full" }) of a drift monitor gives',
    drift,
  );
  check(
    quality === undefined || (isObject(quality) && Array.isArray(quality.checks)),
    'quality',
    'what report() of a quality monitor gives',
    quality,
  );
  check(
    performance === undefined || (isObject(performance) && Array.isArray(performance.metrics)),
    'performance',
    'an object with metrics, a list',
    performance,
  );
  check(
    rollouts === undefined || (Array.isArray(rollouts) && rollouts.every(isRollout)),
    'rollouts',
    'a list of what describe() of a rollout gives',
    rollouts,
  );
  check(alerts === undefined || Array.isArray(alerts), 'alerts', 'a list', alerts);
  checkFields('options', options, ['title', 'generatedAtMs', 'charts']);
  const { title, generatedAtMs = Date.now(), charts = 24 } = options;
  check(title === undefined || typeof title === 'string', 'title', 'a text', title);
  check(Number.isFinite(generatedAtMs), 'generatedAtMs', 'milliseconds since 1970-01-01 UTC', generatedAtMs);
  const isCount = Number.isInteger(charts) && charts >= 0 && charts <= mostCharts;
  check(isCount, 'charts', `a whole number from 0 to ${mostCharts}`, charts);
  return { title, generatedAtMs, charts };
}

function checkFields(what: string, value: object, known: readonly string[]): void {
  check(isObject(value), what, 'an object', value);
  for (const field of Object.keys(value)) check(known.includes(field), field, `one of ${known.join(', ')}`, field);
}

function isRollout(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { arms, history, trail, shadows, degraded, weights } = value;
  return isObject(weights) && [arms, history, trail, shadows, degraded].every(Array.isArray);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function check(holds: boolean, field: string, expected: string, given: unknown): asserts holds {
  if (holds) return;
  const words = isObject(given) ? (Array.isArray(given) ? 'a list' : 'an object') : String(given);
  throw new FairleadError('INVALID_ARGUMENT', `${field}: expected ${expected}, given ${words}.`, {
    details: { field, expected, given: words },
  });
}
