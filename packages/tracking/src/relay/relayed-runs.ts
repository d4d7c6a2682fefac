import { type Clock, type Logger, messageOf } from '@fairlead/core';
import { isPoints } from '../embedded/batch-codec';
import { createSerial } from '../serial';
import type { Durability, RunBatch, RunEvent, RunWriter, StoredRun } from '../store/run-store';
import type { TrackingStore } from '../store/tracking-store';
import { refusal } from './answers';
import { checkBatch } from './check-batch';
import { relayTagStart } from './check-event';
import type { RelayMessage } from './message';

/** The tag of a run that says who sent it. */
export const principalTag = `${relayTagStart}principal`;
/** How the tags begin by which a store that keeps no marks knows the last batch of a page. */
const markTagStart = `${relayTagStart}mark.`;

/** Runs that are kept open at once; of others the writer is opened anew with their next batch. */
const mostOpen = 256;
/** A run from which nothing came for so long is closed until something does. Milliseconds. */
const idleMs = 60_000;

/** What became of a batch. */
export interface TakenBatch {
  /** The number of the last batch of its page that is kept. */
  readonly last: number;
  /** Whether the relay had it already. */
  readonly repeated: boolean;
}

/** A run that comes through the relay. */
interface RelayedRun {
  readonly serial: ReturnType<typeof createSerial>;
  /** Who sends it; absent before its first batch. */
  principal: string | undefined;
  /** The last batch of each page that was taken, flushed or not. */
  marks: Map<string, number>;
  writer: RunWriter | undefined;
  usedAt: number;
}

/** The runs that pages send. */
export interface RelayedRuns {
  /**
   * Keeps a batch, once, however often it comes.
   * @throws FairleadError with the status of the answer in its details
   */
  take(principal: string, message: RelayMessage): Promise<TakenBatch>;
  /** Checks that a run is one that this principal sends. @throws FairleadError the same */
  checkOwner(principal: string, run: string): Promise<void>;
  close(): Promise<void>;
}

/** Whether nothing is known of a run but that it was begun: a crash came before the rest of its first batch. */
function isBare({ tags, params, metrics, artifacts, end }: StoredRun): boolean {
  const none = [tags, params, metrics].every((record) => Object.keys(record).length === 0);
  return none && artifacts.length === 0 && end === undefined;
}

function durabilityOf({ durabilities }: TrackingStore): Durability {
  return durabilities.includes('disk') ? 'disk' : (durabilities.at(-1) ?? 'os');
}

/** The marks that a store without batches keeps in tags. */
function marksIn({ tags }: StoredRun): Map<string, number> {
  const marks = new Map<string, number>();
  for (const [key, value] of Object.entries(tags)) {
    if (key.startsWith(markTagStart)) marks.set(key.slice(markTagStart.length), Number(value));
  }
  return marks;
}

