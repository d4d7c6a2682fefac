/** A place on the paper: parts of its width and height, 0 to 1. */
export type Place = readonly [x: number, y: number];

/** A digit as a hand draws it: stroke by stroke. */
export interface DrawnDigit {
  readonly digit: number;
  readonly strokes: readonly (readonly Place[])[];
}

/** Places along an ellipse, from one angle to another in degrees: 0 is to the right, 90 below. */
function arc(centre: Place, radii: Place, from: number, to: number): Place[] {
  const places = 16;
  return Array.from({ length: places + 1 }, (_, index) => {
    const angle = ((from + ((to - from) * index) / places) * Math.PI) / 180;
    return [centre[0] + radii[0] * Math.cos(angle), centre[1] + radii[1] * Math.sin(angle)];
  });
}

/** One digit of each kind, none of them where or as large as the model's data has them. */
export const drawnDigits: readonly DrawnDigit[] = [
  { digit: 0, strokes: [arc([0.5, 0.5], [0.28, 0.4], -90, 270)] },
  {
    digit: 1,
    strokes: [
      [
        [0.52, 0.1],
        [0.5, 0.9],
      ],
    ],
  },
  { digit: 2, strokes: [[...arc([0.5, 0.32], [0.24, 0.22], -170, 30), [0.25, 0.9], [0.78, 0.9]]] },
  {
    digit: 3,
    strokes: [[...arc([0.47, 0.3], [0.22, 0.2], -150, 90), ...arc([0.47, 0.7], [0.25, 0.2], -90, 150)]],
  },
  {
    digit: 4,
    strokes: [
      [
        [0.35, 0.1],
        [0.25, 0.55],
        [0.78, 0.55],
      ],
      [
        [0.62, 0.3],
        [0.6, 0.9],
      ],
    ],
  },
  {
    digit: 5,
    strokes: [
      [[0.35, 0.1], [0.32, 0.45], ...arc([0.46, 0.66], [0.24, 0.24], -110, 140)],
      [
        [0.35, 0.1],
        [0.72, 0.1],
      ],
    ],
  },
  {
    digit: 6,
    strokes: [
      [[0.62, 0.1], [0.5, 0.16], [0.38, 0.32], [0.31, 0.52], [0.3, 0.66], ...arc([0.5, 0.7], [0.2, 0.19], 170, -190)],
    ],
  },
  {
    digit: 7,
    strokes: [
      [
        [0.22, 0.12],
        [0.78, 0.12],
        [0.45, 0.9],
      ],
    ],
  },
  {
    digit: 8,
    strokes: [[...arc([0.5, 0.3], [0.2, 0.2], 90, -270), ...arc([0.5, 0.71], [0.24, 0.21], -90, 270)]],
  },
  { digit: 9, strokes: [[...arc([0.48, 0.32], [0.22, 0.22], 0, -350), [0.7, 0.32], [0.62, 0.9]]] },
];
