/** What texts meant that were read before: a few, of which some may have a gap where something else stands each time. */
export interface KnownTexts<T> {
  /**
   * What is known of the text `bytes` without what lies in `[from, to)`; undefined where nothing is.
   */
  find(bytes: Uint8Array, from: number, to: number): T | undefined;
  /** Remembers it, unless it is long, or none of those before came again. */
  remember(bytes: Uint8Array, from: number, to: number, value: T): void;
}

interface Known<T> {
  readonly text: Uint8Array;
  /** Where its gap is. */
  readonly gapAt: number;
  readonly value: T;
}

/** Texts that are remembered, and bytes that one may have. */
const [mostKnown, longestKnown] = [8, 1024];
/** Texts in a row that are remembered without one of them coming again; and those after them that are not. */
const [mostInVain, pauseTexts] = [32, 1024];

/** Remembers the texts that came last. Where none comes again, as of a client that numbers them, it stops for a while. */
export function createKnownTexts<T>(): KnownTexts<T> {
  const known: Known<T>[] = [];
  let oldest = 0;
  let inVain = 0;
  let paused = 0;

  return {
    find(bytes, from, to) {
      for (const each of known) {
        if (each.gapAt !== from || !isText(each.text, bytes, from, to)) continue;
        inVain = 0;
        return each.value;
      }
      return undefined;
    },
    remember(bytes, from, to, value) {
      if (bytes.length - (to - from) > longestKnown) return;
      if (inVain === mostInVain) {
        known.length = 0;
        if (++paused < pauseTexts) return;
        paused = 0;
        inVain = 0;
      }
      inVain++;
      const text = new Uint8Array(bytes.length - (to - from));
      text.set(bytes.subarray(0, from));
      text.set(bytes.subarray(to), from);
      const made = { text, gapAt: from, value };
      if (known.length < mostKnown) known.push(made);
      else known[oldest++ % mostKnown] = made;
    },
  };
}

function isText(text: Uint8Array, bytes: Uint8Array, from: number, to: number): boolean {
  const gap = to - from;
  if (text.length !== bytes.length - gap) return false;
  for (let index = 0; index < from; index++) if (text[index] !== bytes[index]) return false;
  for (let index = from; index < text.length; index++) if (text[index] !== bytes[index + gap]) return false;
  return true;
}
