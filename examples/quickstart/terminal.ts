import { styleText } from 'node:util';

const colours = process.stdout.isTTY === true && process.env.NO_COLOR === undefined;
const barWidth = 28;

function paint(format: Parameters<typeof styleText>[0], text: string): string {
  return colours ? styleText(format, text) : text;
}

/** Text that matters. */
export const strong = (text: string): string => paint('bold', text);
/** Text that explains. */
export const faint = (text: string): string => paint('dim', text);
/** A result that is as it should be. */
export const good = (text: string): string => paint('green', text);
/** A result that asks for attention. */
export const alert = (text: string): string => paint('yellow', text);

/** A heading for a step. */
export function heading(number: number, title: string): void {
  console.log(`\n${paint(['bold', 'cyan'], `${number}  ${title}`)}`);
}

/** One line of a result: a label and what it says. */
export function line(label: string, text: string): void {
  console.log(`   ${faint(label.padEnd(18))} ${text}`);
}

/** A number with thousands set apart: `1,234,567`. */
export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** Milliseconds, with as many digits as matter: `0.42 ms`. */
export function ms(value: number): string {
  return `${value < 10 ? value.toFixed(2) : value.toFixed(0)} ms`;
}

/** A share as a percentage: `98.7 %`. */
export function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

/** A progress bar on a terminal; nothing where the output goes to a file. */
export interface ProgressBar {
  /** @param share 0 to 1 */
  update(share: number): void;
  /** Takes the bar away. */
  end(): void;
}

/** Draws a progress bar that redraws at most ten times a second. */
export function progressBar(label: string): ProgressBar {
  if (process.stdout.isTTY !== true) return { update() {}, end() {} };
  let drawnAt = 0;
  return {
    update(share) {
      const now = performance.now();
      if (now - drawnAt < 100) return;
      drawnAt = now;
      const filled = Math.round(Math.min(1, share) * barWidth);
      const bar = `${'█'.repeat(filled)}${faint('░'.repeat(barWidth - filled))}`;
      process.stdout.write(`\r   ${faint(label.padEnd(18))} ${bar} ${percent(Math.min(1, share))} `);
    },
    end: () => void process.stdout.write('\r\x1b[K'),
  };
}
