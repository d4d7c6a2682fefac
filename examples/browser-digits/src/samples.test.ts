import { expect, test } from 'vitest';
import { pixelCount } from './downsample';
import { changePixels, createSampleReel, decodeSample } from './samples';

const rowOf = (pixel: string, digit: number): string => pixel.repeat(pixelCount) + digit;

test('a row is 64 pixels from 0 to 16 and a digit', () => {
  const { pixels, digit } = decodeSample(`0g9${'a'.repeat(61)}7`);
  expect([...pixels.slice(0, 4)]).toEqual([0, 16, 9, 10]);
  expect(pixels).toHaveLength(pixelCount);
  expect(digit).toBe(7);
});

test('inverted is white on black; one pixel off loses the last column', () => {
  const pixels = Float32Array.from({ length: pixelCount }, (_, index) => index % 8);
  expect([...changePixels(pixels, 'none')]).toEqual([...pixels]);
  expect([...changePixels(pixels, 'inverted').slice(0, 8)]).toEqual([16, 15, 14, 13, 12, 11, 10, 9]);
  expect([...changePixels(pixels, 'shifted').slice(8, 16)]).toEqual([0, 0, 1, 2, 3, 4, 5, 6]);
});

test('the reel gives rows in their order, over and over, and those of a digit by themselves', () => {
  const reel = createSampleReel([rowOf('1', 3), rowOf('2', 4), rowOf('3', 3)]);
  expect(reel.next(4).map(({ digit }) => digit)).toEqual([3, 4, 3, 3]);
  const threes = [reel.nextOf(3), reel.nextOf(3), reel.nextOf(3)].map(({ pixels }) => pixels[0]);
  expect(threes).toEqual([1, 3, 1]);
  expect(reel.next(1)[0]?.digit).toBe(4);
  expect(() => reel.nextOf(9)).toThrow('no sample shows a 9');
});
