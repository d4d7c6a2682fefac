/** One entry of a header such as `Accept` or `Accept-Encoding`, in lower case. */
export interface WeightedEntry {
  /** What is wanted: `gzip`, `text/plain`, `*`. */
  readonly token: string;
  /** Parameters by name, without `q`. */
  readonly parameters: Readonly<Record<string, string>>;
  /** How much it is wanted, from 0 to 1. A weight that is none counts as 0. */
  readonly quality: number;
}

/** Longest header that is read; Prometheus sends about 400 characters. */
const maxChars = 8192;

/** Reads the entries of a header that weighs them by `q` (RFC 9110, section 12.4.2). */
export function parseWeightedList(header: string | null | undefined): WeightedEntry[] {
  return (header ?? '').slice(0, maxChars).split(',').map(parseEntry);
}

function parseEntry(entry: string): WeightedEntry {
  const [token = '', ...rest] = entry.split(';').map((part) => part.trim().toLowerCase());
  const pairs = rest.map((part) => {
    const [name = '', ...value] = part.split('=');
    return [
      name.trim(),
      value
        .join('=')
        .trim()
        .replace(/^"(.*)"$/, '$1'),
    ] as const;
  });
  // The first of two parameters of one name counts.
  const { q = '1', ...parameters } = Object.fromEntries(pairs.toReversed());
  const quality = q === '' ? Number.NaN : Number(q);
  return { token, parameters, quality: quality >= 0 && quality <= 1 ? quality : 0 };
}
