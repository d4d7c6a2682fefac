/** A SHA-256 that takes its bytes piece by piece. */
export interface Sha256 {
  update(bytes: Uint8Array): void;
  /** Lower-case hex; call it once, at the end. */
  hex(): string;
}

/** Starts a SHA-256. */
export type CreateSha256 = () => Sha256;
