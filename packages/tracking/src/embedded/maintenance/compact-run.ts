import { FairleadError } from '@fairlead/core';
import type { FileStat, Files } from '../../files/files';
import { MetricBuffer } from '../../run/metric-buffer';
import type { RunEvent, StoredRun } from '../../store/run-store';
import { partsOf } from '../batch-codec';
import { decodeEvent, encodeNames, toText } from '../event-codec';
import { decodePoints } from '../points-codec';
import { removeOldClaims } from '../resume-claim';
import { liveSegments, segmentSuffix } from '../run-reader';
import { mergeMarks, mergeRun, SegmentFold } from '../segment-fold';
import { frameTypes } from '../segment-format';
import { scanSegment } from '../segment-reader';
import { SegmentWriter } from '../segment-writer';
import { PointDigests } from './segment-content';

/** Points in a frame of a compacted segment. */
const framePoints = 8192;
const bufferedBytes = 8 * 1024 * 1024;

/** A segment that has been read. */
interface ReadSegment {
  readonly name: string;
  readonly stat: FileStat;
  readonly fold: SegmentFold;
  readonly events: readonly RunEvent[];
  readonly damaged: boolean;
}

/** What became of a run, or why nothing did. */
export type CompactedRun =
  | { readonly segments: number; readonly before: number; readonly after: number }
  | { readonly skipped: string }
  /** It has one segment already. */
  | undefined;

/** Which run is compacted, and how. */
export interface CompactRunOptions {
  readonly files: Files;
  /** The run's folder. */
  readonly folder: string;
  readonly id: string;
  readonly dryRun: boolean;
  /** Segments that were written to after this, epoch milliseconds by the clock of the file system, are left alone. */
  readonly before: number;
}

async function scan(files: Files, path: string, onPoints?: (payload: Uint8Array) => void) {
  const fold = new SegmentFold();
  const events: RunEvent[] = [];
  const file = await files.open(path, 'read');
  if (file === undefined) return undefined;
  try {
    const end = await scanSegment(file, undefined, (frame) => {
      fold.add(frame);
      for (const { type, payload } of partsOf(frame)) {
        if (type === frameTypes.points) onPoints?.(payload);
        const event = type === frameTypes.event ? decodeEvent(payload) : undefined;
        if (event !== undefined) events.push(event);
      }
    });
    const damaged = end.damage.length > 0 || end.tail !== undefined || fold.unknown.length > 0;
    return { fold, events, damaged };
  } finally {
    await file.close();
  }
}

/** A run and the marks of its pages in a form in which two that say the same are the same. */
function canonical(run: StoredRun, marks: ReadonlyMap<string, number>): string {
  const sorted = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(sorted);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, part]) => [key, sorted(part)]),
    );
  };
  const byText = (list: readonly unknown[]) => list.map((each) => toText(sorted(each))).sort();
  const { artifacts, inputs, uses, ...rest } = run;
  return toText([sorted(rest), byText(artifacts), byText(inputs), byText(uses), byText([...marks])]);
}

function hasChanged(files: Files, folder: string, segments: readonly ReadSegment[]): boolean {
  return segments.some(({ name, stat }) => {
    const now = files.statSync(files.join(folder, name));
    return now?.size !== stat.size || now.mtimeMs !== stat.mtimeMs;
  });
}

/** Signs of life matter no more once a run has ended, but for the last of them. */
function eventsOf(segments: readonly ReadSegment[]): RunEvent[] {
  const events = segments.flatMap((segment) => segment.events);
  const leases = events.flatMap((event) => (event.type === 'beat' ? event.leaseUntil : []));
  const last = leases.length === 0 ? undefined : Math.max(...leases);
  const kept = events.filter((event) => event.type !== 'beat' || event.leaseUntil === last);
  return kept.sort((a, b) => a.at - b.at);
}

/**
 * Makes the segments of a run that has ended one. The new one names those that it replaces, so a reader counts either
 * them or it, whatever moment he reads in and wherever a crash ends the work.
 * @throws FairleadError `STORE_FAILED`
 */
