import { type Clock, FairleadError, throwIfAborted } from '@fairlead/core';
import type { Durability, PointColumns, RunEvent, RunWriter, StoredRun } from '../store/run-store';
import type { TrackingStore } from '../store/tracking-store';
import { type ArtifactChoice, copyArtifacts } from './copy-artifacts';
import type { CopyMark, CopyMarks } from './copy-marks';
import { copyPoints, marksOf } from './copy-points';
import type { PointMark } from './point-mark';
import { descriptionEvents, endEvents, lifecycleEvents, restoration } from './run-differences';
import { canonicalText } from './run-state';

/** The other side of a copy. */
export interface CopyTarget {
  readonly store: TrackingStore;
  /** How safe a copy must be before it counts. */
  readonly durability: Durability;
  /**
   * Whether the store lies in a folder of this machine: its points are cheap to read, and it keeps bytes by their digest
   * alone. Of any other it is taken that it keeps equal points once, and takes nothing for a run that was deleted.
   */
  readonly isLocal: boolean;
}

/** How a run is copied. */
export interface CopyRunOptions {
  readonly source: TrackingStore;
  readonly target: CopyTarget;
  readonly marks: CopyMarks;
  readonly clock: Clock;
  readonly artifacts: ArtifactChoice;
  /** Whether nothing is taken to be there because it once was. */
  readonly verify: boolean;
  readonly signal: AbortSignal | undefined;
  /** Called with what has arrived. */
  onSent(sent: { readonly points?: number; readonly artifacts?: number; readonly bytes?: number }): void;
}

function dropped(id: string): FairleadError {
  return new FairleadError('STORE_FAILED', `The store that run ${id} is copied to takes no more. Try again.`, {
    details: { field: 'id', given: id },
  });
}

/** A metric in short, which changes when points come to it; and when the run ends, since some may have come unseen before. */
function seenText(run: StoredRun, key: string): string {
  return canonicalText([run.metrics[key] ?? null, run.end ?? null]);
}

/** A writer that takes everything, or fails. */
class CopyWriter {
  readonly #writer: RunWriter;
  readonly #durability: Durability;
  readonly #id: string;

  constructor(writer: RunWriter, durability: Durability, id: string) {
    this.#writer = writer;
    this.#durability = durability;
    this.#id = id;
  }

  async append(event: RunEvent): Promise<void> {
    if (this.#writer.append(event)) return;
    throw dropped(this.#id);
  }

  async send(points: PointColumns): Promise<void> {
    if (!this.#writer.appendPoints(points)) throw dropped(this.#id);
    await this.flush();
  }

  flush(): Promise<void> {
    return this.#writer.flush(this.#durability);
  }
}

function checkTags(run: StoredRun, { limits, name }: TrackingStore): void {
  const most = limits?.tagLength;
  if (most === undefined) return;
  for (const [key, value] of Object.entries(run.tags)) {
    if (value.length <= most) continue;
    throw new FairleadError(
      'LIMIT_EXCEEDED',
      `The tag "${key}" of run ${run.id} has ${value.length} characters, and the store "${name}" keeps at most ${most}. Set a shorter one with setTags(), and log the long text with logText().`,
      {
        details: { field: `tags.${key}`, expected: `at most ${most} characters`, given: `${value.length} characters` },
      },
    );
  }
}

async function openWriter(
  run: StoredRun,
  there: StoredRun | undefined,
  { store }: CopyTarget,
  signal: AbortSignal | undefined,
): Promise<RunWriter> {
  // One whose start was lost, as when its creation was cut short, gets it now.
  if (there !== undefined && (there.experiment !== '' || run.experiment === '')) {
    return store.runs.open(run.id, signal === undefined ? {} : { signal });
  }
  const { id, experiment, name, parent, startedAt, leaseUntil } = run;
  return store.runs.create({
    type: 'start',
    at: startedAt,
    id,
    experiment,
    name,
    leaseUntil,
    ...(parent === undefined ? {} : { parent }),
  });
}

/**
 * Makes a run on the other side the same as it is here: what differs is sent, points from their marks on, its end last.
 * Interrupted anywhere and called again, it comes to the same, and nothing is there twice.
 * @returns what its metrics were like, for a store that is asked for points metric by metric
 * @throws FairleadError of either store; `LIMIT_EXCEEDED` for what the other side does not keep; `ABORTED`
 */
export async function copyRun(run: StoredRun, options: CopyRunOptions): Promise<CopyMark['seen']> {
  const { source, target, marks, clock, signal, onSent } = options;
  const { store, durability, isLocal } = target;
  const call = signal === undefined ? {} : { signal };
  checkTags(run, store);
  const there = await store.runs.read(run.id, call);
  const mark = there === undefined ? undefined : await marks.read(run.id);
  const asksByMetric = source.runs.points === undefined;
  const keys = Object.keys(run.metrics);
  const isSeen = (key: string): boolean => !options.verify && mark?.seen?.[key] === seenText(run, key);
  const points = await pointMarks(there, mark?.points, target, signal);
  const inner = await openWriter(run, there, target, signal);
  const writer = new CopyWriter(inner, durability, run.id);
  const append = (event: RunEvent) => writer.append(event);
  try {
    inner.summarize?.(run.metrics);
    const sealed = !isLocal && there?.deletedAt !== undefined;
    if (sealed) await append(restoration(there.deletedAt ?? 0));
    for (const event of descriptionEvents(run, there, clock.epochMs())) await append(event);
    const failure = await copyArtifacts({
      source,
      target: store,
      run,
      there,
      choice: options.artifacts,
      byDigest: isLocal,
      signal,
      append,
      onSent: (bytes) => onSent({ artifacts: 1, bytes }),
    });
    await copyPoints(
      source.runs,
      run,
      asksByMetric ? keys.filter((key) => !isSeen(key)) : keys,
      {
        marks: points,
        ...(isLocal ? { history: (key: string) => store.runs.history(run.id, key, call) } : {}),
        send: (columns) => writer.send(columns),
        async onSent(count) {
          onSent({ points: count });
          if (!isLocal) await marks.write(run.id, { points: Object.fromEntries(points) });
        },
      },
      call,
    );
    await writer.flush();
    throwIfAborted(signal, 'The copy');
    for (const event of endEvents(run, there)) await append(event);
    for (const event of lifecycleEvents(run, sealed ? undefined : there?.deletedAt)) await append(event);
    await writer.flush();
    if (failure !== undefined) throw failure;
    return asksByMetric ? Object.fromEntries(keys.map((key) => [key, seenText(run, key)])) : undefined;
  } finally {
    await inner.close();
  }
}

/** How much of each metric is on the other side: what its store says, or what was noted. */
async function pointMarks(
  there: StoredRun | undefined,
  noted: Readonly<Record<string, PointMark>> = {},
  { store, isLocal }: CopyTarget,
  signal: AbortSignal | undefined,
): Promise<Map<string, PointMark>> {
  if (!isLocal) return new Map(Object.entries(noted));
  if (there === undefined || Object.keys(there.metrics).length === 0) return new Map();
  return marksOf(store.runs, there, signal === undefined ? {} : { signal });
}
