import { boxOf, centreOf, type Drawing, type Point, slantOf } from './strokes';

/** Pixels along a side of what the model sees. */
export const side = 8;
/** Pixels of what the model sees. */
export const pixelCount = side * side;
/** Value of a pixel that is all ink. */
export const darkest = 16;

/** How a drawing is brought to the model's size. */
export interface Look {
  /** Columns of the bitmap of 32 × 32 that a digit covers at most. */
  readonly width: number;
  /** Rows of the bitmap that it covers at most. */
  readonly height: number;
  /** How far the digit is tilted: by so many columns a row. */
  readonly tilt: number;
  /** The part of the drawing's own slant that is taken out, 0 to 1. */
  readonly upright: number;
}

/** The look that is shown, and that is compared with the training rows. */
export const plainLook: Look = { width: 21, height: 31, tilt: 0, upright: 0 };

/**
 * The looks that the model answers about, as one batch: the mean of their probabilities is right more often than any
 * one of them is, since hands slant and stretch in more ways than the few that the model was trained on.
 */
export const looks: readonly Look[] = [
  { width: 19, height: 30 },
  { width: 24, height: 28.5 },
].flatMap((size) => [
  { ...size, tilt: -0.12, upright: 0 },
  { ...size, tilt: 0, upright: 0 },
  { ...size, tilt: 0.12, upright: 0 },
  { ...size, tilt: 0, upright: 0.5 },
  { ...size, tilt: 0, upright: 1 },
]);

// The data set's own way: a digit is brought to the size of a bitmap of 32 × 32, and each pixel of the model counts the ink
// among 4 × 4 of the bitmap's. The rest is as in the training rows: a digit fills the height and six of the eight columns,
// and the pen is a sixth as wide as the digit is high.
const block = 4;
const bitmapSide = side * block;
const penWidth = 5.4;
/** Most that height is stretched more than width, so that a flat line does not become a square of ink. */
const mostStretch = 1.6;

/**
 * Draws strokes as the model's data set would have them: brought to size, centred, with a pen of the data's width, so
 * that it does not matter where, how large and with what pen somebody draws.
 *
 * @returns 64 whole numbers from 0 (no ink) to 16 (all ink), row by row; all 0 for an empty drawing
 */
export function downsample(drawing: Drawing, look: Look = plainLook): Float32Array<ArrayBuffer> {
  const pixels = new Float32Array(pixelCount);
  const points = drawing.flat();
  if (points.length === 0) return pixels;
  const place = placement(drawing, look);
  const bitmap = new Uint8Array(bitmapSide * bitmapSide);
  for (const stroke of drawing) {
    const placed = stroke.map(place);
    placed.forEach((point, index) => {
      inkSegment(bitmap, placed[index - 1] ?? point, point);
    });
  }
  bitmap.forEach((ink, index) => {
    const row = Math.floor(index / bitmapSide / block);
    const column = Math.floor((index % bitmapSide) / block);
    pixels[row * side + column] = (pixels[row * side + column] as number) + ink;
  });
  return pixels;
}

/** Several looks at one drawing, row after row. */
export function downsampleAll(drawing: Drawing, wanted: readonly Look[] = looks): Float32Array<ArrayBuffer> {
  const rows = new Float32Array(wanted.length * pixelCount);
  wanted.forEach((look, index) => {
    rows.set(downsample(drawing, look), index * pixelCount);
  });
  return rows;
}

/** Brings a drawing to the middle of the bitmap, as large as it may be there; half a pen's width stays free around it. */
function placement(drawing: Drawing, { width, height, tilt, upright }: Look): (point: Point) => Point {
  const { y: middleY } = centreOf(drawing);
  const shear = tilt - upright * slantOf(drawing);
  const tilted = ({ x, y }: Point): Point => ({ x: x + shear * (y - middleY), y });
  const { left, right, top, bottom } = boxOf(drawing.map((stroke) => stroke.map(tilted)));
  const across = (width - penWidth) / (right - left);
  const down = (height - penWidth) / (bottom - top);
  const common = Math.min(across, down);
  // A dot has no size that could be brought to another.
  const scale = Number.isFinite(common) ? common : 1;
  const scaleY = Math.min(down, scale * mostStretch);
  const middle = bitmapSide / 2;
  return (point) => {
    const { x, y } = tilted(point);
    return { x: middle + (x - (left + right) / 2) * scale, y: middle + (y - (top + bottom) / 2) * scaleY };
  };
}

/** Inks every pixel of the bitmap whose middle lies under a round pen that goes from one point to another. */
function inkSegment(bitmap: Uint8Array, from: Point, to: Point): void {
  const radius = penWidth / 2;
  const first = (value: number): number => Math.max(0, Math.floor(value - radius));
  const last = (value: number): number => Math.min(bitmapSide - 1, Math.ceil(value + radius));
  for (let y = first(Math.min(from.y, to.y)); y <= last(Math.max(from.y, to.y)); y++) {
    for (let x = first(Math.min(from.x, to.x)); x <= last(Math.max(from.x, to.x)); x++) {
      if (distance({ x: x + 0.5, y: y + 0.5 }, from, to) <= radius) bitmap[y * bitmapSide + x] = 1;
    }
  }
}

/** Distance of a point from a segment. */
function distance(point: Point, from: Point, to: Point): number {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const length = dx * dx + dy * dy;
  const along = length === 0 ? 0 : ((point.x - from.x) * dx + (point.y - from.y) * dy) / length;
  const nearest = Math.min(1, Math.max(0, along));
  return Math.hypot(point.x - from.x - nearest * dx, point.y - from.y - nearest * dy);
}