/** Puts the batches of pages into a store. */
export function createRelayedRuns(store: TrackingStore, clock: Clock, logger: Logger): RelayedRuns {
  const { runs, artifacts, limits } = store;
  const durability = durabilityOf(store);
  const known = new Map<string, RelayedRun>();
  let closed = false;

  /** Where a start and its sender are one write, only a start that is torn has no sender; elsewhere a crash may part them. */
  const isUnclaimed = (run: StoredRun): boolean =>
    isBare(run) && run.deletedAt === undefined && (runs.marks === undefined || run.experiment === '');

  const load = async (id: string): Promise<Pick<RelayedRun, 'principal' | 'marks'>> => {
    const run = await runs.read(id);
    if (run === undefined || isUnclaimed(run)) return { principal: undefined, marks: new Map() };
    if (run.deletedAt !== undefined) {
      throw refusal(410, 'CONFLICT', `The run ${id} was deleted: nothing more is kept of it.`, {
        field: 'run',
        given: id,
      });
    }
    return {
      // One of the server's own has none, and no page is called so.
      principal: run.tags[principalTag] ?? '',
      marks: runs.marks === undefined ? marksIn(run) : new Map(await runs.marks(id)),
    };
  };

  const release = async (id: string, run: RelayedRun): Promise<void> => {
    const { writer } = run;
    run.writer = undefined;
    if (known.get(id) === run) known.delete(id);
    try {
      await writer?.close();
    } catch (error) {
      logger.warn({ id, error }, `The relay could not close run ${id}: ${messageOf(error)}`);
    }
  };

  /** A turn with a run, one after the other. */
  const withRun = <T>(id: string, work: (run: RelayedRun) => Promise<T>): Promise<T> => {
    const fresh: RelayedRun = {
      serial: createSerial(),
      principal: undefined,
      marks: new Map(),
      writer: undefined,
      usedAt: clock.now(),
    };
    const run = known.get(id) ?? fresh;
    known.delete(id);
    known.set(id, run);
    run.usedAt = clock.now();
    return run.serial(async () => {
      if (closed) throw refusal(503, 'CLOSED', 'The relay was closed. Send it again later.', {});
      if (run.writer === undefined) Object.assign(run, await load(id));
      return work(run);
    });
  };

  const checkPrincipal = (id: string, given: string, owner: string | undefined): void => {
    if (owner === undefined) {
      throw refusal(404, 'NOT_FOUND', `There is no run "${id}" here, and this is not the first batch of one.`, {
        field: 'run',
        expected: 'a run whose first batch came before',
        given: id,
      });
    }
    if (owner === given) return;
    throw refusal(403, 'CONFLICT', `The run ${id} is somebody else's: only who began it may go on with it.`, {
      field: 'run',
      given: id,
    });
  };

  const checkArtifacts = async (parts: RunBatch['parts']): Promise<void> => {
    for (const part of parts) {
      if (isPoints(part) || part.type !== 'artifact') continue;
      const { digest, size, name } = part;
      const found = await artifacts.stat({ digest });
      if (found?.size === size) continue;
      throw refusal(
        424,
        'NOT_FOUND',
        `The bytes of the artifact "${name}" are not here: send them before the batch that names them.`,
        {
          field: 'digest',
          expected: `an artifact of ${size} bytes`,
          given: digest,
        },
      );
    }
  };

  /** Hands a batch to the store's writer; `false` where that refused. */
  const append = async (id: string, run: RelayedRun, principal: string, batch: RunBatch): Promise<boolean> => {
    const [first] = batch.parts;
    const start = first !== undefined && !isPoints(first) && first.type === 'start' ? first : undefined;
    if (start !== undefined && run.principal === undefined) {
      const owner: RunEvent = { type: 'tags', at: start.at, tags: { [principalTag]: principal } };
      const whole = { ...batch, parts: [start, owner, ...batch.parts.slice(1)] };
      run.writer = await runs.create(start, whole);
      run.principal = principal;
      return run.writer.appendBatch !== undefined || appendParts(run.writer, whole.parts.slice(1));
    }
    run.writer ??= await runs.open(id);
    const parts = start === undefined ? batch.parts : batch.parts.slice(1);
    return run.writer.appendBatch?.({ ...batch, parts }) ?? appendParts(run.writer, parts);
  };

  const appendParts = (writer: RunWriter, parts: RunBatch['parts']): boolean =>
    parts.every((part) => (isPoints(part) ? writer.appendPoints(part) : writer.append(part)));

  const flush = async (
    writer: RunWriter | undefined,
    { writer: page, seq }: RunBatch | { writer: string; seq: number },
  ): Promise<void> => {
    if (writer === undefined) return;
    await writer.flush(durability);
    if (writer.appendBatch !== undefined) return;
    // The mark comes last: what a crash in between leaves is sent again, and a store that keeps equal points once stays right.
    writer.append({ type: 'tags', at: clock.epochMs(), tags: { [`${markTagStart}${page}`]: String(seq) } });
    await writer.flush(durability);
  };

  const take = async (principal: string, message: RelayMessage, run: RelayedRun): Promise<TakenBatch> => {
    const { run: id, after } = message;
    const { writer: page, seq } = message.batch;
    const last = run.marks.get(page) ?? 0;
    const batch = checkBatch(message, { limits, now: clock.epochMs() });
    const [first] = batch.parts;
    const begins = first !== undefined && !isPoints(first) && first.type === 'start';
    if (run.principal !== undefined || !begins) checkPrincipal(id, principal, run.principal);
    if (seq <= last) {
      // It may wait in the writer, where an earlier flush failed.
      await flush(run.writer, { writer: page, seq: last });
      return { last, repeated: true };
    }
    if (after > last) {
      throw refusal(
        409,
        'CONFLICT',
        `Batch ${seq} comes behind ${after}, and the last one here is ${last}: send those between first.`,
        {
          field: 'after',
          expected: String(last),
          given: String(after),
          last,
        },
      );
    }
    await checkArtifacts(batch.parts);
    if (!(await append(id, run, principal, batch))) {
      // A store of its own kind may have taken a part of it: the writer is given up, and what it holds with it.
      await release(id, run);
      throw refusal(503, 'STORE_FAILED', 'The store takes nothing more just now. Send it again later.', {});
    }
    run.marks.set(page, seq);
    await flush(run.writer, batch);
    if (batch.parts.some((part) => !isPoints(part) && part.type === 'end')) await release(id, run);
    return { last: seq, repeated: false };
  };

  const closeSome = async (isDue: (run: RelayedRun) => boolean): Promise<void> => {
    const due = [...known].filter(([, run]) => isDue(run));
    await Promise.all(due.map(([id, run]) => run.serial(async () => (isDue(run) ? release(id, run) : undefined))));
  };

  let timer = clock.setTimer(tick, idleMs);
  function tick(): void {
    void closeSome((run) => clock.now() - run.usedAt >= idleMs);
    timer = clock.setTimer(tick, idleMs);
  }

  const closeOldest = (): void => {
    if (known.size <= mostOpen) return;
    const oldest = new Set([...known.values()].slice(0, known.size - mostOpen));
    void closeSome((run) => oldest.has(run));
  };

  return {
    async take(principal, message) {
      const taken = await withRun(message.run, (run) => take(principal, message, run));
      closeOldest();
      return taken;
    },
    checkOwner: (principal, id) => withRun(id, async (run) => checkPrincipal(id, principal, run.principal)),
    async close() {
      closed = true;
      timer.clear();
      await closeSome(() => true);
    },
  };
}
