import * as zlib from 'node:zlib';
import { type Crc32, tableCrc32 } from './table-crc32';

const native = (zlib as { crc32?: (bytes: Uint8Array) => number }).crc32;

/** The fastest CRC-32 that this runtime has. */
export const crc32: Crc32 = native === undefined ? tableCrc32 : (bytes) => native(bytes);
