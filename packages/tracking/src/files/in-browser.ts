import { FairleadError } from '@fairlead/core';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import type { Files } from './files';
import type { CreateSha256 } from './hash';

/* What `#files` is in a page: see `imports` in the package's manifest. */

export { tableCrc32 as crc32 } from './table-crc32';

/** Starts a SHA-256, in JavaScript: that of the platform takes no pieces. */
export const createSha256: CreateSha256 = () => {
  const hash = sha256.create();
  return { update: (bytes) => void hash.update(bytes), hex: () => bytesToHex(hash.digest()) };
};

function refuse(): never {
  throw new FairleadError(
    'UNSUPPORTED',
    'A page has no files. Give bytes or a stream, and open the tracker with { relay }.',
    {
      details: { field: 'dir', expected: 'a relay, such as openTracker({ relay: "/tracking" })', given: 'a path' },
    },
  );
}
const refuseLater = async (): Promise<never> => refuse();

/** A page has none: whatever needs a path says so. */
export const platformFiles: Files = {
  join: refuse,
  makeFolder: refuseLater,
  list: refuseLater,
  open: refuseLater,
  read: refuseLater,
  stream: refuse,
  size: refuseLater,
  statSync: refuse,
  facts: refuseLater,
  touch: refuseLater,
  walk: refuseLater,
  claim: refuseLater,
  rename: refuseLater,
  remove: refuseLater,
  removeFolder: refuseLater,
  syncFolder: refuseLater,
  watch: refuse,
};
