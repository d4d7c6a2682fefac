const encoder = new TextEncoder();

/** What may stand in a header as it is, but for the percent sign. */
const plain = /^[\x21-\x24\x26-\x7e]*$/;

/**
 * A text as visible ASCII: all else of it, and percent signs, percent-encoded as UTF-8, so that `decodeURIComponent` reads it. The ids of
 * decisions travel in headers, which a line break in a name would part.
 */
export function printable(text: string): string {
  if (plain.test(text)) return text;
  return text.replace(/[^\x21-\x24\x26-\x7e]+/g, (part) =>
    Array.from(encoder.encode(part), (byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  );
}
