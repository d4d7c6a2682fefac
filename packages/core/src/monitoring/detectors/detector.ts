import { describeValue } from '../../config';
import { FairleadError } from '../../errors';

/** What a detector says after an observation: nothing to see, a change may be coming, a change. */
export type DetectorState = 'ok' | 'warning' | 'drift';

/**
 * A detector of changes in a stream of numbers, which it sees one at a time. It keeps a constant amount of memory and
 * allocates nothing while it observes.
 */
export interface StreamDetector {
  /**
   * Observes one value.
   *
   * @returns the state after it. `drift` lasts for this one observation: the next begins anew.
   * @throws FairleadError `INVALID_INPUT` for a value that the detector cannot take, which changes nothing
   */
  update(value: number): DetectorState;
  /** What the latest `update` returned; `ok` before the first. */
  readonly state: DetectorState;
  /** Forgets all that was observed. */
  reset(): void;
}

/** A detector of changes in a stream of errors: 1 or `true` is an error, 0 or `false` is none. */
export interface BinaryStreamDetector extends StreamDetector {
  update(value: number | boolean): DetectorState;
}

/** Beyond it, the squares that detectors add up could overflow, after which they would never see a change again. */
const largestValue = 1e100;

/**
 * Checks a value of a stream of numbers.
 * @throws FairleadError `INVALID_INPUT`
 */
export function checkValue(owner: string, value: number): void {
  if (typeof value === 'number' && value >= -largestValue && value <= largestValue) return;
  throw invalidValue(
    owner,
    value,
    `a finite number from -${largestValue} to ${largestValue}`,
    'leave such values out, or watch how many there are by a stream of their own',
  );
}

/**
 * A value of a stream of errors, as 0 or 1.
 * @throws FairleadError `INVALID_INPUT`
 */
export function errorOf(owner: string, value: number | boolean): number {
  if (value === 1 || value === true) return 1;
  if (value === 0 || value === false) return 0;
  throw invalidValue(
    owner,
    value,
    '0 or 1, or false or true',
    'say of every prediction whether it was wrong, or use a detector of numbers such as createAdwin',
  );
}

/**
 * A value of a stream of numbers in [0, 1], for detectors whose bounds hold for such alone.
 * @throws FairleadError `INVALID_INPUT`
 */
export function unitValueOf(owner: string, value: number | boolean): number {
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (typeof value === 'number' && value >= 0 && value <= 1) return value;
  throw invalidValue(
    owner,
    value,
    'a number from 0 to 1, or false or true',
    'scale the values by their known range, or use a detector of any numbers such as createAdwin',
  );
}

function invalidValue(owner: string, value: unknown, expected: string, advice: string): FairleadError {
  const given = describeValue(value);
  return new FairleadError(
    'INVALID_INPUT',
    `${owner}: the detector cannot observe this value: expected ${expected}, given ${given}. It has changed nothing; ${advice}.`,
    { details: { field: 'value', expected, given } },
  );
}
