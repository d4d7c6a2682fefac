import type { RunEvent, RunWriter } from '../store/run-store';

/** How a writer makes itself known to readers of other processes. */
export interface Announcement {
  /** Up to when readers look at the run by themselves, epoch milliseconds. */
  readonly leaseUntil: number;
  /** Whether it is known from the start. */
  readonly known: boolean;
  /** Makes it known. */
  readonly open: () => Promise<void>;
  /** Called once it is closed; `known` says whether it was made known. */
  readonly close: (known: boolean) => Promise<void>;
}

/**
 * A writer that says so when it wakes: a run whose lease ran out, because its machine slept for example, counts as dead, and
 * no reader looks at it again by itself.
 */
export function announcedWriter(
  writer: RunWriter & Required<Pick<RunWriter, 'appendBatch'>>,
  announcement: Announcement,
): RunWriter {
  let { leaseUntil } = announcement;
  let opening: Promise<void> | undefined = announcement.known ? Promise.resolve() : undefined;
  let closing: Promise<void> | undefined;

  const release = async (): Promise<void> => {
    await writer.close();
    try {
      await opening;
      await announcement.close(opening !== undefined);
    } catch {
      // As above: nothing that was written depends on it.
    }
  };

  const look = (event: RunEvent): void => {
    if (event.type !== 'beat' && event.type !== 'resume') return;
    if (event.at > leaseUntil) {
      // Where it cannot be said, readers find out later, by looking at every run now and then.
      opening ??= announcement.open().catch(() => undefined);
    }
    leaseUntil = Math.max(leaseUntil, event.leaseUntil);
  };

  return {
    append(event) {
      look(event);
      return writer.append(event);
    },
    appendBatch(batch) {
      for (const part of batch.parts) if ('type' in part) look(part);
      return writer.appendBatch(batch);
    },
    appendPoints: (points) => writer.appendPoints(points),
    async write() {
      await opening;
      await writer.write();
    },
    writeSync: () => writer.writeSync?.(),
    async flush(durability) {
      await Promise.all([writer.flush(durability), opening]);
    },
    health: () => writer.health(),
    close() {
      closing ??= release();
      return closing;
    },
  };
}
