import { FairleadError } from '../../errors';
import { checkTensor, formatShape, type Tensor } from '../../tensor/tensor';
import { describeRow, invalidInput, type NumberArray, viewRows } from '../rows';

/** Options of {@link imageFeatures}. */
export interface ImageFeaturesOptions {
  /** What the axes are: images, channels, rows, columns, or with the channels last. */
  readonly layout: 'NCHW' | 'NHWC';
  /** The values of black and white. @default [0, 255] for whole numbers, [0, 1] for others */
  readonly range?: readonly [number, number];
}

const grayNames = ['brightness', 'contrast', 'sharpness', 'entropy'] as const;
const colourNames = [...grayNames, 'saturation'] as const;
/** Shares of red, green and blue in the brightness that an eye sees (ITU-R BT.601). */
const luma = [0.299, 0.587, 0.114] as const;
const levels = 256;

/**
 * What {@link imageFeatures} computes, in the order of its columns.
 * @param channels of the images
 */
export function imageFeatureNames(channels: number): readonly string[] {
  return channels === luma.length ? colourNames : grayNames;
}

/**
 * Describes each image by a few numbers that a camera, a lens or a pre-processing step changes, to be watched like features:
 *
 * - `brightness`: mean of the gray values, 0 to 1
 * - `contrast`: their standard deviation
 * - `sharpness`: variance of their Laplacian (four neighbours, without the border); 0 for less than 3 × 3 pixels
 * - `entropy`: of their 256 levels, 0 to 8 bits
 * - `saturation`: for three channels, mean of (max − min) / max over them, 0 where all are 0
 *
 * The gray value is 0.299 R + 0.587 G + 0.114 B for three channels, else the mean of the channels. An image with a value that is NaN or
 * infinite has NaN for all.
 *
 * @param tensor four axes as the layout says, numeric
 * @returns a float32 tensor `[images, 5]`, or `[images, 4]` unless there are three channels
 * @throws FairleadError `INVALID_INPUT` for strings, other axes or no pixels; `INVALID_OPTION`
 */
export function imageFeatures(tensor: Tensor, options: ImageFeaturesOptions): Tensor<'float32'> {
  checkTensor(tensor, 'tensor');
  const { layout, range } = checkImageOptions(tensor, options);
  const { shape } = tensor;
  if (shape.length !== 4 || shape.slice(1).includes(0)) {
    throw invalidInput('tensor', `four axes ${layout}, none of pixels empty`, `shape ${formatShape(shape)}`);
  }
  const { data } = viewRows(tensor, 'tensor', 0);
  const [images, second, third, fourth] = shape as [number, number, number, number];
  const first = layout === 'NCHW';
  const channels = first ? second : fourth;
  const height = first ? third : second;
  const columns = first ? fourth : third;
  const pixels = height * columns;
  const names = imageFeatureNames(channels);
  const features = new Float32Array(images * names.length);
  const gray = new Float64Array(pixels);
  const steps = first ? { pixel: 1, channel: pixels } : { pixel: channels, channel: 1 };
  for (let image = 0; image < images; image++) {
    const start = image * pixels * channels;
    const saturation = readGray(gray, data, start, channels, steps, range);
    describeGray(gray, height, columns, features, image * names.length);
    if (names === colourNames) features[image * names.length + grayNames.length] = saturation;
  }
  return { dtype: 'float32', shape: [images, names.length], data: features };
}

/** Fills the gray values, 0 to 1 within the range; returns the saturation. */
function readGray(
  gray: Float64Array,
  data: NumberArray,
  start: number,
  channels: number,
  steps: { readonly pixel: number; readonly channel: number },
  [black, white]: readonly [number, number],
): number {
  const isColour = channels === luma.length;
  const scale = 1 / (white - black);
  let saturation = 0;
  for (let pixel = 0; pixel < gray.length; pixel++) {
    let value = 0;
    let least = Number.POSITIVE_INFINITY;
    let greatest = Number.NEGATIVE_INFINITY;
    for (let channel = 0; channel < channels; channel++) {
      const at = start + pixel * steps.pixel + channel * steps.channel;
      const one = ((data[at] as number) - black) * scale;
      value += one * (isColour ? (luma[channel] as number) : 1 / channels);
      if (one < least) least = one;
      if (one > greatest) greatest = one;
    }
    gray[pixel] = value;
    if (greatest > 0) saturation += (greatest - least) / greatest;
    // A comparison with NaN would leave it out.
    else if (Number.isNaN(value)) saturation = Number.NaN;
    if (!Number.isFinite(value)) saturation = Number.NaN;
  }
  return saturation / gray.length;
}

function describeGray(gray: Float64Array, height: number, columns: number, into: Float32Array, offset: number): void {
  let sum = 0;
  for (const value of gray) sum += value;
  if (!Number.isFinite(sum)) {
    into.fill(Number.NaN, offset, offset + grayNames.length);
    return;
  }
  const mean = sum / gray.length;
  const counts = new Uint32Array(levels);
  let squares = 0;
  for (const value of gray) {
    squares += (value - mean) ** 2;
    const level = Math.min(levels - 1, Math.max(0, Math.floor(value * (levels - 1) + 0.5)));
    counts[level] = (counts[level] as number) + 1;
  }
  let entropy = 0;
  for (const count of counts) if (count > 0) entropy -= (count / gray.length) * Math.log2(count / gray.length);
  into[offset] = mean;
  into[offset + 1] = Math.sqrt(squares / gray.length);
  into[offset + 2] = laplacianVariance(gray, height, columns);
  into[offset + 3] = entropy;
}

function laplacianVariance(gray: Float64Array, height: number, columns: number): number {
  const count = (height - 2) * (columns - 2);
  if (height < 3 || columns < 3) return 0;
  let sum = 0;
  let squares = 0;
  for (let y = 1; y < height - 1; y++) {
    for (let x = 1; x < columns - 1; x++) {
      const at = y * columns + x;
      const around =
        (gray[at - 1] as number) +
        (gray[at + 1] as number) +
        (gray[at - columns] as number) +
        (gray[at + columns] as number);
      const value = around - 4 * (gray[at] as number);
      sum += value;
      squares += value * value;
    }
  }
  return Math.max(0, squares / count - (sum / count) ** 2);
}

function checkImageOptions(
  tensor: Tensor,
  options: ImageFeaturesOptions,
): { readonly layout: 'NCHW' | 'NHWC'; readonly range: readonly [number, number] } {
  const { layout, range } = (options ?? {}) as Partial<ImageFeaturesOptions>;
  if (layout !== 'NCHW' && layout !== 'NHWC') throw wrongOption('layout', '"NCHW" or "NHWC"', describeRow(layout));
  if (range === undefined)
    return { layout, range: [0, tensor.dtype.startsWith('float') || tensor.dtype === 'bool' ? 1 : 255] };
  const [black, white] = Array.isArray(range) ? range : [];
  if (range.length === 2 && Number.isFinite(black) && Number.isFinite(white) && black !== white)
    return { layout, range };
  throw wrongOption('range', 'two different numbers, for black and white', describeRow(range));
}

function wrongOption(field: string, expected: string, given: string): FairleadError {
  return new FairleadError(
    'INVALID_OPTION',
    `imageFeatures: option "${field}" is wrong: expected ${expected}, given ${given}.`,
    { details: { field, expected, given } },
  );
}
