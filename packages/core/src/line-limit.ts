import type { Clock } from './clock';

/** Options of {@link createLineLimit}. */
export interface LineLimitOptions {
  readonly clock: Clock;
  /** Lines of one kind within a window. */
  readonly maxLines: number;
  /** Told when a window is over in which lines of a kind were left out. */
  readonly onSuppressed: (kind: string, count: number, windowMs: number) => void;
}

/** Keeps a log from growing as fast as what it tells of happens. */
export interface LineLimit {
  /** Whether a line of that kind may be written now; one that may not is counted. */
  admits(kind: string): boolean;
}

const windowMs = 10_000;

interface Window {
  lines: number;
  suppressed: number;
}

/**
 * Bounds lines by kind, within windows that begin with the first line of a kind. Kinds must be few, such as codes. What was left out is told
 * when its window is over, so nothing is dropped without a word.
 */
export function createLineLimit({ clock, maxLines, onSuppressed }: LineLimitOptions): LineLimit {
  const windows = new Map<string, Window>();
  return {
    admits(kind) {
      let window = windows.get(kind);
      if (window === undefined) {
        const opened: Window = { lines: 0, suppressed: 0 };
        window = opened;
        windows.set(kind, window);
        clock.setTimer(() => {
          windows.delete(kind);
          if (opened.suppressed > 0) onSuppressed(kind, opened.suppressed, windowMs);
        }, windowMs);
      }
      if (window.lines < maxLines) {
        window.lines++;
        return true;
      }
      window.suppressed++;
      return false;
    },
  };
}
