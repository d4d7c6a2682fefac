import type { SyncProgress, SyncReport } from '../sync/sync-report';
import type { CommandIo } from './command';
import { countOf, formatBytes } from './format-bytes';

/** Milliseconds between two changes of a line on a terminal, and between two lines elsewhere. */
const changeMs = 100;
const lineMs = 10_000;
/** Columns of a line on a terminal, so that it never wraps; and how wide its bar is. */
const mostColumns = 79;
const barColumns = 20;

/** Shows how far a copy has come. */
export interface CopyProgressView {
  show(progress: SyncProgress): void;
  /** Takes the line away again. */
  end(): void;
}

/** How much has arrived. */
function amounts({ points, artifacts, bytes }: Pick<SyncProgress, 'points' | 'artifacts' | 'bytes'>): string {
  const files = artifacts === 0 ? [] : [`${countOf(artifacts, 'artifact')} of ${formatBytes(bytes)}`];
  return [countOf(points, 'point'), ...files].join(', ');
}

function bar(done: number, total: number): string {
  const filled = total === 0 ? barColumns : Math.floor((done / total) * barColumns);
  return '█'.repeat(filled) + '░'.repeat(barColumns - filled);
}

/** No name of a run may say anything to a terminal. */
function plain(text: string): string {
  return text.replace(/\p{C}/gu, '?');
}

/**
 * Shows progress: one line that changes on a terminal, a plain line now and then elsewhere.
 * @param now epoch milliseconds
 */
export function createCopyProgress({ stdout }: Pick<CommandIo, 'stdout'>, now: () => number): CopyProgressView {
  let shownAt = stdout.isTTY === true ? Number.NEGATIVE_INFINITY : now();
  let isOpen = false;
  return {
    show(progress) {
      const { done, total, run } = progress;
      const at = now();
      const isDue = at - shownAt >= (stdout.isTTY === true ? changeMs : lineMs);
      if (!isDue && !(stdout.isTTY === true && done === total)) return;
      shownAt = at;
      if (stdout.isTTY !== true) {
        stdout.write(`${done} of ${countOf(total, 'run')}: ${amounts(progress)} so far\n`);
        return;
      }
      isOpen = true;
      const line = `${bar(done, total)} ${done}/${total}  ${amounts(progress)}  ${plain(run.name)}`;
      const columns = [...line];
      const shown = columns.length > mostColumns ? `${columns.slice(0, mostColumns - 1).join('')}…` : line;
      stdout.write(`\r\u001b[2K${shown}`);
    },
    end() {
      if (isOpen) stdout.write('\r\u001b[2K');
      isOpen = false;
    },
  };
}

/** What a copy came to, in words; failures first. */
export function reportLines(report: SyncReport, verb: string): string {
  const failures = report.failed.map(({ id, error }) => `${id} failed: ${error.message}\n`).join('');
  const rest = report.unchanged === 0 ? '' : `, ${report.unchanged} had nothing new`;
  const lost = report.failed.length === 0 ? '' : `, ${report.failed.length} failed; the next time goes on from there`;
  return `${failures}${countOf(report.runs, 'run')} ${verb} (${amounts(report)})${rest}${lost}.\n`;
}
