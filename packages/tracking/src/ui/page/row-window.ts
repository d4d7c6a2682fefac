import type { RefObject } from 'preact';
import { useEffect, useState } from 'preact/hooks';

/** Tables of up to so many rows are drawn whole: there a browser's own search finds everything. */
const wholeUpTo = 300;
/** Rows that are drawn beyond what is seen, above and below. */
const margin = 40;
/** The window moves by so many rows at a time, so that not every step of the wheel draws anew. */
const stride = 20;
/** Until rows have been measured, in pixels. */
const usualHeight = 50;

/** The rows of a long table that are drawn. */
export interface RowWindow {
  /** Index of the first one. */
  readonly from: number;
  /** Index behind the last one. */
  readonly to: number;
  /** Pixels that the rows before and behind them take. */
  readonly before: number;
  readonly behind: number;
  /** Makes a row one of those that are drawn. */
  readonly include: (index: number) => void;
}

/** Where a window of rows begins so that it holds the row at `first`, on a raster. */
function startAt(first: number): number {
  return Math.max(0, Math.floor((first - margin) / stride) * stride);
}

/** Keeps the window of a table's rows at what is seen of it. Rows are taken to be of one height. */
export function useRowWindow(body: RefObject<HTMLTableSectionElement | null>, count: number): RowWindow {
  const [{ from, seen, height }, setState] = useState({ from: 0, seen: 20, height: usualHeight });
  const isLong = count > wholeUpTo;
  useEffect(() => {
    if (!isLong) return;
    let frame = 0;
    const look = (): void => {
      frame = 0;
      const section = body.current;
      const row = section?.querySelector<HTMLElement>('tr[aria-rowindex]');
      if (!section || !row) return;
      const measured = row.getBoundingClientRect().height || usualHeight;
      const hidden = -section.getBoundingClientRect().top / measured;
      const next = { from: startAt(hidden), seen: Math.ceil(innerHeight / measured), height: measured };
      setState((old) =>
        old.from === next.from && old.seen === next.seen && Math.abs(old.height - next.height) < 0.5 ? old : next,
      );
    };
    const onScroll = (): void => {
      frame ||= requestAnimationFrame(look);
    };
    addEventListener('scroll', onScroll, { passive: true });
    addEventListener('resize', onScroll);
    look();
    return () => {
      cancelAnimationFrame(frame);
      removeEventListener('scroll', onScroll);
      removeEventListener('resize', onScroll);
    };
  }, [body, isLong, count]);
  if (!isLong) return { from: 0, to: count, before: 0, behind: 0, include: () => {} };
  const first = Math.min(from, startAt(count));
  const last = Math.min(count, first + seen + 2 * margin + stride);
  return {
    from: first,
    to: last,
    before: first * height,
    behind: (count - last) * height,
    include: (index) => {
      if (index < first || index >= last) setState((old) => ({ ...old, from: startAt(index) }));
    },
  };
}
