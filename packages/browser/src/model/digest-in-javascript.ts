import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';

/** SHA-256 of bytes as lower-case hex, without the platform's help. A chunk of its own: only insecure pages need it. */
export function sha256InJavaScript(bytes: Uint8Array): string {
  return bytesToHex(sha256(bytes));
}
