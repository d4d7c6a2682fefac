import type { Drawing, Point } from './strokes';

/** What happened to a sketch: the pen moved on the paper, left it, or ink was taken away. */
export type SketchChange = 'ink' | 'lift' | 'undo' | 'clear';

/** A drawing that grows. Whatever draws, a pointer or the keyboard, draws into one of these. */
export interface Sketch {
  readonly drawing: Drawing;
  /** Whether the pen is on the paper. */
  readonly penDown: boolean;
  /** Puts the pen on the paper; lifts it first where it is there already. */
  begin(point: Point): void;
  /** Draws on to a point; nothing while the pen is up. */
  extend(point: Point): void;
  /** Lifts the pen. */
  end(): void;
  /** Takes the last stroke away. */
  undo(): void;
  /** Takes everything away. */
  clear(): void;
}

/** Points nearer than this to the one before add nothing but work. */
const leastStep = 0.4;

/** An empty sketch. */
export function createSketch(onChange: (change: SketchChange) => void): Sketch {
  let strokes: Point[][] = [];
  let current: Point[] | undefined;
  const sketch: Sketch = {
    get drawing() {
      return strokes;
    },
    get penDown() {
      return current !== undefined;
    },
    begin(point) {
      sketch.end();
      current = [point];
      strokes.push(current);
      onChange('ink');
    },
    extend(point) {
      const before = current?.at(-1);
      if (before === undefined || Math.hypot(point.x - before.x, point.y - before.y) < leastStep) return;
      current?.push(point);
      onChange('ink');
    },
    end() {
      if (current === undefined) return;
      current = undefined;
      onChange('lift');
    },
    undo() {
      current = undefined;
      if (strokes.pop() !== undefined) onChange('undo');
    },
    clear() {
      current = undefined;
      strokes = [];
      onChange('clear');
    },
  };
  return sketch;
}
