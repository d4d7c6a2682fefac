/** A point of a drawing; x grows to the right and y downwards, in any unit. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** What the pen drew between touching the paper and leaving it; one point is a dot. */
export type Stroke = readonly Point[];

/** Strokes in the order they were drawn. */
export type Drawing = readonly Stroke[];

/** The smallest box around a drawing. */
export interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** The box around a drawing that has a point. */
export function boxOf(drawing: Drawing): Box {
  let box = { left: Infinity, right: -Infinity, top: Infinity, bottom: -Infinity };
  for (const { x, y } of drawing.flat()) {
    box = {
      left: Math.min(box.left, x),
      right: Math.max(box.right, x),
      top: Math.min(box.top, y),
      bottom: Math.max(box.bottom, y),
    };
  }
  return box;
}

interface Segment extends Point {
  readonly across: number;
  readonly down: number;
  readonly length: number;
}

/** The segments of a drawing by their middle, direction and length. */
function segmentsOf(drawing: Drawing): Segment[] {
  return drawing.flatMap((stroke) =>
    stroke.slice(1).map((to, index) => {
      const from = stroke[index] as Point;
      const [across, down] = [to.x - from.x, to.y - from.y];
      return {
        x: (from.x + to.x) / 2,
        y: (from.y + to.y) / 2,
        across,
        down,
        length: Math.hypot(across, down),
      };
    }),
  );
}

/** Where the ink's centre of mass is; the middle of the box for dots alone. */
export function centreOf(drawing: Drawing): Point {
  const segments = segmentsOf(drawing);
  const total = segments.reduce((sum, { length }) => sum + length, 0);
  if (total === 0) {
    const { left, right, top, bottom } = boxOf(drawing);
    return { x: (left + right) / 2, y: (top + bottom) / 2 };
  }
  return {
    x: segments.reduce((sum, { x, length }) => sum + x * length, 0) / total,
    y: segments.reduce((sum, { y, length }) => sum + y * length, 0) / total,
  };
}

const mostSlant = 0.6;

/** How far the ink leans over: so many units to the right for each one down, −0.6 to 0.6; 0 for what has no height. */
export function slantOf(drawing: Drawing): number {
  const centre = centreOf(drawing);
  let together = 0;
  let upright = 0;
  // The second moments of the ink; a segment's own about its middle are a twelfth of its extent squared.
  for (const { x, y, across, down, length } of segmentsOf(drawing)) {
    together += length * ((x - centre.x) * (y - centre.y) + (across * down) / 12);
    upright += length * ((y - centre.y) ** 2 + down ** 2 / 12);
  }
  return upright === 0 ? 0 : Math.min(mostSlant, Math.max(-mostSlant, together / upright));
}
