import { invalidArgument } from '../../names';
import { encodePng, type RawImage } from './encode-png';

/** An image: a whole PNG, JPEG, WebP or GIF file, or pixels. */
export type ImageSource = Uint8Array | RawImage;

/** What kind of file an image is. */
export interface EncodedImage {
  readonly bytes: Uint8Array;
  readonly mediaType: string;
  readonly extensions: readonly [string, ...string[]];
}

interface ImageFormat {
  readonly mediaType: string;
  readonly extensions: readonly [string, ...string[]];
  /** Bytes that such a file has at certain places; `undefined` stands for any. */
  readonly magic: readonly (number | undefined)[];
}

const any = undefined;
const formats: readonly ImageFormat[] = [
  { mediaType: 'image/png', extensions: ['.png'], magic: [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a] },
  { mediaType: 'image/jpeg', extensions: ['.jpg', '.jpeg'], magic: [0xff, 0xd8, 0xff] },
  {
    mediaType: 'image/webp',
    extensions: ['.webp'],
    magic: [0x52, 0x49, 0x46, 0x46, any, any, any, any, 0x57, 0x45, 0x42, 0x50],
  },
  { mediaType: 'image/gif', extensions: ['.gif'], magic: [0x47, 0x49, 0x46, 0x38, any, 0x61] },
];

/**
 * An image as a file whose kind is known by its first bytes, whatever its name says.
 * @throws FairleadError `INVALID_ARGUMENT`
 */
export async function toEncodedImage(image: ImageSource): Promise<EncodedImage> {
  if (image instanceof Uint8Array) {
    const found = formats.find(({ magic }) => magic.every((byte, i) => byte === undefined || image[i] === byte));
    if (found !== undefined) return { bytes: image, mediaType: found.mediaType, extensions: found.extensions };
    throw invalidArgument(
      'image',
      'a whole PNG, JPEG, WebP or GIF file',
      `bytes that begin ${Array.from(image.subarray(0, 8), (byte) => byte.toString(16).padStart(2, '0')).join(' ')}`,
      'Give pixels as { width, height, data }.',
    );
  }
  if (typeof image !== 'object' || image === null) {
    throw invalidArgument('image', 'the bytes of a file, or pixels as { width, height, data }', image);
  }
  return { bytes: await encodePng(image), mediaType: 'image/png', extensions: ['.png'] };
}
