/*
 * CRC-32C (Castagnoli, polynomial 0x82F63B78 reflected), which TensorBoard's files carry. Four tables, so that four bytes
 * are taken at a time.
 */

let tables: readonly Int32Array[] | undefined;

function crcTables(): readonly Int32Array[] {
  if (tables !== undefined) return tables;
  const first = new Int32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let remainder = byte;
    for (let bit = 0; bit < 8; bit++) remainder = remainder & 1 ? (remainder >>> 1) ^ 0x82f63b78 : remainder >>> 1;
    first[byte] = remainder;
  }
  const made = [first];
  for (let i = 1; i < 4; i++) {
    const before = made[i - 1] as Int32Array;
    made.push(before.map((value) => (value >>> 8) ^ (first[value & 0xff] as number)));
  }
  tables = made;
  return made;
}

/** CRC-32C of the bytes from `start` to before `end`: an unsigned 32-bit number. */
export function crc32c(bytes: Uint8Array, start = 0, end = bytes.length): number {
  const [t0, t1, t2, t3] = crcTables() as [Int32Array, Int32Array, Int32Array, Int32Array];
  let crc = -1;
  let i = start;
  for (const fours = end - 3; i < fours; i += 4) {
    crc ^=
      (bytes[i] as number) |
      ((bytes[i + 1] as number) << 8) |
      ((bytes[i + 2] as number) << 16) |
      ((bytes[i + 3] as number) << 24);
    crc =
      (t3[crc & 0xff] as number) ^
      (t2[(crc >>> 8) & 0xff] as number) ^
      (t1[(crc >>> 16) & 0xff] as number) ^
      (t0[crc >>> 24] as number);
  }
  for (; i < end; i++) crc = (crc >>> 8) ^ (t0[(crc ^ (bytes[i] as number)) & 0xff] as number);
  return ~crc >>> 0;
}

/** The form in which a file of records carries a checksum, so that checksums of data with checksums stay good. */
export function maskedCrc32c(bytes: Uint8Array, start = 0, end = bytes.length): number {
  const crc = crc32c(bytes, start, end);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
