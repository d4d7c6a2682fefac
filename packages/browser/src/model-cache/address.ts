import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';

/** The key of a URL. It is hashed, since signed URLs carry secrets, which have no place in a storage. */
export function addressOf(href: string): string {
  return bytesToHex(sha256(new TextEncoder().encode(href.replace(/#.*$/s, ''))));
}
