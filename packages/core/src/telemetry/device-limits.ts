import type { Clock } from '../clock';

/** What is remembered of a sender. */
interface Sender {
  left: number;
  at: number;
  rows: number;
  rowsSince: number;
}

/** Bounds what each sender may send, in a memory of fixed size. */
export interface DeviceLimits {
  /** Milliseconds until the sender may send again; 0: now, and that was one. */
  waitOf(subject: string): number;
  /** Whether the sender may add so many rows to the window; then they are booked. */
  takeRows(subject: string, rows: number): boolean;
  /** Senders that are remembered. */
  readonly size: number;
}

/** Requests that may come at once. */
const burst = 10;

/**
 * @param perMinute requests a minute of one sender
 * @param rowsPerWindow rows of one sender in `windowMs`
 * @param most senders that are remembered; who was silent longest is forgotten first
 */
export function createDeviceLimits(
  clock: Clock,
  perMinute: number,
  rowsPerWindow: number,
  windowMs: number,
  most: number,
): DeviceLimits {
  const senders = new Map<string, Sender>();
  const capacity = Math.max(burst, perMinute);
  const senderOf = (subject: string): Sender => {
    const now = clock.now();
    const known = senders.get(subject) ?? { left: capacity, at: now, rows: 0, rowsSince: now };
    senders.delete(subject);
    senders.set(subject, known);
    for (const oldest of senders.keys()) {
      if (senders.size <= most) break;
      senders.delete(oldest);
    }
    return known;
  };
  return {
    waitOf(subject) {
      const sender = senderOf(subject);
      const now = clock.now();
      sender.left = Math.min(capacity, sender.left + ((now - sender.at) / 60_000) * perMinute);
      sender.at = now;
      if (sender.left < 1) return ((1 - sender.left) / perMinute) * 60_000;
      sender.left--;
      return 0;
    },
    takeRows(subject, rows) {
      const sender = senderOf(subject);
      const now = clock.now();
      if (now - sender.rowsSince >= windowMs) {
        sender.rows = 0;
        sender.rowsSince = now;
      }
      if (sender.rows + rows > rowsPerWindow) return false;
      sender.rows += rows;
      return true;
    },
    get size() {
      return senders.size;
    },
  };
}

/** Ids that were seen, the last so many. */
export function createSeenIds(most: number): {
  has(id: string): boolean;
  add(id: string): void;
  readonly size: number;
} {
  const ids = new Set<string>();
  return {
    has: (id) => ids.has(id),
    add(id) {
      ids.add(id);
      for (const oldest of ids) {
        if (ids.size <= most) break;
        ids.delete(oldest);
      }
    },
    get size() {
      return ids.size;
    },
  };
}
