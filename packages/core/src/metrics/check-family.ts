import { FairleadError } from '../errors';
import { checkBuckets, checkQuantiles, checkStates } from './names';
import { type FamilySnapshot, fromJsonNumber, type SeriesSnapshot } from './snapshot';

// Wider than what a registry takes: other libraries have colons, and underscores before a name.
const legalName = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const legalLabel = /^(?!__)[a-zA-Z_][a-zA-Z0-9_]*$/;

/**
 * Checks that a family which came from elsewhere can be written, so that it does not spoil the exposition of all others.
 * @param owner who reads it, and `advice` what to do next, for the message
 * @param path where it stands, for the name of the field: empty, or such as `families.0.`
 * @throws FairleadError `INVALID_ARGUMENT`
 */
export function checkFamily(family: FamilySnapshot, owner: string, advice: string, path = ''): void {
  const { name, type, unit, labels, buckets = [], quantiles = [], states = [] } = family;
  const fail = (field: string, expected: string, given: string): never => {
    throw new FairleadError(
      'INVALID_ARGUMENT',
      `${owner}: "${path}${field}" of ${type} ${JSON.stringify(name)} is wrong: expected ${expected}, given ${given}. ${advice}`,
      { details: { field: `${path}${field}`, expected, given } },
    );
  };

  if (!legalName.test(name))
    fail('name', 'letters, digits, underscores and colons, no digit first', JSON.stringify(name));
  if (type === 'stateset' && !legalLabel.test(name)) {
    fail('name', 'what can be a label too: no colon, no two underscores first', JSON.stringify(name));
  }
  const takesUnit = type !== 'info' && type !== 'stateset';
  if (unit !== '' && !(takesUnit && legalName.test(unit) && name.endsWith(`_${unit}`))) {
    fail('unit', takesUnit ? 'what the name ends with, or nothing' : 'no unit', JSON.stringify(unit));
  }
  const reserved = reservedLabelOf(family);
  for (const [index, label] of labels.entries()) {
    const isFree = label !== reserved && labels.indexOf(label) === index;
    if (isFree && legalLabel.test(label)) continue;
    const expected = 'letters, digits and underscores, no digit and no two underscores first, each label once';
    fail(`labels.${index}`, `${expected}${reserved === undefined ? '' : `, not "${reserved}"`}`, JSON.stringify(label));
  }
  try {
    checkBuckets(name, buckets);
    checkQuantiles(name, quantiles);
    checkStates(name, states);
  } catch (error) {
    if (!FairleadError.isInstance(error)) throw error;
    const { field, expected, given } = error.details as { field: string; expected: string; given: string };
    fail(field, expected, given);
  }
  const wrong = family.series.findIndex((values) => !isWhole(family, values));
  if (wrong >= 0) {
    const expected = `the values of a ${type} with ${labels.length} labels, counts being whole numbers of 0 or more`;
    fail(`series.${wrong}`, expected, 'others');
  }
}

/** The label that a family writes itself. */
function reservedLabelOf({ type, name }: FamilySnapshot): string | undefined {
  if (type === 'histogram' || type === 'gaugehistogram') return 'le';
  if (type === 'summary') return 'quantile';
  return type === 'stateset' ? name : undefined;
}

function isCount(value: number | undefined): boolean {
  return Number.isInteger(value) && (value as number) >= 0;
}

/** Whether a series brings what its type needs, beside its labels. */
function isWhole(family: FamilySnapshot, values: SeriesSnapshot): boolean {
  if (values.labels.length !== family.labels.length) return false;
  switch (family.type) {
    case 'counter':
      return fromJsonNumber(values.value) >= 0;
    case 'gauge':
      return values.value !== undefined;
    case 'histogram':
    case 'gaugehistogram': {
      const buckets = (family.buckets?.length ?? 0) + 1;
      return values.sum !== undefined && values.counts?.length === buckets && values.counts.every(isCount);
    }
    case 'summary':
      return values.sum !== undefined && isCount(values.count) && (values.bins ?? []).length % 2 === 0;
    case 'stateset':
      return values.state !== undefined && family.states?.includes(values.state) === true;
    case 'info':
      return true;
  }
}
