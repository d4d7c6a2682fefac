import { meetsGoal } from './goal';
import type { Result } from './suite';

/** The results as an aligned table: name, value with its unit, goal, and whether it is met. */
export function formatTable(suite: string, results: readonly Result[]): string {
  const rows = results.map((result) => [
    result.name,
    formatNumber(result.value),
    result.unit,
    result.goal ?? '',
    result.goal === undefined ? '' : meetsGoal(result.value, result.goal) ? '✓ met' : '✗ missed',
  ]);
  const header = [suite, 'value', 'unit', 'goal', ''];
  const widths = header.map((title, column) =>
    Math.max(...[header, ...rows].map((row) => (row[column] ?? title).length)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (column === 1 ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd();
  return [
    line(header),
    widths
      .map((width) => '─'.repeat(width))
      .join('  ')
      .trimEnd(),
    ...rows.map(line),
  ].join('\n');
}

/** The results as a table in Markdown, as the files in `benchmarks/results/` have it. */
export function formatMarkdown(results: readonly Result[]): string {
  const rows = results.map(({ name, value, unit, goal }) => {
    const missed = goal !== undefined && !meetsGoal(value, goal) ? ' **missed**' : '';
    const number = Math.abs(value) >= 1000 ? Math.round(value).toLocaleString('en-US') : formatNumber(value);
    return `| ${name} | ${number}${unit === 'ratio' ? '' : ` ${unit}`} | ${goal ?? ''}${missed} |`;
  });
  return ['| Measured | Value | Goal |', '|---|---|---|', ...rows].join('\n');
}

/** Three significant digits, and whole numbers from 1000 on: `0.962`, `18.4`, `123456`. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  return Math.abs(value) >= 1000 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}
