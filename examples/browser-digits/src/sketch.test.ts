import { expect, test } from 'vitest';
import { createSketch, type SketchChange } from './sketch';

function setUp() {
  const changes: SketchChange[] = [];
  const sketch = createSketch((change) => void changes.push(change));
  return { changes, sketch };
}

test('strokes grow while the pen is down; what is too near adds nothing', () => {
  const { changes, sketch } = setUp();
  sketch.extend({ x: 1, y: 1 });
  expect(sketch.drawing).toEqual([]);
  sketch.begin({ x: 10, y: 10 });
  sketch.extend({ x: 10.1, y: 10.1 });
  sketch.extend({ x: 20, y: 10 });
  expect(sketch.penDown).toBe(true);
  sketch.end();
  sketch.end();
  expect(sketch.penDown).toBe(false);
  expect(sketch.drawing).toEqual([
    [
      { x: 10, y: 10 },
      { x: 20, y: 10 },
    ],
  ]);
  expect(changes).toEqual(['ink', 'ink', 'lift']);
});

test('a pen that is put down twice has been lifted between', () => {
  const { changes, sketch } = setUp();
  sketch.begin({ x: 1, y: 1 });
  sketch.begin({ x: 5, y: 5 });
  expect(sketch.drawing).toHaveLength(2);
  expect(changes).toEqual(['ink', 'lift', 'ink']);
});

test('undo takes strokes away one by one, clear all of them', () => {
  const { changes, sketch } = setUp();
  sketch.undo();
  expect(changes).toEqual([]);
  for (const x of [1, 2, 3]) sketch.begin({ x, y: 0 });
  sketch.undo();
  expect(sketch.drawing).toEqual([[{ x: 1, y: 0 }], [{ x: 2, y: 0 }]]);
  expect(sketch.penDown).toBe(false);
  sketch.clear();
  expect(sketch.drawing).toEqual([]);
  expect(changes.slice(-2)).toEqual(['undo', 'clear']);
});
