import { meetsGoal } from './goal';
import type { Result } from './suite';

/** A result with a goal says whether it meets it. */
export interface JudgedResult extends Result {
  readonly met?: boolean;
}

/** The results, each with whether its goal is met, and the names of those that miss theirs. */
export function judge(results: readonly Result[]): {
  readonly results: readonly JudgedResult[];
  readonly missed: readonly string[];
} {
  const judged = results.map((result) =>
    result.goal === undefined ? result : { ...result, met: meetsGoal(result.value, result.goal) },
  );
  return { results: judged, missed: judged.filter((result) => isMissed(result)).map(({ name }) => name) };
}

/** The results as an aligned table: name, value with its unit, goal, and whether it is met; then how many are. */
export function formatTable(suite: string, results: readonly Result[]): string {
  const judged = judge(results).results;
  const rows = judged.map((result) => [
    result.name,
    shown(result, formatNumber(result.value)),
    result.unit,
    result.goal ?? '',
    result.met === undefined ? '' : result.met ? '✓ met' : `✗ missed${remarkOf(result)}`,
  ]);
  const header = [suite, 'value', 'unit', 'goal', ''];
  // What is said of a miss is a sentence: it makes no column wider.
  const widths = header.map((title, column) =>
    column === 4 ? '✗ missed'.length : Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (column === 1 ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd();
  const rule = widths.map((width) => '─'.repeat(width)).join('  ');
  return [line(header), rule.trimEnd(), ...rows.map(line), ...summaryOf(judged)].join('\n');
}

/** The results as a table in Markdown, as the files in `benchmarks/results/` have it; then how many goals are met. */
export function formatMarkdown(results: readonly Result[]): string {
  const judged = judge(results).results;
  const rows = judged.map((result) => {
    const { name, value, unit, goal = '' } = result;
    const missed = isMissed(result) ? ` **missed**${remarkOf(result)}` : '';
    const number = Math.abs(value) >= 1000 ? Math.round(value).toLocaleString('en-US') : formatNumber(value);
    return `| ${name} | ${shown(result, number)}${unit === 'ratio' ? '' : ` ${unit}`} | ${goal}${missed} |`;
  });
  return ['| Measured | Value | Goal |', '|---|---|---|', ...rows, ...summaryOf(judged)].join('\n');
}

/** Three significant digits, and whole numbers from 1000 on: `0.962`, `18.4`, `123456`. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  return Math.abs(value) >= 1000 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}

function isMissed({ met }: JudgedResult): boolean {
  return met === false;
}

function shown({ standardError }: Result, number: string): string {
  return standardError === undefined ? number : `${number} ± ${Number(standardError.toPrecision(2))}`;
}

function remarkOf({ remark }: Result): string {
  return remark === undefined ? '' : `: ${remark}`;
}

/** A line that counts the goals, after an empty one; nothing where there are none. */
function summaryOf(results: readonly JudgedResult[]): readonly string[] {
  const held = results.filter(({ goal }) => goal !== undefined);
  if (held.length === 0) return [];
  const met = held.filter((result) => !isMissed(result)).length;
  return ['', `${met} of ${held.length} goals met.`];
}
