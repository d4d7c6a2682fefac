import { createHash } from 'node:crypto';
import type { CreateSha256 } from './hash';

/** Starts a SHA-256. */
export const createSha256: CreateSha256 = () => {
  const hash = createHash('sha256');
  return { update: (bytes) => void hash.update(bytes), hex: () => hash.digest('hex') };
};
