import { darkest, side } from './downsample';
import { makeSvg } from './elements';
import { keyboardPen } from './keyboard-pen';
import type { Sketch } from './sketch';
import type { Point, Stroke } from './strokes';

/** Side of the paper in the units of a sketch. */
export const paperSide = 100;
const penWidth = 7.5;

/** The paper that is drawn on. */
export interface Pad {
  /** Shows what the sketch holds now. */
  show(): void;
  /** Shows a picture of 8 × 8 pixels in place of strokes. */
  showPicture(pixels: Float32Array): void;
}

/** Makes a paper of an `<svg>`: it draws into the sketch by pointer and by keyboard. */
export function createPad(paper: SVGSVGElement, sketch: Sketch, tell: (what: string) => void): Pad {
  const picture = makeSvg('g', { class: 'picture' });
  const ink = makeSvg('g', { class: 'ink', 'stroke-width': penWidth });
  const cursor = makeSvg('circle', { class: 'cursor', r: penWidth / 2 + 1.5 });
  // Without a script the paper can do nothing, so it is not on the way of the Tab key either.
  paper.tabIndex = 0;
  paper.append(picture, ink, cursor);
  const pen = keyboardPen(paper, sketch, tell, ({ x, y }) => {
    cursor.setAttribute('cx', String(x));
    cursor.setAttribute('cy', String(y));
    cursor.classList.toggle('down', sketch.penDown);
  });
  pointerPen(paper, sketch, pen.moveTo);
  return {
    show() {
      picture.replaceChildren();
      const { drawing } = sketch;
      while (ink.childElementCount > drawing.length) ink.lastElementChild?.remove();
      while (ink.childElementCount < drawing.length) ink.append(makeSvg('path', {}));
      // Strokes but the last are as they were; after a clear and a new start the first is the last.
      const last = drawing.at(-1);
      if (last !== undefined) ink.lastElementChild?.setAttribute('d', pathOf(last));
      pen.refresh();
    },
    showPicture(pixels) {
      ink.replaceChildren();
      picture.replaceChildren(...squaresOf(pixels));
    },
  };
}

/** Draws with a mouse, a finger or a stylus. */
function pointerPen(paper: SVGSVGElement, sketch: Sketch, follow: (point: Point) => void): void {
  let drawing: number | undefined;
  const pointOf = ({ clientX, clientY }: PointerEvent): Point => {
    const { left, top, width, height } = paper.getBoundingClientRect();
    return { x: ((clientX - left) / width) * paperSide, y: ((clientY - top) / height) * paperSide };
  };
  paper.addEventListener('pointerdown', (event) => {
    if (!event.isPrimary || event.button !== 0) return;
    drawing = event.pointerId;
    paper.setPointerCapture(event.pointerId);
    sketch.begin(pointOf(event));
  });
  paper.addEventListener('pointermove', (event) => {
    if (event.pointerId !== drawing) return;
    const events = event.getCoalescedEvents();
    for (const each of events.length > 0 ? events : [event]) sketch.extend(pointOf(each));
    follow(pointOf(event));
  });
  const end = (event: PointerEvent): void => {
    if (event.pointerId !== drawing) return;
    drawing = undefined;
    sketch.end();
  };
  paper.addEventListener('pointerup', end);
  paper.addEventListener('pointercancel', end);
}

/** A smooth path through the middles between points. */
function pathOf(stroke: Stroke): string {
  const [first, ...rest] = stroke;
  if (first === undefined) return '';
  const at = ({ x, y }: Point): string => `${x.toFixed(1)} ${y.toFixed(1)}`;
  const last = rest.at(-1);
  // A line of no length is drawn as a dot by its round ends.
  if (last === undefined) return `M${at(first)}h0`;
  const curves = rest.slice(0, -1).map((point, index) => {
    const next = rest[index + 1] as Point;
    return `Q${at(point)} ${at({ x: (point.x + next.x) / 2, y: (point.y + next.y) / 2 })}`;
  });
  return `M${at(first)}${curves.join('')}L${at(last)}`;
}

function squaresOf(pixels: Float32Array): SVGRectElement[] {
  const cell = paperSide / side;
  return [...pixels].flatMap((value, index) =>
    value === 0
      ? []
      : makeSvg('rect', {
          x: (index % side) * cell,
          y: Math.floor(index / side) * cell,
          // A little over the edge, so that no light falls between neighbours.
          width: cell + 0.1,
          height: cell + 0.1,
          opacity: (value / darkest).toFixed(2),
        }),
  );
}
