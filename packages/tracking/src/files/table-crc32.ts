/** CRC-32 of bytes (ISO-HDLC, polynomial 0xEDB88320 reflected), an unsigned 32-bit number. */
export type Crc32 = (bytes: Uint8Array) => number;

let table: Uint32Array | undefined;

function crcTable(): Uint32Array {
  if (table !== undefined) return table;
  table = new Uint32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let remainder = byte;
    for (let bit = 0; bit < 8; bit++) remainder = remainder & 1 ? (remainder >>> 1) ^ 0xedb88320 : remainder >>> 1;
    table[byte] = remainder >>> 0;
  }
  return table;
}

/** CRC-32 in JavaScript, for pages and for the releases of Node 20 whose zlib has none. */
export const tableCrc32: Crc32 = (bytes) => {
  const remainders = crcTable();
  let crc = 0xffffffff;
  for (let i = 0; i < bytes.length; i++)
    crc = (remainders[(crc ^ (bytes[i] as number)) & 0xff] as number) ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
};
