/*
 * SQL's LIKE without regular expressions: the time is at most the length of the text times that of the pattern, whatever
 * both hold.
 */

/** Longest pattern of LIKE and ILIKE, in UTF-16 units. */
export const maxPatternLength = 1000;

/** How many units the character at a place takes: two for a pair of surrogates. */
function widthAt(text: string, at: number): number {
  return (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
}

/**
 * A test for a pattern, in which `%` stands for any characters or none and `_` for exactly one; everything else stands
 * for itself, and nothing can be escaped.
 *
 * @param ignoreCase compares without regard to capitals
 */
export function compileLike(pattern: string, ignoreCase: boolean): (text: string) => boolean {
  const wanted = ignoreCase ? pattern.toLowerCase() : pattern;
  const fold = (text: string): string => (ignoreCase ? text.toLowerCase() : text);
  if (!/[%_]/.test(wanted)) return (text) => fold(text) === wanted;
  return (text) => matches(fold(text), wanted);
}

function matches(text: string, pattern: string): boolean {
  let t = 0;
  let p = 0;
  // Where the last `%` stands, and up to where it reaches so far.
  let star = -1;
  let reach = 0;
  while (t < text.length) {
    if (pattern[p] === '%') {
      star = p++;
      reach = t;
    } else if (pattern[p] === '_') {
      p++;
      t += widthAt(text, t);
    } else if (p < pattern.length && pattern[p] === text[t]) {
      p++;
      t++;
    } else if (star >= 0) {
      reach += widthAt(text, reach);
      t = reach;
      p = star + 1;
    } else return false;
  }
  while (pattern[p] === '%') p++;
  return p === pattern.length;
}
