import * as z from 'zod/mini';

/** How a runner in a page helps itself when a device or a worker is lost. */
export interface RecoveryOptions {
  /**
   * How often a batch that was in flight is computed again, 0 to 3. At 0 its requests fail with `LANE_LOST`, except those
   * that were sent with `idempotent: true`.
   * @default 1
   */
  readonly replays?: number;
  /**
   * Milliseconds without an answer after which a batch counts as hung, and its worker is ended; 100 or more.
   * @default 60_000 on a GPU; none on the CPU, where a run is slow but ends
   */
  readonly runTimeoutMs?: number;
  /**
   * Milliseconds that opening a session may take, with the download of the runtime; 100 or more. When they have passed,
   * the next device is tried.
   * @default 120_000 on a GPU; none on the CPU
   */
  readonly loadTimeoutMs?: number;
  /**
   * Milliseconds for which the page leaves a GPU alone that was lost twice, 0 or more. The second loss counts when it
   * comes within as many milliseconds of the first.
   * @default 300_000
   */
  readonly coolDownMs?: number;
}

/** The same with what is settled by default. */
export interface RecoverySettings {
  readonly replays: number;
  /** Undefined where the device decides. */
  readonly runTimeoutMs: number | undefined;
  /** Undefined where the device decides. */
  readonly loadTimeoutMs: number | undefined;
  readonly coolDownMs: number;
  /** Bytes of a worker above which another takes its place. */
  readonly laneMemoryBytes: number;
}

const wholeNumber = (least: number, most = Number.MAX_SAFE_INTEGER) => z.int().check(z.gte(least), z.lte(most));

/** Most milliseconds of a browser's timer. */
const longestTimerMs = 2 ** 31 - 1;

/** Fields of a backend's options that are about recovery. */
export const recoveryFields = {
  laneMemoryMb: z.optional(wholeNumber(16, 65_536)),
  recovery: z.optional(
    z.strictObject({
      replays: z.optional(wholeNumber(0, 3)),
      runTimeoutMs: z.optional(wholeNumber(100, longestTimerMs)),
      loadTimeoutMs: z.optional(wholeNumber(100, longestTimerMs)),
      coolDownMs: z.optional(wholeNumber(0, longestTimerMs)),
    }),
  ),
};

/** Settles what the options leave open. */
export function recoverySettings(
  { replays = 1, runTimeoutMs, loadTimeoutMs, coolDownMs = 300_000 }: RecoveryOptions = {},
  laneMemoryMb = 1024,
): RecoverySettings {
  return { replays, runTimeoutMs, loadTimeoutMs, coolDownMs, laneMemoryBytes: laneMemoryMb * 2 ** 20 };
}
