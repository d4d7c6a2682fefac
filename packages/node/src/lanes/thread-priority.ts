import { readlinkSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';

/** How much nicer a lane's thread is than the others of its process; of a core that both want they get three quarters. */
export const laneNiceness = 5;
/** What Linux has as the highest. */
const mostNiceness = 19;

/**
 * Lets the process's other threads go first where there are more threads to run than cores. Threads that this one starts, as a session
 * does, inherit it.
 *
 * Linux has a priority for each thread, setpriority(2), though its manual calls that a defect; elsewhere a priority is the whole process's,
 * and is left alone.
 */
export function yieldToOtherThreads(): void {
  if (process.platform !== 'linux') return;
  try {
    // A link of its own for each thread that reads it: <process>/task/<thread>.
    const thread = Number(readlinkSync('/proc/thread-self').split('/').at(-1));
    if (thread > 0 && thread !== process.pid) {
      setPriority(thread, Math.min(mostNiceness, getPriority(thread) + laneNiceness));
    }
  } catch {
    // A sandbox that forbids it costs speed, and nothing else.
  }
}
