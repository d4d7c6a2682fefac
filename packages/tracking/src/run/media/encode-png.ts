import { crc32 } from '#files';
import { invalidArgument } from '../../names';

/** Pixels row by row from the top: 4 bytes each (red, green, blue, alpha), 3 without alpha, or 1 of grey. */
export interface RawImage {
  /** 1 to 16384. */
  readonly width: number;
  /** 1 to 16384. */
  readonly height: number;
  /** `width * height` times 4, 3 or 1 bytes. An `ImageData` of a canvas fits. */
  readonly data: Uint8Array | Uint8ClampedArray;
}

const maxSide = 16_384;
const maxPixels = 1 << 26;
const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
/** How PNG calls the kinds of pixels, by their bytes. */
const colourTypes: Readonly<Record<number, number>> = { 1: 0, 3: 2, 4: 6 };

/** Checks pixels before anything of their size is made. Answers the bytes of a pixel. */
function checkImage({ width, height, data }: RawImage): number {
  for (const [field, side] of Object.entries({ width, height })) {
    if (!Number.isInteger(side) || side < 1 || side > maxSide) {
      throw invalidArgument(`image.${field}`, `a whole number from 1 to ${maxSide}`, side);
    }
  }
  if (width * height > maxPixels) {
    throw invalidArgument('image', `at most ${maxPixels} pixels`, `${width} × ${height}`, 'Make it smaller first.');
  }
  if (!(data instanceof Uint8Array || data instanceof Uint8ClampedArray)) {
    throw invalidArgument('image.data', 'a Uint8Array or Uint8ClampedArray', data);
  }
  const channels = data.length / (width * height);
  if (colourTypes[channels] !== undefined) return channels;
  const counts = [4, 3, 1].map((count) => count * width * height);
  const expected = `${counts[0]} bytes (RGBA), ${counts[1]} (RGB) or ${counts[2]} (grey) for ${width} × ${height} pixels`;
  throw invalidArgument('image.data', expected, `${data.length} bytes`);
}

function chunk(type: string, content: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(12 + content.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, content.length);
  for (let i = 0; i < 4; i++) bytes[4 + i] = type.charCodeAt(i);
  bytes.set(content, 8);
  view.setUint32(8 + content.length, crc32(bytes.subarray(4, 8 + content.length)));
  return bytes;
}

/** The rows, each behind the number of its filter: 2, the difference to the row above, which suits most pictures. */
function filtered({ width, height, data }: RawImage, channels: number): Uint8Array<ArrayBuffer> {
  const length = width * channels;
  const rows = new Uint8Array((length + 1) * height);
  for (let y = 0; y < height; y++) {
    const to = y * (length + 1);
    const from = y * length;
    rows[to] = 2;
    for (let x = 0; x < length; x++) {
      const above = y === 0 ? 0 : (data[from - length + x] as number);
      rows[to + 1 + x] = (data[from + x] as number) - above;
    }
  }
  return rows;
}

async function deflate(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  // The zlib format, which is what PNG wants; Node and browsers both have it.
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream('deflate'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/**
 * Writes pixels as PNG, without loss.
 * @throws FairleadError `INVALID_ARGUMENT` for sizes that do not go together, or are too large
 */
export async function encodePng(image: RawImage): Promise<Uint8Array> {
  const channels = checkImage(image);
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, image.width);
  view.setUint32(4, image.height);
  header[8] = 8; // bits of a channel
  header[9] = colourTypes[channels] as number;
  const parts = [
    signature,
    chunk('IHDR', header),
    chunk('IDAT', await deflate(filtered(image, channels))),
    chunk('IEND', new Uint8Array(0)),
  ];
  const png = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    png.set(part, at);
    at += part.length;
  }
  return png;
}
