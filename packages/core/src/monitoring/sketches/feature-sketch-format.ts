import { FairleadError } from '../../errors';
import { ByteReader, ByteWriter } from './byte-io';
import { type CategoryJson, categoryIn, plainCategory } from './category';
import { logBucketsFromJson } from './create-log-buckets';
import { FeatureSketch } from './feature-sketch';
import type { FeatureSketchJson } from './feature-sketch-types';
import { heavyHittersFromJson } from './heavy-hitters';
import { hyperLogLogFromJson, lgKLimits } from './hyperloglog';
import type { BucketRun } from './log-buckets-state';
import { momentsFromJson } from './moments';
import { reservoirFromJson } from './reservoir';
import { corruptState, plainNumber, recordIn, wholeIn } from './state-checks';

/*
 * The binary form of a feature sketch, version 1, little-endian:
 *   4 bytes "FLFS", version, a byte of flags (1 numeric, 2 distinct, 4 top, 8 sample)
 *   tallies, then each part that the flags name, then a checksum of 32 bits.
 * Counts are in seven bits a byte, so that a sketch that saw little is small.
 */

const magic = 'FLFS';
const format = 'fairlead-feature-sketch';
const version = 1;
const flags = { numeric: 1, distinct: 2, top: 4, sample: 8 } as const;
const everyFlag = 15;
const mostBytes = 16 * 2 ** 20;

/** Options of {@link parseFeatureSketch} and {@link featureSketchFromJson}. */
export interface ParseFeatureSketchOptions {
  /** Start of the random numbers with which its sample goes on, a whole number below 2³². @default 1 */
  readonly seed?: number;
}

/**
 * Writes a feature sketch as bytes: a magic number, a version, what it holds, a checksum. Some 300 bytes for numbers. Equal
 * sketches give equal bytes. The random numbers of its sample are not written.
 *
 * @throws FairleadError `LIMIT_EXCEEDED` above 16 MiB
 */
export function serializeFeatureSketch(sketch: FeatureSketch): Uint8Array {
  const state = sketch.toJSON();
  const writer = new ByteWriter();
  for (const letter of magic) writer.byte(letter.charCodeAt(0));
  writer.byte(version);
  writer.byte(
    (state.numeric ? flags.numeric : 0) |
      (state.distinct ? flags.distinct : 0) |
      (state.top ? flags.top : 0) |
      (state.sample ? flags.sample : 0),
  );
  for (const tally of [state.absent, state.numbers, state.notANumber, state.texts]) writer.whole(tally);
  if (state.numeric) writeNumeric(writer, state.numeric);
  if (state.distinct) {
    writer.byte(state.distinct.lgK);
    writer.byte(state.distinct.hash);
    for (const digit of state.distinct.registers) writer.byte(digit.charCodeAt(0));
  }
  if (state.top) writeTop(writer, state.top);
  if (state.sample) writeSample(writer, state.sample);
  const bytes = writer.finish();
  refuseTooLarge(bytes);
  return bytes;
}

/**
 * Reads the bytes that {@link serializeFeatureSketch} wrote. Nothing is believed: sizes are checked before anything is
 * allocated, counts and ranges against each other.
 *
 * @throws FairleadError `STORE_CORRUPT` when the bytes are no feature sketch or contradict themselves; `UNSUPPORTED` for a
 * later version; `LIMIT_EXCEEDED` above 16 MiB
 */
export function parseFeatureSketch(bytes: Uint8Array, options: ParseFeatureSketchOptions = {}): FeatureSketch {
  refuseTooLarge(bytes);
  const head = String.fromCharCode(...bytes.subarray(0, magic.length));
  if (head !== magic) throw corruptState('sketch', `bytes that begin with "${magic}"`, JSON.stringify(head));
  refuseLaterVersion(bytes[magic.length]);
  const reader = new ByteReader(bytes, 'sketch');
  reader.bytes(magic.length + 1);
  const kept = reader.byte();
  if (kept > everyFlag) throw corruptState('sketch.flags', `at most ${everyFlag}`, String(kept));
  const [absent, numbers, notANumber, texts] = [reader.whole(), reader.whole(), reader.whole(), reader.whole()];
  const state: FeatureSketchJson = {
    format,
    version,
    absent,
    numbers,
    notANumber,
    texts,
    numeric: kept & flags.numeric ? readNumeric(reader) : null,
    distinct: kept & flags.distinct ? readDistinct(reader) : null,
    top: kept & flags.top ? readTop(reader) : null,
    sample: kept & flags.sample ? readSample(reader) : null,
  };
  reader.end();
  return featureSketchFromJson(state, options);
}

