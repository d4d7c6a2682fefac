import type { AlarmTime } from './drift-options';

/** A warning may come this many times as often as an alarm … */
const warningFactor = 10;
/** … but below so many rows, evidence comes and goes all the time; half of an alarm's is enough for a warning in any case. */
const leastWarningRows = 2500;

/** Evidence that raises a warning. */
export function warningLevelOf({ unit, mean }: AlarmTime): number {
  return Math.max(mean / warningFactor, unit === 'rows' ? Math.min(mean / 2, leastWarningRows) : 0);
}

/** 0 for evidence that is less than a single row's. */
export function log10Of(evidence: number): number {
  return Math.log10(Math.max(1, evidence));
}
