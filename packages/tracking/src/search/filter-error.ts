import { describeValue, FairleadError } from '@fairlead/core';

const shownBefore = 50;
const shownAfter = 30;

/** The line of a text around a place, and below it a caret that points there. */
function caretLines(text: string, position: number): string {
  const from = Math.max(0, position - shownBefore);
  const to = Math.min(text.length, position + shownAfter);
  const head = from > 0 ? '…' : '';
  // One character each, so that the caret stands where it should.
  const line = text.slice(from, to).replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, ' ');
  return `  ${head}${line}${to < text.length ? '…' : ''}\n  ${' '.repeat(head.length + position - from)}^`;
}

/**
 * The error for a text that cannot be parsed: `INVALID_ARGUMENT` that names the place, what was expected there and what
 * stands there.
 *
 * @param field the option that the text came in, such as `filter`
 * @param position where, in UTF-16 units from the start of the text
 */
export function syntaxError(
  field: string,
  text: string,
  position: number,
  expected: string,
  given: string,
): FairleadError {
  const message = `${field}: expected ${expected}, given ${given} at character ${position + 1}.`;
  return new FairleadError('INVALID_ARGUMENT', `${message}\n${caretLines(text, position)}`, {
    details: { field, expected, given, position },
  });
}

/** The error for a tree that is no filter. @param field where in the tree, such as `filter.terms[1].value` */
export function nodeError(field: string, expected: string, given: unknown): FairleadError {
  const shown = describeValue(given);
  return new FairleadError('INVALID_ARGUMENT', `${field}: expected ${expected}, given ${shown}.`, {
    details: { field, expected, given: shown },
  });
}