/**
 * Reads the plain form of `FeatureSketch.toJSON`, such as `JSON.parse` gives it. Nothing is believed.
 *
 * @throws FairleadError `STORE_CORRUPT` when it is none or contradicts itself; `UNSUPPORTED` for a later version
 */
export function featureSketchFromJson(plain: unknown, options: ParseFeatureSketchOptions = {}): FeatureSketch {
  const given = (plain ?? {}) as { format?: unknown; version?: unknown };
  if (given.format !== format) throw corruptState('sketch.format', `"${format}"`, given.format);
  refuseLaterVersion(given.version);
  const names = [
    'format',
    'version',
    'absent',
    'numbers',
    'notANumber',
    'texts',
    'numeric',
    'distinct',
    'top',
    'sample',
  ];
  const state = recordIn(plain, 'sketch', names);
  const numeric = state.numeric === null ? null : recordIn(state.numeric, 'sketch.numeric', ['buckets', 'moments']);
  const { distinct, top, sample } = state;
  const sketch = new FeatureSketch(
    {
      buckets: numeric === null ? undefined : logBucketsFromJson(numeric.buckets, 'sketch.numeric.buckets'),
      moments: numeric === null ? undefined : momentsFromJson(numeric.moments, 'sketch.numeric.moments'),
      distinct: distinct === null ? undefined : hyperLogLogFromJson(distinct, 'sketch.distinct'),
      top: top === null ? undefined : heavyHittersFromJson(top, 'sketch.top'),
      sample: sample === null ? undefined : reservoirFromJson(sample, options.seed, 'sketch.sample'),
    },
    {
      absent: wholeIn(state.absent, 'sketch.absent'),
      numbers: wholeIn(state.numbers, 'sketch.numbers'),
      notANumber: wholeIn(state.notANumber, 'sketch.notANumber', 0, state.numbers as number),
      texts: wholeIn(state.texts, 'sketch.texts'),
    },
  );
  refuseContradictions(sketch);
  return sketch;
}

/** The parts saw the same values, so that their counts must agree. */
function refuseContradictions(sketch: FeatureSketch): void {
  const { parts } = sketch;
  const { numbers, notANumber, texts } = sketch.toJSON();
  const agree = (field: string, expected: number, given: number) => {
    if (expected !== given) throw corruptState(`sketch.${field}`, `${expected} values, as were counted`, String(given));
  };
  if (parts.buckets) {
    agree('numeric.buckets', numbers, parts.buckets.count);
    agree('numeric.buckets.notANumber', notANumber, parts.buckets.notANumber);
  }
  if (parts.moments && parts.buckets) {
    const { notANumber: nan, negativeInfinity, positiveInfinity } = parts.buckets;
    agree('numeric.moments.skipped', nan + negativeInfinity + positiveInfinity, parts.moments.skipped);
    agree('numeric.moments', numbers, parts.moments.count + parts.moments.skipped);
  }
  if (parts.top) agree('top', numbers - notANumber + texts, parts.top.total);
  if (parts.sample) {
    agree('sample', numbers, parts.sample.seen);
    agree('sample.width', 1, parts.sample.width);
  }
}

function refuseTooLarge(bytes: Uint8Array): void {
  if (bytes.byteLength <= mostBytes) return;
  const [expected, given] = [`at most ${mostBytes} bytes`, `${bytes.byteLength} bytes`];
  throw new FairleadError('LIMIT_EXCEEDED', `sketch: expected ${expected}, given ${given}. Keep fewer top values.`, {
    details: { field: 'sketch', expected, given },
  });
}

function refuseLaterVersion(given: unknown): void {
  if (Number.isInteger(given) && (given as number) > version) {
    throw new FairleadError(
      'UNSUPPORTED',
      `sketch.version: this release reads version ${version}, given ${given}. Update @fairlead/core.`,
      { details: { field: 'sketch.version', expected: String(version), given: String(given) } },
    );
  }
  if (given !== version) throw corruptState('sketch.version', String(version), given);
}

type NumericJson = NonNullable<FeatureSketchJson['numeric']>;
type TopJson = NonNullable<FeatureSketchJson['top']>;
type SampleJson = NonNullable<FeatureSketchJson['sample']>;

