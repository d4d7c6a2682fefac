import type { Sketch } from './sketch';
import type { Point } from './strokes';

/** A pen that is moved by keys. */
export interface KeyboardPen {
  /** Where a pointer was last, so that keys go on from there. */
  moveTo(point: Point): void;
  /** Shows where the pen is. */
  refresh(): void;
}

const step = 4;
const [least, most] = [8, 92];
const directions: Readonly<Record<string, Point>> = {
  ArrowLeft: { x: -step, y: 0 },
  ArrowRight: { x: step, y: 0 },
  ArrowUp: { x: 0, y: -step },
  ArrowDown: { x: 0, y: step },
};

/**
 * Draws with the keyboard: arrows move the pen, two at once diagonally; Space and Enter put it down and lift it;
 * Backspace takes the last stroke away, Delete everything.
 */
export function keyboardPen(
  paper: SVGSVGElement,
  sketch: Sketch,
  tell: (what: string) => void,
  place: (point: Point) => void,
): KeyboardPen {
  let at: Point = { x: 52, y: 12 };
  const held = new Set<string>();
  const within = (value: number): number => Math.min(most, Math.max(least, value));

  const togglePen = (): void => {
    if (sketch.penDown) {
      sketch.end();
      tell('Pen up.');
    } else {
      sketch.begin(at);
      tell('Pen down.');
    }
  };
  const actions: Readonly<Record<string, () => void>> = {
    ' ': togglePen,
    Enter: togglePen,
    Backspace: () => sketch.undo(),
    Delete: () => sketch.clear(),
  };

  paper.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const action = actions[event.key];
    if (event.key in directions) {
      held.add(event.key);
      for (const key of held) {
        const by = directions[key] as Point;
        at = { x: within(at.x + by.x), y: within(at.y + by.y) };
      }
      sketch.extend(at);
    } else if (action !== undefined) {
      if (!event.repeat || event.key === 'Backspace') action();
    } else return;
    event.preventDefault();
    place(at);
  });
  paper.addEventListener('keyup', ({ key }) => void held.delete(key));
  paper.addEventListener('blur', () => {
    held.clear();
    sketch.end();
  });
  place(at);
  return {
    moveTo(point) {
      at = { x: within(point.x), y: within(point.y) };
    },
    refresh: () => place(at),
  };
}
