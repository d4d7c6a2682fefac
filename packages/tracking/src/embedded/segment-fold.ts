import type {
  DatasetInput,
  MetricSummary,
  ModelUse,
  ParamValue,
  RunEvent,
  RunStart,
  StoreDamage,
  StoredArtifact,
  StoredRun,
} from '../store/run-store';
import { decodeBatch } from './batch-codec';
import { decodeEvent, decodeNames } from './event-codec';
import { decodePoints, type PointsFrame } from './points-codec';
import { frameTypes } from './segment-format';
import type { Frame } from './segment-reader';

/** Here every point is known. */
type WholeSummary = Required<MetricSummary>;

interface Stamped<T> {
  readonly value: T;
  readonly at: number;
}

type End = Extract<RunEvent, { type: 'end' }>;

/** What the frames of one segment add up to. */
export class SegmentFold {
  start: RunStart | undefined;
  end: End | undefined;
  /** When this segment last opened the run anew. */
  resumedAt = Number.NEGATIVE_INFINITY;
  leaseUntil = 0;
  /** The last word on whether the run is deleted. */
  deleted: Stamped<boolean> | undefined;
  readonly params = new Map<string, Stamped<ParamValue>>();
  readonly tags = new Map<string, Stamped<string>>();
  readonly artifacts = new Map<string, StoredArtifact>();
  readonly inputs = new Map<string, Stamped<DatasetInput>>();
  readonly uses = new Map<string, Stamped<ModelUse>>();
  readonly metrics = new Map<string, WholeSummary>();
  readonly unknown: Omit<StoreDamage, 'file'>[] = [];
  /** The number of the last batch of each page. */
  readonly marks = new Map<string, number>();
  /** The segments that this one was made of by compaction, by their names. */
  replaces: ReadonlySet<string> = new Set();

  /** Adds a frame. */
  add(frame: Frame): void {
    if (frame.type === frameTypes.replaces) {
      this.replaces = decodeNames(frame.payload);
      return;
    }
    const batch = frame.type === frameTypes.batch ? decodeBatch(frame.payload) : undefined;
    if (batch !== undefined) {
      addMark(this.marks, batch.writer, batch.seq);
      for (const part of batch.parts) this.add({ ...frame, ...part });
      return;
    }
    const points = frame.type === frameTypes.points ? decodePoints(frame.payload) : undefined;
    const event = frame.type === frameTypes.event ? decodeEvent(frame.payload) : undefined;
    if (points !== undefined) this.#addPoints(points);
    else if (event !== undefined) this.#addEvent(event);
    else this.#addUnknown(frame);
  }

  #addUnknown(frame: Frame): void {
    this.unknown.push({ offset: frame.offset, length: frame.payload.byteLength, kind: 'unknown-record' });
  }

  #addEvent(event: RunEvent): void {
    switch (event.type) {
      case 'start':
        this.start = event;
        this.leaseUntil = Math.max(this.leaseUntil, event.leaseUntil);
        break;
      case 'params':
        for (const [key, value] of Object.entries(event.params)) this.params.set(key, { value, at: event.at });
        break;
      case 'tags':
        for (const [key, value] of Object.entries(event.tags)) this.tags.set(key, { value, at: event.at });
        break;
      case 'artifact':
        this.artifacts.set(event.name, artifactOf(event));
        break;
      case 'input':
        this.inputs.set(inputKey(event.dataset), { value: event.dataset, at: event.at });
        break;
      case 'use':
        this.uses.set(JSON.stringify([event.model.name, event.model.version]), { value: event.model, at: event.at });
        break;
      case 'beat':
        this.leaseUntil = Math.max(this.leaseUntil, event.leaseUntil);
        break;
      case 'resume':
        this.resumedAt = Math.max(this.resumedAt, event.at);
        this.leaseUntil = Math.max(this.leaseUntil, event.leaseUntil);
        break;
      case 'lifecycle':
        this.deleted = { value: event.deleted, at: event.at };
        break;
      case 'end':
        this.end = event;
        break;
    }
  }

  #addPoints(points: PointsFrame): void {
    const open: (OpenSummary | undefined)[] = new Array(points.keys.length);
    for (let i = 0; i < points.count; i++) {
      const id = points.keyId(i);
      let summary = open[id];
      if (summary === undefined) {
        summary = openSummary(this.metrics.get(points.keys[id] as string));
        open[id] = summary;
      }
      addPoint(summary, points.value(i), points.step(i), points.timestamp(i));
    }
    open.forEach((summary, id) => {
      if (summary !== undefined) this.metrics.set(points.keys[id] as string, summary);
    });
  }
}

/** Keeps the larger of two marks of a page. */
export function addMark(marks: Map<string, number>, writer: string, seq: number): void {
  marks.set(writer, Math.max(seq, marks.get(writer) ?? 0));
}

/** The marks of several segments together. */
export function mergeMarks(folds: readonly SegmentFold[]): Map<string, number> {
  const marks = new Map<string, number>();
  for (const fold of folds) for (const [writer, seq] of fold.marks) addMark(marks, writer, seq);
  return marks;
}

