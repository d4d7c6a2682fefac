/* What `#files` is on Node: see `imports` in the package's manifest. */
export { crc32 } from './crc32';
export { nodeFiles as platformFiles } from './node-files';
export { createSha256 } from './sha256';
