/** Bytes of header that a message may fill: clients take 8 KiB for all trailers together, and three of them encode one character. */
const maxCharacters = 1000;

/** A message as a trailer can carry it: of a length that clients take, and without half a character, which cannot be encoded. */
export function wellFormed(text: string): string {
  const short = text.length > maxCharacters ? `${text.slice(0, maxCharacters)}…` : text;
  return Buffer.from(short, 'utf8').toString('utf8');
}
