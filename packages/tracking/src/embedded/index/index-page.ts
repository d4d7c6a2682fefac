import type { PeekableRun } from '../../search/compile-filter';
import type { MetricSummary, ParamValue, StoredRun } from '../../store/run-store';
import { fromText, toText } from '../event-codec';
import { frameHeaderLength, newFrame } from '../segment-format';
import type { IndexEntry, SegmentState } from './index-entry';

/*
 * A page of the index: the summaries of some runs, in a form of which only what a search asks for has to be decoded. The
 * payload of a frame; FORMAT.md describes it. Every text is kept once a page, in a dictionary in JSON, so that the parsing
 * of texts, which is the costly part, is done natively and in one go.
 */

const encoder = new TextEncoder();
const decoder = new TextDecoder();

const none = 0xffffffff;
const fixedLength = 88;
const segmentLength = 20;
const paramLength = 13;
const tagLength = 8;
const metricLength = 52;
const paramTypes = { number: 0, boolean: 1, string: 2 } as const;

/** Texts and their numbers. */
class Dictionary {
  readonly #numbers = new Map<string, number>();

  numberOf(text: string | undefined): number {
    if (text === undefined) return none;
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    const number = this.#numbers.size;
    this.#numbers.set(text, number);
    return number;
  }

  bytes(): Uint8Array {
    return encoder.encode(JSON.stringify([...this.#numbers.keys()]));
  }
}

/** What has no column of its own, as one text: most runs share it. */
function restOf(run: StoredRun): string {
  const { id, experiment, name, startedAt, leaseUntil, params, tags, metrics, parent, deletedAt, end, ...rest } = run;
  return toText(end?.error === undefined ? rest : { ...rest, error: end.error });
}

function encodeRecord({ run, folderMtimeMs, segments, checkedAt }: IndexEntry, dictionary: Dictionary): Uint8Array {
  const params = Object.entries(run.params);
  const tags = Object.entries(run.tags);
  const metrics = Object.entries(run.metrics);
  const bytes = new Uint8Array(
    fixedLength +
      segments.length * segmentLength +
      params.length * paramLength +
      tags.length * tagLength +
      metrics.length * metricLength,
  );
  const view = new DataView(bytes.buffer);
  let at = 0;
  const u32 = (value: number): void => {
    view.setUint32(at, value, true);
    at += 4;
  };
  const text = (value: string | undefined): void => u32(dictionary.numberOf(value));
  const f64 = (value: number): void => {
    view.setFloat64(at, value, true);
    at += 8;
  };
  text(run.id);
  text(run.experiment);
  text(run.name);
  text(run.end?.status);
  text(run.parent);
  text(restOf(run));
  f64(run.startedAt);
  f64(run.leaseUntil);
  f64(run.end?.at ?? Number.NaN);
  f64(run.deletedAt ?? Number.NaN);
  f64(folderMtimeMs);
  f64(checkedAt);
  for (const list of [segments, params, tags, metrics]) u32(list.length);
  for (const segment of segments) {
    text(segment.name);
    f64(segment.size);
    f64(segment.mtimeMs);
  }
  for (const [key, value] of params) {
    text(key);
    const type = typeof value as keyof typeof paramTypes;
    view.setUint8(at++, paramTypes[type]);
    if (typeof value === 'string') {
      text(value);
      at += 4;
    } else f64(Number(value));
  }
  for (const [key, value] of tags) {
    text(key);
    text(value);
  }
  for (const [key, { count, last, step, timestamp, min, max }] of metrics) {
    text(key);
    for (const value of [count, last, step, timestamp, min, max]) f64(value as number); // all are known here
  }
  return bytes;
}

/** A frame, not yet sealed, that holds these runs. */
export function encodePage(entries: readonly IndexEntry[]): Uint8Array {
  const dictionary = new Dictionary();
  const records = entries.map((entry) => encodeRecord(entry, dictionary));
  const texts = dictionary.bytes();
  const length = records.reduce((sum, record) => sum + 4 + record.byteLength, 8 + texts.byteLength);
  const frame = newFrame(length);
  const view = new DataView(frame.buffer, frameHeaderLength);
  view.setUint32(0, records.length, true);
  view.setUint32(4, texts.byteLength, true);
  frame.set(texts, frameHeaderLength + 8);
  let at = 8 + texts.byteLength;
  for (const record of records) {
    view.setUint32(at, record.byteLength, true);
    frame.set(record, frameHeaderLength + at + 4);
    at += 4 + record.byteLength;
  }
  return frame;
}

/** What the records of one page share. */
interface Page {
  readonly view: DataView;
  readonly texts: readonly string[];
  /** Numbers of texts that were asked for; -1 for one that the page does not have. */
  readonly numbers: Map<string, number>;
  /** What has no column, parsed, by the number of its text. */
  readonly rests: Map<number, Rest>;
}

type Rest = Pick<StoredRun, 'artifacts' | 'inputs' | 'uses' | 'damage'> & {
  readonly error?: NonNullable<StoredRun['end']>['error'];
};

/** A run of a page. What not every search asks for is decoded whenever it is asked for, so that it takes no memory. */
class PagedRun implements PeekableRun {
  readonly id: string;
  readonly experiment: string;
  readonly name: string;
  readonly startedAt: number;
  readonly leaseUntil: number;
  declare readonly parent?: string;
  declare readonly end?: NonNullable<StoredRun['end']>;
  declare readonly deletedAt?: number;
  readonly #page: Page;
  readonly #at: number;

  constructor(page: Page, at: number) {
    this.#page = page;
    this.#at = at;
    const { view } = page;
    this.id = textAt(page, at);
    this.experiment = textAt(page, at + 4);
    this.name = textAt(page, at + 8);
    this.startedAt = view.getFloat64(at + 24, true);
    this.leaseUntil = view.getFloat64(at + 32, true);
    if (view.getUint32(at + 16, true) !== none) this.parent = textAt(page, at + 16);
    if (view.getUint32(at + 12, true) !== none) {
      const { error } = this.#rest;
      const status = textAt(page, at + 12) as NonNullable<StoredRun['end']>['status'];
      this.end = { status, at: view.getFloat64(at + 40, true), ...(error === undefined ? {} : { error }) };
    }
    const deletedAt = view.getFloat64(at + 48, true);
    if (!Number.isNaN(deletedAt)) this.deletedAt = deletedAt;
  }

  get #rest(): Rest {
    const number = this.#page.view.getUint32(this.#at + 20, true);
    const known = this.#page.rests.get(number);
    if (known !== undefined) return known;
    const rest = fromText(this.#page.texts[number] as string) as Rest;
    this.#page.rests.set(number, rest);
    return rest;
  }

  get artifacts(): StoredRun['artifacts'] {
    return this.#rest.artifacts;
  }

  get inputs(): StoredRun['inputs'] {
    return this.#rest.inputs;
  }

  get uses(): StoredRun['uses'] {
    return this.#rest.uses;
  }

  get damage(): StoredRun['damage'] {
    return this.#rest.damage;
  }

  get params(): Readonly<Record<string, ParamValue>> {
    return paramsAt(this.#page, this.#at);
  }

  get tags(): Readonly<Record<string, string>> {
    return tagsAt(this.#page, this.#at);
  }

  get metrics(): Readonly<Record<string, MetricSummary>> {
    return metricsAt(this.#page, this.#at);
  }

  peek(scope: 'metric' | 'param' | 'tag', key: string): ParamValue | undefined {
    const wanted = numberOf(this.#page, key);
    if (wanted === undefined) return undefined;
    const { view } = this.#page;
    const layout = layoutOf(view, this.#at);
    switch (scope) {
      case 'metric': {
        const at = find(view, layout.metricsAt, layout.metrics, metricLength, wanted);
        return at === undefined ? undefined : view.getFloat64(at + 12, true);
      }
      case 'param': {
        const at = find(view, layout.paramsAt, layout.params, paramLength, wanted);
        return at === undefined ? undefined : paramAt(this.#page, at);
      }
      case 'tag': {
        const at = find(view, layout.tagsAt, layout.tags, tagLength, wanted);
        return at === undefined ? undefined : textAt(this.#page, at + 4);
      }
    }
  }

  /** The same as a plain object. */
  plain(): StoredRun {
    const { id, experiment, name, startedAt, leaseUntil, params, tags, metrics, artifacts, inputs, uses, damage } =
      this;
    return {
      ...{ id, experiment, name, startedAt, leaseUntil, params, tags, metrics, artifacts, inputs, uses, damage },
      ...(this.parent === undefined ? {} : { parent: this.parent }),
      ...(this.end === undefined ? {} : { end: this.end }),
      ...(this.deletedAt === undefined ? {} : { deletedAt: this.deletedAt }),
    };
  }
}

/** A run of the index as a plain object, with nothing left to decode. */
export function plainRun(run: StoredRun): StoredRun {
  return run instanceof PagedRun ? run.plain() : run;
}

/** The number of a text of a page. */
function numberOf(page: Page, text: string): number | undefined {
  const known = page.numbers.get(text);
  if (known !== undefined) return known < 0 ? undefined : known;
  const number = page.texts.indexOf(text);
  page.numbers.set(text, number);
  return number < 0 ? undefined : number;
}

/** Where the row of a key lies, among rows that begin with the numbers of their keys. */
function find(view: DataView, first: number, rows: number, rowLength: number, key: number): number | undefined {
  for (let i = 0, at = first; i < rows; i++, at += rowLength) if (view.getUint32(at, true) === key) return at;
  return undefined;
}

function textAt({ view, texts }: Page, at: number): string {
  return texts[view.getUint32(at, true)] as string;
}

/** How many segments, parameters, tags and metrics a record has, and where the first of each lies. */
function layoutOf(view: DataView, at: number) {
  const segments = view.getUint32(at + 72, true);
  const params = view.getUint32(at + 76, true);
  const tags = view.getUint32(at + 80, true);
  const metrics = view.getUint32(at + 84, true);
  const segmentsAt = at + fixedLength;
  const paramsAt = segmentsAt + segments * segmentLength;
  const tagsAt = paramsAt + params * paramLength;
  const metricsAt = tagsAt + tags * tagLength;
  return { segments, segmentsAt, params, paramsAt, tags, tagsAt, metrics, metricsAt };
}

function segmentsAt(page: Page, at: number): SegmentState[] {
  const { segments, segmentsAt } = layoutOf(page.view, at);
  return Array.from({ length: segments }, (_, i) => {
    const from = segmentsAt + i * segmentLength;
    const size = page.view.getFloat64(from + 4, true);
    return { name: textAt(page, from), size, mtimeMs: page.view.getFloat64(from + 12, true) };
  });
}

/** A record in which a key may be called `__proto__`. */
function define<T>(record: Record<string, T>, key: string, value: T): void {
  if (key !== '__proto__') record[key] = value;
  else Object.defineProperty(record, key, { value, enumerable: true, configurable: true, writable: true });
}

function paramAt(page: Page, at: number): ParamValue {
  const type = page.view.getUint8(at + 4);
  if (type === paramTypes.string) return textAt(page, at + 5);
  const number = page.view.getFloat64(at + 5, true);
  return type === paramTypes.boolean ? number === 1 : number;
}

function paramsAt(page: Page, at: number): Record<string, ParamValue> {
  const { params, paramsAt: first } = layoutOf(page.view, at);
  const found: Record<string, ParamValue> = {};
  for (let i = 0, from = first; i < params; i++, from += paramLength) {
    define(found, textAt(page, from), paramAt(page, from));
  }
  return found;
}

function tagsAt(page: Page, at: number): Record<string, string> {
  const { tags, tagsAt: first } = layoutOf(page.view, at);
  const found: Record<string, string> = {};
  for (let i = 0, from = first; i < tags; i++, from += tagLength) {
    define(found, textAt(page, from), textAt(page, from + 4));
  }
  return found;
}

function metricsAt(page: Page, at: number): Record<string, MetricSummary> {
  const { view } = page;
  const { metrics, metricsAt: first } = layoutOf(view, at);
  const found: Record<string, MetricSummary> = {};
  for (let i = 0, from = first; i < metrics; i++, from += metricLength) {
    define(found, textAt(page, from), {
      count: view.getFloat64(from + 4, true),
      last: view.getFloat64(from + 12, true),
      step: view.getFloat64(from + 20, true),
      timestamp: view.getFloat64(from + 28, true),
      min: view.getFloat64(from + 36, true),
      max: view.getFloat64(from + 44, true),
    });
  }
  return found;
}

/** Decodes its numbers whenever they are asked for, as its run does. */
class PagedEntry implements IndexEntry {
  readonly run: StoredRun;
  readonly #page: Page;
  readonly #at: number;

  constructor(run: StoredRun, page: Page, at: number) {
    this.run = run;
    this.#page = page;
    this.#at = at;
  }

  get folderMtimeMs(): number {
    return this.#page.view.getFloat64(this.#at + 56, true);
  }

  get checkedAt(): number {
    return this.#page.view.getFloat64(this.#at + 64, true);
  }

  get segments(): readonly SegmentState[] {
    return segmentsAt(this.#page, this.#at);
  }
}

/** The runs of a page. The payload must stay as it is from then on. @throws SyntaxError, RangeError when it is none */
export function decodePage(payload: Uint8Array): IndexEntry[] {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const count = view.getUint32(0, true);
  const textsLength = view.getUint32(4, true);
  const texts = JSON.parse(decoder.decode(payload.subarray(8, 8 + textsLength))) as readonly string[];
  const page: Page = { view, texts, numbers: new Map(), rests: new Map() };
  const entries: IndexEntry[] = [];
  let at = 8 + textsLength;
  for (let i = 0; i < count; i++) {
    const from = at + 4;
    const run = new PagedRun(page, from);
    entries.push(new PagedEntry(run, page, from));
    at = from + view.getUint32(at, true);
  }
  return entries;
}
