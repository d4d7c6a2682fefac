import type { Clock } from '@fairlead/core';

/** Senders that are remembered; who was silent longest is forgotten first, and may then send as much as a new one. */
const mostSenders = 10_000;
/** Seconds of the rate that may come at once. */
const burstSeconds = 10;

/** Bounds how often each sender may ask: `perSecond`, and ten seconds' worth at once. */
export function createRateLimit(clock: Clock, perSecond: number): (sender: string) => number {
  const capacity = Math.max(1, perSecond * burstSeconds);
  const senders = new Map<string, { left: number; at: number }>();
  /** Milliseconds until the sender may ask; 0: now, and that was one. */
  return (sender) => {
    const now = clock.now();
    const known = senders.get(sender) ?? { left: capacity, at: now };
    const left = Math.min(capacity, known.left + ((now - known.at) / 1000) * perSecond);
    senders.delete(sender);
    senders.set(sender, { left: left >= 1 ? left - 1 : left, at: now });
    for (const oldest of senders.keys()) {
      if (senders.size <= mostSenders) break;
      senders.delete(oldest);
    }
    return left >= 1 ? 0 : ((1 - left) / perSecond) * 1000;
  };
}
