import { describeValue } from '../config';
import { FairleadError } from '../errors';

/** The value of each label of a series, by label name. An empty string is the same as an absent label. */
export type Labels<L extends string = string> = Readonly<Record<L, string>>;

const special = /[\\\n"\ud800-\udfff]/;
const loneSurrogate = /\p{Surrogate}/gu;
const replacements: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '"': '\\"' };

/** Escapes `\`, line feed and `"`, and makes text that has no UTF-8 form well-formed (U+FFFD for a lone surrogate). */
export function escapeText(text: string): string {
  if (!special.test(text)) return text;
  return text.replace(loneSurrogate, '\ufffd').replace(/[\\\n"]/g, (character) => replacements[character] ?? character);
}

/** The same without `"`, which the parsers of text format 0.0.4 refuse to see escaped in a HELP line. */
export function escapeHelp004(text: string): string {
  return text.replace(loneSurrogate, '\ufffd').replace(/[\\\n]/g, (character) => replacements[character] ?? character);
}

/**
 * The labels of a series as they stand between braces, in the order of `names`, empty ones dropped. Escaping makes the
 * text unambiguous, so it identifies the series too.
 * @throws FairleadError `INVALID_ARGUMENT` for a missing or unknown label, or a value that is no string
 */
export function labelBlock(owner: string, names: readonly string[], labels: Readonly<Record<string, unknown>>): string {
  let block = '';
  for (const name of names) {
    const value = labels[name];
    if (typeof value !== 'string') throw wrongLabel(owner, name, 'a string', describeValue(value));
    if (value !== '') block += `${block === '' ? '' : ','}${name}="${escapeText(value)}"`;
  }
  const given = Object.keys(labels);
  if (given.length !== names.length) {
    const unknown = given.find((name) => !names.includes(name)) ?? '';
    const expected = names.length === 0 ? 'no labels' : `only the labels ${names.join(', ')}`;
    throw wrongLabel(owner, unknown, expected, `the label "${unknown}"`);
  }
  return block;
}

function wrongLabel(owner: string, name: string, expected: string, given: string): FairleadError {
  return new FairleadError(
    'INVALID_ARGUMENT',
    `${owner}: label "${name}" is wrong: expected ${expected}, given ${given}.`,
    {
      details: { field: name, expected, given },
    },
  );
}

/** Adds one more label to a block; `value` must be escaped. */
export function withLabel(block: string, name: string, value: string): string {
  return `${block}${block === '' ? '' : ','}${name}="${value}"`;
}

/** A sample's name and labels, and the space before its value. */
export function sampleStart(name: string, block: string): string {
  return block === '' ? `${name} ` : `${name}{${block}} `;
}

/** The `_created` line after the value before it, or only the line feed where the time is not known. */
export function createdLine(start: string, created: number | undefined): string {
  return created === undefined ? '\n' : `\n${start}${formatValue(created)}\n`;
}

/** A sample's value. */
export function formatValue(value: number): string {
  if (Number.isFinite(value)) return `${value}`;
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
}

/**
 * A bucket's bound in the canonical form of OpenMetrics 1.0 ("Considerations: Canonical Numbers"): a whole number keeps
 * `.0`, an exponent has two digits and starts at 1e+06 and 1e-05. Two processes that share a bound write the same label.
 */
export function canonicalNumber(value: number): string {
  if (!Number.isFinite(value)) return formatValue(value);
  if (value === 0) return '0.0';
  const [mantissa = '', exponentText = '0'] = value.toExponential().split('e');
  const exponent = Number(exponentText);
  if (exponent >= -4 && exponent < 6) {
    const plain = `${value}`;
    return plain.includes('.') ? plain : `${plain}.0`;
  }
  return `${mantissa}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
}
