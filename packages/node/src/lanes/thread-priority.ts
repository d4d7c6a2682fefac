import { readlinkSync } from 'node:fs';
import { setPriority } from 'node:os';

/** The niceness of a lane's thread, of -20 to 19; what is 0 besides gets three quarters of a core that both want. */
export const laneNiceness = 5;

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
    if (thread > 0 && thread !== process.pid) setPriority(thread, laneNiceness);
  } catch {
    // A sandbox that forbids it costs speed, and nothing else.
  }
}