export async function compactRun(options: CompactRunOptions): Promise<CompactedRun> {
  const { files, folder, id, dryRun, before } = options;
  const names = (await files.list(folder)).filter((name) => name.endsWith(segmentSuffix) && !name.startsWith('.'));
  names.sort();
  if (names.length < 2) return undefined;
  const read: ReadSegment[] = [];
  for (const name of names) {
    const stat = files.statSync(files.join(folder, name));
    const content = await scan(files, files.join(folder, name));
    if (stat === undefined || content === undefined) return { skipped: 'somebody else compacts it' };
    if (stat.mtimeMs >= before) return { skipped: 'it was written to lately' };
    read.push({ name, stat, ...content });
  }
  const live = [...liveSegments(new Map(read.map((each) => [each.name, each])), (each) => each.fold).values()];
  const dead = read.filter((each) => !live.includes(each));
  if (live.some((each) => each.damaged)) return { skipped: 'it is damaged, and compacting it would hide that' };
  const folds = live.map((each) => each.fold);
  const run = mergeRun(id, folds, []);
  if (run.end === undefined) return { skipped: 'it has not ended' };
  const bytes = read.reduce((sum, each) => sum + each.stat.size, 0);
  if (live.length === 1) {
    // An earlier compaction did not come to its end.
    if (!dryRun) for (const { name } of dead) await files.remove(files.join(folder, name));
    return { segments: read.length, before: bytes, after: (live[0] as ReadSegment).stat.size };
  }
  if (dryRun)
    return { segments: read.length, before: bytes, after: live.reduce((sum, each) => sum + each.stat.size, 0) };

  // A name of its own, even where another process compacts the same run: nobody removes what somebody else relies on.
  const target = `k${crypto.randomUUID().slice(0, 8)}${segmentSuffix}`;
  const temporary = files.join(folder, `.tmp-${crypto.randomUUID()}`);
  try {
    const replaced = new Set([...names, ...read.flatMap((each) => [...each.fold.replaces])]);
    const digests = await writeCompacted(options, temporary, live, [...replaced].sort());
    if (hasChanged(files, folder, read)) return { skipped: 'it was written to meanwhile' };
    const written = new PointDigests();
    const copy = await scan(files, temporary, (payload) => addPoints(written, payload));
    if (copy === undefined || copy.damaged || written.text() !== digests) throw differs(id);
    if (canonical(mergeRun(id, [copy.fold], []), copy.fold.marks) !== canonical(run, mergeMarks(folds)))
      throw differs(id);
    if (hasChanged(files, folder, read)) return { skipped: 'it was written to meanwhile' };
    await files.rename(temporary, files.join(folder, target));
    await files.syncFolder(folder);
  } finally {
    await files.remove(temporary);
  }
  // Somebody who woke from a long sleep at this very moment keeps his segment; or another process was faster.
  if (hasChanged(files, folder, read)) {
    await files.remove(files.join(folder, target));
    return { skipped: 'it was written to meanwhile' };
  }
  for (const { name } of read) await files.remove(files.join(folder, name));
  await removeOldClaims(files, folder);
  return { segments: read.length, before: bytes, after: (await files.size(files.join(folder, target))) ?? 0 };
}

function differs(id: string): FairleadError {
  return new FairleadError(
    'STORE_FAILED',
    `The run ${id} does not read the same once compacted, so it was left alone.`,
    {
      details: { field: 'id', given: id },
    },
  );
}

function addPoints(digests: PointDigests, payload: Uint8Array): void {
  const points = decodePoints(payload);
  if (points !== undefined) digests.add(points);
}

/** Writes the content of segments into one, durably, and answers the digests of their points. */
async function writeCompacted(
  { files, folder }: CompactRunOptions,
  temporary: string,
  live: readonly ReadSegment[],
  replaces: readonly string[],
): Promise<string> {
  const digests = new PointDigests();
  const file = await files.open(temporary, 'create');
  if (file === undefined) throw new FairleadError('STORE_FAILED', `Could not create ${temporary}.`);
  const events = eventsOf(live);
  const writer = new SegmentWriter({
    file,
    syncFolders: async () => {},
    marker: crypto.getRandomValues(new Uint32Array(1))[0] || 1,
    createdAt: events[0]?.at ?? 0,
    maxBufferedBytes: bufferedBytes,
    overflow: 'write',
  });
  try {
    writer.appendPayload(frameTypes.replaces, encodeNames(replaces));
    for (const event of events) writer.append(event);
    // What the batches held lies beside them; a page that sends one again is still recognised.
    for (const [page, seq] of mergeMarks(live.map((each) => each.fold))) {
      writer.appendBatch({ writer: page, seq, parts: [] });
    }
    const buffer = new MetricBuffer(framePoints, (points) => void writer.appendPoints(points));
    for (const { name } of live) {
      await scan(files, files.join(folder, name), (payload) => {
        const points = decodePoints(payload);
        if (points === undefined) return;
        digests.add(points);
        for (let i = 0; i < points.count; i++) {
          buffer.add(points.keys[points.keyId(i)] as string, points.step(i), points.timestamp(i), points.value(i));
        }
      });
    }
    buffer.drain();
    await writer.flush('disk');
  } finally {
    await writer.close();
  }
  return digests.text();
}
