/** A figure that ECharts draws, as a run kept it. */
export type FigureOption = Readonly<Record<string, unknown>>;

/** The kinds of series that the page can draw. */
const drawn: readonly unknown[] = ['line', 'bar', 'scatter', 'heatmap', 'parallel'];

/** What an option may hold. What is left out either asks for markup (tooltips), opens addresses, or is not part of the page. */
const kept: readonly string[] = [
  'animation',
  'color',
  'dataset',
  'grid',
  'legend',
  'parallel',
  'parallelAxis',
  'series',
  'textStyle',
  'title',
  'visualMap',
  'xAxis',
  'yAxis',
];

function isObject(value: unknown): value is FigureOption {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A copy in which nothing is left that a figure of somebody else could lead a reader away with. */
function harmless(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(harmless);
  if (!isObject(value)) return value;
  const entries = Object.entries(value).filter(([key]) => !['link', 'sublink', 'target', 'tooltip'].includes(key));
  return Object.fromEntries(entries.map(([key, part]) => [key, harmless(part)]));
}

/**
 * The option of a figure as the page draws it; `undefined` for one that it cannot draw, which is then shown as text.
 * @param text JSON
 */
export function parseFigure(text: string): FigureOption | undefined {
  let option: unknown;
  try {
    option = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isObject(option)) return undefined;
  const series = Array.isArray(option.series) ? option.series : [option.series];
  if (series.length === 0 || !series.every((one) => isObject(one) && drawn.includes(one.type))) return undefined;
  return harmless(Object.fromEntries(Object.entries(option).filter(([key]) => kept.includes(key)))) as FigureOption;
}