function writeNumeric(writer: ByteWriter, { buckets, moments }: NumericJson): void {
  writer.whole(buckets.buckets);
  writer.double(buckets.zeroWithin);
  writer.byte(buckets.shift);
  writer.double(buckets.grid ?? Number.NaN);
  for (const tally of [buckets.notANumber, buckets.negativeInfinity, buckets.positiveInfinity, buckets.zeros]) {
    writer.whole(tally);
  }
  for (const { from, counts } of [buckets.negative, buckets.positive]) {
    writer.whole(from);
    writer.whole(counts.length);
    for (const count of counts) writer.whole(count);
  }
  writer.whole(moments.count);
  writer.whole(moments.skipped);
  for (const value of [moments.mean, moments.squares, moments.minimum, moments.maximum]) writer.double(Number(value));
}

function readNumeric(reader: ByteReader): NumericJson {
  const [buckets, zeroWithin, shift, grid] = [reader.whole(), reader.double(), reader.byte(), reader.double()];
  const [notANumber, negativeInfinity] = [reader.whole(), reader.whole()];
  const [positiveInfinity, zeros] = [reader.whole(), reader.whole()];
  const [negative, positive] = [readRun(reader), readRun(reader)];
  const [count, skipped] = [reader.whole(), reader.whole()];
  const moment = () => plainNumber(reader.double());
  const [mean, squares, minimum, maximum] = [moment(), moment(), moment(), moment()];
  return {
    buckets: {
      buckets,
      zeroWithin,
      shift,
      grid: Number.isNaN(grid) ? null : grid,
      notANumber,
      negativeInfinity,
      positiveInfinity,
      zeros,
      negative,
      positive,
    },
    moments: { count, skipped, mean, squares, minimum, maximum },
  };
}

function readRun(reader: ByteReader): BucketRun {
  const from = reader.whole();
  return { from, counts: Array.from({ length: reader.length(1) }, () => reader.whole()) };
}

function readDistinct(reader: ByteReader): NonNullable<FeatureSketchJson['distinct']> {
  const lgK = reader.byte();
  wholeIn(lgK, 'sketch.distinct.lgK', lgKLimits.least, lgKLimits.most);
  const hash = reader.byte();
  let registers = '';
  for (const code of reader.bytes(2 ** lgK)) registers += String.fromCharCode(code);
  return { lgK, hash, registers };
}

const [textKind, numberKind, bigintKind] = [0, 1, 2] as const;

function writeTop(writer: ByteWriter, { counters, maxLength, total, truncated, items }: TopJson): void {
  for (const figure of [counters, maxLength, total, truncated, items.length]) writer.whole(figure);
  for (const [plain, count, error] of items) {
    const value = categoryIn(plain, 'top');
    if (typeof value === 'string') {
      writer.byte(textKind);
      writer.text(value);
    } else if (typeof value === 'number') {
      writer.byte(numberKind);
      writer.double(value);
    } else {
      writer.byte(bigintKind);
      writer.text(String(value));
    }
    writer.whole(count);
    writer.whole(error);
  }
}

function readTop(reader: ByteReader): TopJson {
  const [counters, maxLength, total, truncated] = [reader.whole(), reader.whole(), reader.whole(), reader.whole()];
  // The least that an item takes: its kind, an empty text, two counts.
  const items = Array.from(
    { length: reader.length(4) },
    () => [readCategory(reader), reader.whole(), reader.whole()] as const,
  );
  return { counters, maxLength, total, truncated, items };
}

function readCategory(reader: ByteReader): CategoryJson {
  const kind = reader.byte();
  if (kind === textKind) return reader.text();
  if (kind === numberKind) return plainCategory(reader.double());
  if (kind === bigintKind) return { bigint: reader.text() };
  throw corruptState('sketch.top.items', 'a kind from 0 to 2', String(kind));
}

function writeSample(writer: ByteWriter, { size, dtype, seen, values }: SampleJson): void {
  writer.whole(size);
  writer.byte(dtype === 'float32' ? 4 : 8);
  writer.whole(seen);
  for (const value of values) {
    if (dtype === 'float32') writer.float(Number(value));
    else writer.double(Number(value));
  }
}

function readSample(reader: ByteReader): SampleJson {
  const [size, bytesEach, seen] = [reader.whole(), reader.byte(), reader.whole()];
  if (bytesEach !== 4 && bytesEach !== 8) throw corruptState('sketch.sample.dtype', '4 or 8 bytes', String(bytesEach));
  const rows = Math.min(size, seen);
  if (rows * bytesEach > reader.left) throw corruptState('sketch.sample', `${rows} values`, `${reader.left} bytes`);
  const read = () => plainNumber(bytesEach === 4 ? reader.float() : reader.double());
  const values = Array.from({ length: rows }, read);
  return { size, width: 1, dtype: bytesEach === 4 ? 'float32' : 'float64', seen, values };
}
