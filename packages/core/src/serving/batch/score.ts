import { deadlineError, noDeadline } from '../../deadline';
import { FairleadError } from '../../errors';
import type { RunManyResult } from '../../run-many/results';
import { type RunnerOfMany, runMany } from '../../run-many/run-many';
import type { RunOptions, RunResult } from '../../runner/runner';
import { encodingOf } from '../answer-body';
import { unpackPieces } from '../byte-pieces';
import type { ServiceRequest, ServiceResponse } from '../exchange';
import type { FailureLog } from '../failure-log';
import type { Call } from '../host/call';
import { notFound, type ServedModel } from '../host/catalog';
import type { ModelHost } from '../host/model-host';
import { describeError } from '../http-error';
import { headerDeadline } from '../request-deadline';
import type { BatchFormat, InputRow, OutputRow, RowWriter } from './format';
import { groupsOf } from './groups';
import { formatOfAnswer, formatOfBody } from './negotiate';
import type { BatchScoringSettings } from './options';
import { createRowDecoder } from './row-decoder';

/** Rows that are written as one piece at most. */
const mostTogether = 256;

type Result = RunManyResult<InputRow>;

/**
 * Answers a body of rows by a stream of rows. Resolves when the first of them are answered, so what is wrong with the request as a
 * whole, or its beginning, is still told by the status; what breaks later is the last row.
 */
export async function scoreRows(
  host: ModelHost,
  settings: BatchScoringSettings,
  formats: readonly BatchFormat[],
  logFailure: FailureLog,
  request: ServiceRequest,
  call: Call,
): Promise<ServiceResponse> {
  const { model: name = '', version } = call;
  const model = host.catalog.find(name, version);
  call.reach(name);
  const format = formatOfBody(formats, request.header('content-type'));
  const answerFormat = formatOfAnswer(formats, format, request.header('accept'));
  const deadline = headerDeadline(request.header, call.arrivedAt);
  const decoder = createRowDecoder(model.runner.signature, {
    idName: new URLSearchParams(request.query).get('id') ?? 'id',
    columns: Object.hasOwn(settings.columns, name) ? (settings.columns[name] ?? {}) : {},
    maxElements: host.limits.maxTensorElements,
  });
  const place = host.admission.enter();
  const stop = stopper(host, call, deadline);
  try {
    place.hold(settings.maxHeldBytes + settings.maxRowBytes);
    const writer = await answerFormat.openWriter(model.runner.signature);
    const body = unpacked(request, settings.maxTotalBytes);
    const rows = counted(format.read(body, { decoder, maxRowBytes: settings.maxRowBytes }), settings.maxTotalRows);
    const many = runMany(pinned(host, model, version, model.rollout?.optionsOf(call)), rows, {
      toInputs: inputsOf,
      errors: 'yield',
      priority: settings.priority,
      maxRows: settings.maxHeldRows,
      maxBytes: settings.maxHeldBytes,
      signal: stop.signal,
      clock: host.clock,
    });
    const groups = groupsOf(many, host.clock, mostTogether);
    const first = await groups.next();
    const log = (error: unknown, status: number): void =>
      logFailure(error, { method: 'POST', path: request.path, status });
    const pieces = writeGroups(host, call, writer, first.value, groups, { reasonOf: stop.reasonOf, log });
    const end = async (): Promise<void> => {
      stop.end();
      place.leave();
      await many.return();
    };
    return {
      status: 200,
      headers: { 'content-type': answerFormat.contentType, 'cache-control': 'no-store' },
      body: closing(pieces, end),
    };
  } catch (error) {
    stop.end();
    place.leave();
    throw stop.reasonOf(error);
  }
}

