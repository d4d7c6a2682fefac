import { styleText } from 'node:util';
import type { ServerCheck, ServerReport } from './report';

const marks = { pass: '✓', fail: '✗', skip: '·' } as const;
const colours = { pass: 'green', fail: 'red', skip: 'dim' } as const;

/** A report as a table for a terminal; ends with a line break. */
export function renderServerReport({ url, model, checks }: ServerReport, colour = false): string {
  const paint = (style: 'green' | 'red' | 'dim' | 'bold', text: string): string =>
    colour ? styleText(style, text, { validateStream: false }) : text;
  const width = Math.max(...checks.map(({ name }) => name.length));
  const lines = [paint('bold', `Model "${model}" at ${url}, by the Open Inference Protocol v2`)];
  let group = '';
  for (const check of checks) {
    if (check.group !== group) lines.push('', paint('bold', check.group));
    group = check.group;
    lines.push(
      `  ${paint(colours[check.outcome], marks[check.outcome])} ${check.name.padEnd(width)}  ${remark(check)}`.trimEnd(),
    );
  }
  const count = (outcome: ServerCheck['outcome']): number => checks.filter((each) => each.outcome === outcome).length;
  const verdict = `${count('pass')} hold, ${count('fail')} are broken, ${count('skip')} say nothing here`;
  lines.push('', paint(count('fail') === 0 ? 'green' : 'red', verdict));
  return `${lines.join('\n')}\n`;
}

function remark({ outcome, expected, given }: ServerCheck): string {
  if (outcome === 'pass') return expected;
  if (outcome === 'skip') return given;
  return `expected ${expected}; given ${given}`;
}
