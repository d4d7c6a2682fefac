import type { ComparedMetric, RunComparison } from './compare-runs';

const maxCell = 32;
const gap = '  ';

type Line = readonly string[];

/** A text for a terminal: nothing in it that could move the cursor or colour the screen, and not too long. */
function cell(value: unknown): string {
  if (value === undefined) return '–';
  const text = Object.is(value, -0) ? '-0' : String(value);
  const plain = [...text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\uFFFD')];
  return plain.length > maxCell ? `${plain.slice(0, maxCell - 1).join('')}…` : plain.join('');
}

interface Section {
  readonly title: string;
  readonly lines: readonly Line[];
}

function section(title: string, things: readonly { label: string; values: readonly unknown[] }[]): Section {
  return { title, lines: things.map(({ label, values }) => [cell(label), ...values.map(cell)]) };
}

/** What differs in one part, and what agrees in another, where one value says it all. */
function halves(
  noun: string,
  things: readonly { readonly label: string; readonly values: readonly unknown[]; readonly differs: boolean }[],
): Section[] {
  return [
    section(
      `${noun} that differ`,
      things.filter(({ differs }) => differs),
    ),
    section(
      `${noun} that agree`,
      things.filter(({ differs }) => !differs).map(({ label, values }) => ({ label, values: values.slice(0, 1) })),
    ),
  ];
}

const byKey = <T extends { readonly key: string }>(things: readonly T[]) =>
  things.map((thing) => ({ ...thing, label: thing.key }));

function metricLines(metric: ComparedMetric): Line[] {
  const { key, direction, last, min, max, best } = metric;
  const label = direction === undefined ? key : `${key} (${direction})`;
  return [
    [cell(label), ...last.map((value, index) => `${cell(value)}${best.includes(index) ? ' *' : ''}`)],
    ['  min', ...min.map(cell)],
    ['  max', ...max.map(cell)],
  ];
}

function moment(epochMs: number | undefined): string | undefined {
  // Beyond what a date can be, a number says more than an error.
  if (epochMs === undefined || Math.abs(epochMs) > 8.64e15) return epochMs === undefined ? undefined : String(epochMs);
  return new Date(epochMs).toISOString().slice(0, 19).replace('T', ' ');
}

/**
 * A comparison as a table for a terminal, one column a run; times are UTC, `*` marks the best of a metric that has a
 * direction, and `–` stands where a run has nothing.
 */
export function formatComparison(comparison: RunComparison): string {
  const { runs, params, metrics, tags, datasets, environment } = comparison;
  const sections: Section[] = [
    section('', [
      { label: 'name', values: runs.map(({ name }) => name) },
      { label: 'run', values: runs.map(({ id }) => id) },
      { label: 'experiment', values: runs.map(({ experiment }) => experiment) },
      { label: 'status', values: runs.map(({ status }) => status) },
      { label: 'started', values: runs.map(({ startedAt }) => moment(startedAt)) },
      { label: 'ended', values: runs.map(({ endedAt }) => moment(endedAt)) },
    ]),
    { title: 'Metrics', lines: metrics.flatMap(metricLines) },
    ...halves('Parameters', byKey(params)),
    ...halves(
      'Datasets',
      datasets.map(({ name, context, ...rest }) => ({
        ...rest,
        label: context === undefined ? name : `${name} (${context})`,
      })),
    ),
    ...halves('Tags', byKey(tags)),
    section('Environment that differs', byKey(environment.filter(({ differs }) => differs))),
  ].filter(({ lines }) => lines.length > 0);
  const all = sections.flatMap(({ lines }) => lines);
  const widths = Array.from({ length: runs.length + 1 }, (_, column) =>
    Math.max(...all.map((line) => [...(line[column] ?? '')].length)),
  );
  const print = (line: Line): string =>
    line
      .map((text, column) => text + ' '.repeat(Math.max(0, (widths[column] as number) - [...text].length)))
      .join(gap)
      .trimEnd();
  return sections
    .map(({ title, lines }) =>
      [...(title === '' ? [] : [title]), ...lines.map((line) => `${gap}${print(line)}`)].join('\n'),
    )
    .join('\n\n');
}
