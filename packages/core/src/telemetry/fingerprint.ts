import type { Reference } from '../monitoring/reference';

/**
 * Tells references apart: 16 hexadecimal digits that follow from names and edges of all features, and so from what their bins
 * mean. Two devices with the same fingerprint count the same bins. It guards against mistakes, not against intent.
 *
 * The hash is FNV-1a over the bytes, once from the usual beginning and once from another, 32 bits each.
 */
export function fingerprintOf(reference: Reference): string {
  let low = 0x811c9dc5;
  let high = 0x9747b28c;
  const add = (byte: number): void => {
    low = Math.imul(low ^ byte, 0x01000193);
    high = Math.imul(high ^ byte ^ 0x55, 0x01000193);
  };
  const addText = (text: string): void => {
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      add(unit & 255);
      add(unit >> 8);
    }
    add(0);
  };
  const view = new DataView(new ArrayBuffer(8));
  for (const { name, edges } of reference.features) {
    addText(name);
    add(edges.length & 255);
    for (const edge of edges) {
      view.setFloat64(0, edge);
      for (let i = 0; i < 8; i++) add(view.getUint8(i));
    }
  }
  const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, '0');
  return hex(high) + hex(low);
}
