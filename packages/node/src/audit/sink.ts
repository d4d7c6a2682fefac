import type { ChainPosition } from './chain';
import type { AuditSignature } from './signing';

/** Where a log ends. Kept away from the log it proves, later, that nothing of it was cut off. */
export interface AuditHead extends ChainPosition, Partial<AuditSignature> {
  /** When it was there, in ISO 8601. */
  readonly at: string;
}

/** What a sink finds when it is opened. */
export interface AuditFound {
  /** The last whole line. */
  readonly position: ChainPosition;
  /** What comes behind it and is no line: a crash came while it was written. Stays where it is. */
  readonly torn?: { readonly bytes: number; readonly hash: string };
  /** Where the log had ended, where that is further on than it now does: lines are gone. */
  readonly lost?: ChainPosition;
}

/** Where audit lines go. */
export interface AuditSink {
  /**
   * Called once, before anything is appended.
   * @returns where the log stands; undefined for one that begins
   */
  open(): Promise<AuditFound | undefined>;
  /**
   * Keeps whole lines, each with its newline, all or none of them; when it resolves they are safe. Called one at a time, and after a
   * failure again with the same lines and those that have come since.
   *
   * @param head where the log then ends
   */
  append(lines: string, head: AuditHead): Promise<void>;
  close(): Promise<void>;
}