/** What ends a batch before its body does: its time, or its client. */
function stopper({ clock }: ModelHost, { signal }: Call, deadline: number) {
  const controller = new AbortController();
  const onAbort = (): void => controller.abort(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  if (signal?.aborted) onAbort();
  const outOfTime = (): void => controller.abort(deadlineError('before all rows were answered'));
  const timer = deadline === noDeadline ? undefined : clock.setTimer(outOfTime, Math.max(0, deadline - clock.now()));
  return {
    signal: controller.signal,
    /** What ended the batch says more than that it was aborted. */
    reasonOf(error: unknown): unknown {
      const { aborted, reason } = controller.signal;
      return aborted && FairleadError.isInstance(reason) ? reason : error;
    },
    end(): void {
      timer?.clear();
      signal?.removeEventListener('abort', onAbort);
    },
  };
}

function unpacked(request: ServiceRequest, maxBytes: number): AsyncIterable<Uint8Array> {
  const encoding = encodingOf(request);
  const pieces = request.stream(maxBytes);
  return encoding === 'identity' ? pieces : unpackPieces(pieces, encoding, maxBytes);
}

async function* counted(rows: AsyncIterable<InputRow>, maxRows: number): AsyncGenerator<InputRow, undefined> {
  let count = 0;
  for await (const row of rows) {
    if (++count > maxRows) {
      throw new FairleadError('LIMIT_EXCEEDED', `The body has more than ${maxRows} rows. Send the rest by itself.`, {
        details: { field: 'rows', expected: `at most ${maxRows}` },
      });
    }
    yield row;
  }
}

function inputsOf({ inputs, error }: InputRow) {
  if (inputs === undefined) throw error;
  return inputs;
}

/**
 * The model of a batch as a runner: the one that is served under its name when a row is sent, as it may be loaded anew meanwhile.
 * @param assigned what a rollout assigns every row by
 */
function pinned(
  { catalog, clock }: ModelHost,
  first: ServedModel,
  version: string | undefined,
  assigned: RunOptions | undefined,
): RunnerOfMany {
  return {
    signature: first.runner.signature,
    async run(inputs, options?: RunOptions): Promise<RunResult> {
      const { runner, statistics } = catalog.find(first.name, version);
      const startedAt = clock.now();
      try {
        const result = await runner.run(inputs, assigned === undefined ? options : { ...options, ...assigned });
        if (version !== undefined && result.model.version !== version)
          throw notFound('version', version, `"${result.model.version}" of "${first.name}"`);
        statistics.succeeded(result, 1, { totalMs: clock.now() - startedAt, inputMs: 0, outputMs: 0 });
        return result;
      } catch (error) {
        // A row that is refused is sent again, and counts when it has ended.
        if (!FairleadError.isInstance(error, 'OVERLOADED')) statistics.failed(runner.model, clock.now() - startedAt);
        throw error;
      }
    },
  };
}

/** What becomes of failures. */
interface Failures {
  /** What ended the batch, where that says more. */
  reasonOf(error: unknown): unknown;
  log(error: unknown, status: number): void;
}

/** The answer, piece by piece; how the batch went is told to whoever watches the call. */
async function* writeGroups(
  host: ModelHost,
  call: Call,
  writer: RowWriter,
  first: Result[] | undefined,
  groups: AsyncGenerator<Result[], undefined>,
  { reasonOf, log }: Failures,
): AsyncGenerator<Uint8Array, undefined> {
  const write = createGroupWriter(host, call, writer, log);
  const head = writer.begin();
  if (head.byteLength > 0) yield head;
  try {
    if (first !== undefined) yield write.rows(first);
    for await (const group of groups) yield write.rows(group);
  } catch (thrown) {
    const error = reasonOf(thrown);
    call.end(error);
    if (call.signal?.aborted && !FairleadError.isInstance(call.signal.reason)) return;
    const { status, body } = describeError(error);
    if (status >= 500) log(error, status);
    yield writer.write([{ index: undefined, id: undefined, error: body }]);
  }
  write.noteTotal();
  const tail = writer.end();
  if (tail.byteLength > 0) yield tail;
}

function createGroupWriter({ clock, logger }: ModelHost, call: Call, writer: RowWriter, log: Failures['log']) {
  let answered = 0;
  let failed = 0;
  let last: RunResult | undefined;

  const fail = (error: unknown) => {
    failed++;
    const { status, body } = describeError(error);
    if (status >= 500) log(error, status);
    return body;
  };
  const rowOf = (result: Result): OutputRow => {
    const { index, item, error } = result;
    if (error !== undefined) return { index, id: item.id, error: fail(error) };
    answered++;
    last = result;
    return { index, id: item.id, outputs: result.outputs };
  };
  return {
    rows(results: readonly Result[]): Uint8Array {
      const rows = results.map(rowOf);
      try {
        return writer.write(rows);
      } catch (error) {
        // An answer that cannot be written: find out which.
        return joined(rows.map((row) => writeAlone(writer, row, error, fail)));
      }
    },
    noteTotal(): void {
      if (last === undefined) return;
      const { model, timing, batchSize } = last;
      // Rows come, are computed and are answered at the same time, so its parts end together.
      const endMs = clock.now() - call.arrivedAt;
      const moments = { receivedMs: endMs, readMs: endMs, answeredMs: endMs, writtenMs: endMs };
      call.note({ model, rows: answered, timing, batchSize, moments });
      if (failed > 0) logger.debug({ model: call.model, failed, answered }, `${failed} rows of a batch failed.`);
    },
  };
}

function writeAlone(writer: RowWriter, row: OutputRow, first: unknown, fail: (error: unknown) => object): Uint8Array {
  try {
    return writer.write([row]);
  } catch (error) {
    return writer.write([
      { index: row.index, id: row.id, error: fail(error ?? first) as NonNullable<OutputRow['error']> },
    ]);
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.byteLength;
  }
  return bytes;
}

/** The same pieces; `end` is called once when they end in whatever way, also when they are left before they begin. */
function closing(pieces: AsyncGenerator<Uint8Array, undefined>, end: () => Promise<void>): AsyncIterable<Uint8Array> {
  let ending: Promise<void> | undefined;
  const close = (): Promise<void> => {
    ending ??= end();
    return ending;
  };
  return {
    [Symbol.asyncIterator]: () => ({
      async next() {
        try {
          const step = await pieces.next();
          if (step.done) await close();
          return step;
        } catch (error) {
          await close();
          throw error;
        }
      },
      async return() {
        await close();
        return { done: true, value: undefined };
      },
    }),
  };
}