function artifactOf(event: Extract<RunEvent, { type: 'artifact' }>): StoredArtifact {
  const { type: _, at, ...artifact } = event;
  return { ...artifact, loggedAt: at };
}

function inputKey({ name, digest, context }: DatasetInput): string {
  return JSON.stringify([name, digest, context ?? null]);
}

type OpenSummary = { -readonly [K in keyof WholeSummary]: WholeSummary[K] };

function openSummary(from: WholeSummary | undefined): OpenSummary {
  if (from !== undefined) return { ...from };
  return { count: 0, last: Number.NaN, step: 0, timestamp: 0, min: Number.NaN, max: Number.NaN };
}

function isLater(summary: WholeSummary, step: number, timestamp: number): boolean {
  if (summary.count === 0 || step > summary.step) return true;
  return step === summary.step && timestamp >= summary.timestamp;
}

function addPoint(summary: OpenSummary, value: number, step: number, timestamp: number): void {
  if (isLater(summary, step, timestamp)) {
    summary.last = value;
    summary.step = step;
    summary.timestamp = timestamp;
  }
  summary.count++;
  if (Number.isNaN(value)) return;
  // Both are NaN until the first number comes.
  if (!(summary.min <= value)) summary.min = value;
  if (!(summary.max >= value)) summary.max = value;
}

function joinSummaries(a: WholeSummary, b: WholeSummary): WholeSummary {
  const later = isLater(a, b.step, b.timestamp) ? b : a;
  const min = Number.isNaN(a.min) ? b.min : Number.isNaN(b.min) ? a.min : Math.min(a.min, b.min);
  const max = Number.isNaN(a.max) ? b.max : Number.isNaN(b.max) ? a.max : Math.max(a.max, b.max);
  return { count: a.count + b.count, last: later.last, step: later.step, timestamp: later.timestamp, min, max };
}

/** Of each key the latest, keys in the order in which they came up. */
function latestOf<T>(maps: readonly ReadonlyMap<string, Stamped<T>>[]): readonly (readonly [string, T])[] {
  const latest = new Map<string, Stamped<T>>();
  for (const map of maps) {
    for (const [key, stamped] of map) {
      if (stamped.at >= (latest.get(key)?.at ?? Number.NEGATIVE_INFINITY)) latest.set(key, stamped);
    }
  }
  return [...latest].map(([key, stamped]) => [key, stamped.value] as const);
}

/** The end that counts: the last one, unless the run was opened anew after it. */
function endOf(folds: readonly SegmentFold[]): StoredRun['end'] {
  const resumedAt = Math.max(...folds.map((fold) => fold.resumedAt));
  const ends = folds.flatMap((fold) => fold.end ?? []).filter((end) => end.at >= resumedAt);
  const last = ends.sort((a, b) => a.at - b.at).at(-1);
  if (last === undefined) return undefined;
  return { status: last.status, at: last.at, ...(last.error === undefined ? {} : { error: last.error }) };
}

/**
 * A run from all of its segments. What is missing because it was damaged gets the most cautious reading: a run whose
 * start is lost has the empty name, and counts as expired unless a beat says otherwise.
 */
export function mergeRun(id: string, folds: readonly SegmentFold[], damage: readonly StoreDamage[]): StoredRun {
  const start = folds.map((fold) => fold.start).find((event) => event !== undefined);
  const end = endOf(folds);
  const lifecycle = folds.flatMap((fold) => fold.deleted ?? []).sort((a, b) => a.at - b.at);
  const deleted = lifecycle.at(-1);
  const metrics = new Map<string, WholeSummary>();
  const artifacts = new Map<string, StoredArtifact>();
  for (const fold of folds) {
    for (const [key, summary] of fold.metrics) {
      const known = metrics.get(key);
      metrics.set(key, known === undefined ? summary : joinSummaries(known, summary));
    }
    for (const artifact of fold.artifacts.values()) {
      const known = artifacts.get(artifact.name);
      if (known === undefined || artifact.loggedAt >= known.loggedAt) artifacts.set(artifact.name, artifact);
    }
  }
  return {
    id,
    experiment: start?.experiment ?? '',
    name: start?.name ?? '',
    startedAt: start?.at ?? 0,
    leaseUntil: Math.max(0, ...folds.map((fold) => fold.leaseUntil)),
    ...(start?.parent === undefined ? {} : { parent: start.parent }),
    ...(end === undefined ? {} : { end }),
    params: Object.fromEntries(latestOf(folds.map((fold) => fold.params))),
    tags: Object.fromEntries(latestOf(folds.map((fold) => fold.tags))),
    metrics: Object.fromEntries(metrics),
    artifacts: [...artifacts.values()],
    inputs: latestOf(folds.map((fold) => fold.inputs)).map(([, input]) => input),
    uses: latestOf(folds.map((fold) => fold.uses)).map(([, use]) => use),
    ...(deleted?.value === true ? { deletedAt: deleted.at } : {}),
    damage,
  };
}
