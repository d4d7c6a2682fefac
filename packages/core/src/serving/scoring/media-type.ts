/** A media type with its parameters, all in lower case but the values. */
export interface MediaType {
  /** For example `text/csv`; '' where the header is missing. */
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
}

/** Reads a header content-type. */
export function parseMediaType(header: string | null | undefined): MediaType {
  const [type = '', ...rest] = (header ?? '').split(';').map((part) => part.trim());
  const parameters = new Map<string, string>();
  for (const part of rest) {
    const [name = '', value = ''] = part.split('=', 2);
    if (part !== '') parameters.set(name.trim().toLowerCase(), value.trim().replace(/^"(.*)"$/, '$1'));
  }
  return { type: type.toLowerCase(), parameters };
}

/** More ranges than any client names. */
const maxRanges = 32;

/**
 * Chooses by a header accept what to answer with.
 *
 * @param offered media types, the preferred one first
 * @returns the offered type that the client likes best; undefined when it takes none of them
 */
export function chooseMediaType<T extends string>(
  header: string | null | undefined,
  offered: readonly T[],
): T | undefined {
  const text = header ?? '';
  if (text.trim() === '') return offered[0];
  const ranges = text.split(',', maxRanges).map(parseMediaType);
  let best: T | undefined;
  let bestWeight = 0;
  for (const type of offered) {
    const weight = weightOf(type, ranges);
    if (weight > bestWeight) [best, bestWeight] = [type, weight];
  }
  return best;
}

/** The weight of the range that fits best: the type itself before its family before everything. */
function weightOf(type: string, ranges: readonly MediaType[]): number {
  const family = `${type.slice(0, type.indexOf('/'))}/*`;
  for (const pattern of [type, family, '*/*']) {
    const range = ranges.find((each) => each.type === pattern);
    if (range !== undefined) return qualityOf(range.parameters.get('q'));
  }
  return 0;
}

function qualityOf(text: string | undefined): number {
  if (text === undefined) return 1;
  return /^[01](\.\d{0,3})?$/.test(text) ? Number(text) : 0;
}
