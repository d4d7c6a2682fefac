import { describe, expect, it } from 'vitest';
import { type ImageFeaturesOptions, imageFeatureNames, imageFeatures } from './image-features';

const pixels = (shape: readonly number[], data: readonly number[]) => ({
  dtype: 'uint8' as const,
  shape,
  data: Uint8Array.from(data),
});

/** By the names of the columns. */
function describeImages(...given: Parameters<typeof imageFeatures>): Record<string, number>[] {
  const { data, shape } = imageFeatures(...given);
  const [images = 0, width = 0] = shape;
  const names = imageFeatureNames(width === 5 ? 3 : 1);
  return Array.from({ length: images }, (_, image) =>
    Object.fromEntries(names.map((name, i) => [name, data[image * width + i] as number])),
  );
}

describe('imageFeatures', () => {
  it('computes what is written, for each image', () => {
    const black = new Array<number>(9).fill(0);
    const dot = [...black];
    dot[4] = 255;
    const board = [0, 255, 0, 255, 0, 255, 0, 255, 0];
    const [first, second, third] = describeImages(pixels([3, 1, 3, 3], [...black, ...dot, ...board]), {
      layout: 'NCHW',
    });
    expect(first).toEqual({ brightness: 0, contrast: 0, sharpness: 0, entropy: 0 });
    expect(second?.brightness).toBeCloseTo(1 / 9, 6);
    expect(second?.contrast).toBeCloseTo(Math.sqrt(8) / 9, 6);
    expect(third?.entropy).toBeCloseTo(-(5 / 9) * Math.log2(5 / 9) - (4 / 9) * Math.log2(4 / 9), 6);
    // A single inner pixel has a Laplacian, and that no variance.
    expect(third?.sharpness).toBe(0);
  });

  it('finds an edge sharper than a slope', () => {
    const row = (values: readonly number[]) => [...values, ...values, ...values];
    const edge = pixels([1, 3, 6, 1], row([0, 0, 0, 255, 255, 255]));
    const slope = pixels([1, 3, 6, 1], row([0, 51, 102, 153, 204, 255]));
    const [sharp] = describeImages(edge, { layout: 'NHWC' });
    const [soft] = describeImages(slope, { layout: 'NHWC' });
    // Laplacians 0, 1, −1, 0.
    expect(sharp?.sharpness).toBeCloseTo(0.5, 6);
    expect(soft?.sharpness).toBeCloseTo(0, 6);
  });

  it('knows colours in both layouts', () => {
    const red = pixels([1, 1, 2, 3], [255, 0, 0, 128, 128, 128]);
    const planes = pixels([1, 3, 1, 2], [255, 128, 0, 128, 0, 128]);
    const [last] = describeImages(red, { layout: 'NHWC' });
    expect(describeImages(planes, { layout: 'NCHW' })).toEqual([last]);
    expect(last?.saturation).toBeCloseTo(0.5, 6);
    expect(last?.brightness).toBeCloseTo((0.299 + 128 / 255) / 2, 6);
  });

  it('reads floats from 0 to 1, or the range given', () => {
    const data = Float32Array.of(-1, 1, -1, 1);
    const tensor = { dtype: 'float32' as const, shape: [1, 2, 2, 1], data };
    const [given] = describeImages(tensor, { layout: 'NHWC', range: [-1, 1] });
    expect(given?.brightness).toBeCloseTo(0.5, 6);
    const [usual] = describeImages({ ...tensor, data: data.map(Math.abs) }, { layout: 'NHWC' });
    expect(usual?.brightness).toBe(1);
  });

  it('has NaN for an image with such a value, and for no other', () => {
    const data = new Float32Array(24).fill(0.5);
    data[1] = Number.NaN;
    const { data: features } = imageFeatures({ dtype: 'float32', shape: [2, 3, 2, 2], data }, { layout: 'NCHW' });
    expect(Array.from(features.subarray(0, 5))).toEqual(new Array(5).fill(Number.NaN));
    expect(features.subarray(5).every(Number.isFinite)).toBe(true);
  });

  it('gives no row for no image', () => {
    expect(imageFeatures(pixels([0, 2, 2, 3], []), { layout: 'NHWC' }).shape).toEqual([0, 5]);
  });

  it.each<[string, unknown, unknown, string]>([
    ['three axes', pixels([1, 2, 2], [1, 2, 3, 4]), { layout: 'NHWC' }, 'INVALID_INPUT'],
    ['no pixels', pixels([1, 0, 2, 3], []), { layout: 'NHWC' }, 'INVALID_INPUT'],
    ['strings', { dtype: 'string', shape: [1, 1, 1, 1], data: ['a'] }, { layout: 'NHWC' }, 'INVALID_INPUT'],
    ['no tensor', undefined, { layout: 'NHWC' }, 'INVALID_INPUT'],
    ['another layout', pixels([1, 1, 1, 1], [1]), { layout: 'HWC' }, 'INVALID_OPTION'],
    ['no options', pixels([1, 1, 1, 1], [1]), undefined, 'INVALID_OPTION'],
    ['an empty range', pixels([1, 1, 1, 1], [1]), { layout: 'NHWC', range: [1, 1] }, 'INVALID_OPTION'],
    ['half a range', pixels([1, 1, 1, 1], [1]), { layout: 'NHWC', range: [1] }, 'INVALID_OPTION'],
    ['a range that is none', pixels([1, 1, 1, 1], [1]), { layout: 'NHWC', range: 5 }, 'INVALID_OPTION'],
  ])('refuses %s', (_what, tensor, options, code) => {
    expect(() => imageFeatures(tensor as Parameters<typeof imageFeatures>[0], options as ImageFeaturesOptions)).toThrow(
      expect.objectContaining({ code }),
    );
  });
});
