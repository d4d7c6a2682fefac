import { createReadStream } from 'node:fs';
import { describeValue, FairleadError, messageOf } from '@fairlead/core';
import { logOf, readHead } from './audit-file';
import { type ChainLine, type ChainPosition, chainStart, openLine, sha256 } from './chain';
import type { AuditedDecision } from './decision';
import { type AuditKey, createIsSigned, type IsSigned } from './signing';
import type { AuditHead } from './sink';

/** Options of {@link verifyAuditLog}. */
export interface VerifyAuditOptions {
  /** Checks signatures too, and wants the log signed to its end. @default none */
  readonly key?: AuditKey;
  /** Where the log once was, kept elsewhere: `flush()` of the log tells it. @default what stands in `FILE.head` */
  readonly head?: AuditHead;
  /** Whether the first files may be missing, since they are kept elsewhere. @default false */
  readonly allowMissingStart?: boolean;
  /** Whether there may be no `head`: then nothing proves that the end is not cut off. @default false */
  readonly allowMissingHead?: boolean;
  /** Told each decision of a rollout that was found good, in the order of the log. @default none */
  readonly onDecision?: (decision: AuditedDecision, line: ChainPosition) => void;
}

/** The first thing that is wrong. */
export interface AuditBreak {
  readonly file: string;
  /** Counted from 1 in its file; one past the last where something is missing at the end. */
  readonly line: number;
  /** In words. */
  readonly reason: string;
}

/** What {@link verifyAuditLog} found. */
export interface AuditReport {
  /** Whether the log is whole and as it was written. */
  readonly ok: boolean;
  /** The files in the order of the chain. */
  readonly files: readonly string[];
  /** Lines that were found good. */
  readonly lines: number;
  /** Calls among them. */
  readonly calls: number;
  /** Decisions of rollouts among them. */
  readonly decisions: number;
  /** Calls and decisions of which the log says that it does not tell of them. */
  readonly dropped: number;
  /** Lines that a crash cut short, and the log went on behind. */
  readonly torn: number;
  /** The last good line; keep it elsewhere as proof. */
  readonly end: ChainPosition;
  /** The last line up to which all is signed by the key; undefined without one. */
  readonly signedTo?: number;
  /** Whether the log was closed in order. */
  readonly closed: boolean;
  readonly broken?: AuditBreak;
}

/** A file, with the number of its first line. */
interface Part {
  readonly file: string;
  readonly first: number;
}

interface Piece {
  readonly bytes: Buffer;
  /** Whether a newline ends it. */
  readonly isWhole: boolean;
}

/**
 * Verifies an audit log: every line is as it was written, none is missing, added or moved, and the end is there.
 *
 * The hashes prove this against accidents and against who does not compute them anew. Against who can write all files, give `key`; and
 * against who puts back an older state of all of them, a `head` that was kept elsewhere.
 *
 * @param files one file or several, in any order: `calls.jsonl.1`, `calls.jsonl.2`, `calls.jsonl`
 * @throws FairleadError `INVALID_OPTION`, `STORE_FAILED` for files that cannot be read
 */
export async function verifyAuditLog(
  files: string | readonly string[],
  options: VerifyAuditOptions = {},
): Promise<AuditReport> {
  const given: readonly unknown[] = [files].flat();
  if (!areFiles(given)) {
    const expected = 'the path of one file or more';
    throw new FairleadError(
      'INVALID_OPTION',
      `verifyAuditLog: expected ${expected}, given ${given.length === 0 ? 'none' : describeValue(files)}.`,
      {
        details: { field: 'files', expected },
      },
    );
  }
  const isSigned = options.key && createIsSigned(options.key, 'verifyAuditLog');
  // Before the lines: of a log that is being written, more lines may come than the head knows, and not fewer.
  const head = options.head ?? (await findHead(given));
  const parts = await inOrder(given);
  const state = createState(options, head, isSigned);
  for (const { file } of parts) {
    await readFileInto(state, file);
    if (state.broken !== undefined) break;
  }
  if (state.broken === undefined) checkEnd(state);
  return reportOf(
    state,
    parts.map(({ file }) => file),
  );
}

function areFiles(given: readonly unknown[]): given is readonly string[] {
  return given.length > 0 && given.every((file) => typeof file === 'string' && file !== '');
}

interface State {
  readonly options: VerifyAuditOptions;
  readonly head: AuditHead | undefined;
  readonly isSigned: IsSigned | undefined;
  position: ChainPosition;
  isFirst: boolean;
  file: string;
  line: number;
  /** What was no line, and may be one that a crash cut short. */
  torn: { readonly bytes: Buffer; readonly line: number } | undefined;
  lines: number;
  calls: number;
  decisions: number;
  dropped: number;
  tornLines: number;
  signedTo: number;
  isHeadSeen: boolean;
  lastKind: unknown;
  broken: AuditBreak | undefined;
}

function createState(options: VerifyAuditOptions, head: AuditHead | undefined, isSigned: IsSigned | undefined): State {
  return {
    options,
    head,
    isSigned,
    position: chainStart,
    isFirst: true,
    file: '',
    line: 0,
    torn: undefined,
    lines: 0,
    calls: 0,
    decisions: 0,
    dropped: 0,
    tornLines: 0,
    signedTo: 0,
    isHeadSeen: head?.seq === 0,
    lastKind: undefined,
    broken: undefined,
  };
}

async function readFileInto(state: State, file: string): Promise<void> {
  state.file = file;
  state.line = 0;
  for await (const piece of piecesOf(file)) {
    state.line++;
    const reason = takePiece(state, piece);
    if (reason === undefined) continue;
    state.broken ??= { file, line: state.line, reason };
    return;
  }
  // A line that was cut short at the end of a file has no successor that says so.
  if (state.torn !== undefined) {
    state.broken = { file, line: state.torn.line, reason: 'the line was changed or cut short' };
  }
}

/** Takes one line; says what is wrong with it. */
function takePiece(state: State, { bytes, isWhole }: Piece): string | undefined {
  const read = openLine(bytes);
  if (!isWhole) return read === undefined ? 'the line is cut short' : 'the end of the line is missing';
  const { torn } = state;
  if (read === undefined) {
    if (torn === undefined) {
      state.torn = { bytes, line: state.line };
      return undefined;
    }
    return breakAtTorn(state, torn.line);
  }
  const isRecovery = read.fields.kind === 'recovered';
  if (torn !== undefined) {
    const { tornBytes, tornHash } = read.fields;
    const fits = isRecovery && tornBytes === torn.bytes.length && tornHash === sha256(torn.bytes);
    if (!fits) return breakAtTorn(state, torn.line);
    state.torn = undefined;
    state.tornLines++;
  } else if (isRecovery) {
    return 'what a crash left before this line is gone';
  }
  return takeLine(state, read);
}

function breakAtTorn(state: State, line: number): string {
  state.broken = { file: state.file, line, reason: 'the line was changed or cut short' };
  return 'the line before is broken';
}

function takeLine(state: State, read: ChainLine): string | undefined {
  const { options, isFirst, position } = state;
  state.isFirst = false;
  const isLateStart = isFirst && options.allowMissingStart === true && read.position.seq > 1;
  if (!isLateStart) {
    const wrong = breakBetween(position, read);
    if (wrong !== undefined) return wrong;
  }
  const before = isLateStart ? { seq: read.position.seq - 1, hash: read.previous } : position;
  const wrong = takeFields(state, before, read.fields);
  if (wrong !== undefined) return wrong;
  state.position = read.position;
  state.lines++;
  if (read.position.seq === state.head?.seq) {
    if (read.position.hash !== state.head.hash) return 'the line is not the one that the head proves';
    state.isHeadSeen = true;
  }
  if (read.fields.kind === 'decision') options.onDecision?.(read.fields as unknown as AuditedDecision, read.position);
  return undefined;
}

function breakBetween(before: ChainPosition, { position, previous }: ChainLine): string | undefined {
  if (position.seq > before.seq + 1) {
    const gone = position.seq - before.seq - 1;
    return `${gone === 1 ? 'a line is' : `${gone} lines are`} missing before this one`;
  }
  if (position.seq <= before.seq) return 'the line is here twice, or was moved';
  return previous === before.hash ? undefined : 'the line does not follow the one before it';
}

function takeFields(state: State, before: ChainPosition, fields: ChainLine['fields']): string | undefined {
  const { kind, count, lostSeq } = fields;
  if (kind !== 'checkpoint') state.lastKind = kind;
  if (kind === 'call') state.calls++;
  if (kind === 'decision') state.decisions++;
  if (kind === 'dropped') state.dropped += Number(count);
  if (kind === 'lost') return `when the log was opened, lines ${before.seq + 1} to ${lostSeq} were gone`;
  if (kind === 'checkpoint' && state.isSigned !== undefined) {
    if (!state.isSigned('checkpoint', before, fields)) return 'the signature is not by this key';
    state.signedTo = before.seq + 1;
  }
  return undefined;
}

function checkEnd(state: State): void {
  const { head, options, isSigned, position, line, file, lines } = state;
  const reason = endBreak(state);
  if (reason !== undefined) state.broken = { file, line: line + 1, reason };
  else if (isSigned !== undefined && head?.signature !== undefined) state.signedTo = Math.max(state.signedTo, head.seq);
  // Nothing at all is a log only where its head says so.
  if (state.broken === undefined && lines === 0 && head === undefined && options.allowMissingHead !== true) {
    state.broken = { file, line: position.seq + 1, reason: 'there is no line' };
  }
}

function endBreak({ head, options, isSigned, position, isHeadSeen }: State): string | undefined {
  if (head === undefined) {
    return options.allowMissingHead === true
      ? undefined
      : 'nothing proves that the log ends here: its .head is missing';
  }
  if (head.seq > position.seq) {
    const gone = head.seq - position.seq;
    return `the log is cut off: ${gone === 1 ? 'a line is' : `${gone} lines are`} missing at its end`;
  }
  if (!isHeadSeen) return 'what the head proves is not in these files';
  if (isSigned !== undefined && !isSigned('head', head, head)) return 'the signature of the head is not by this key';
  return undefined;
}

function reportOf(state: State, files: readonly string[]): AuditReport {
  const { broken, lines, calls, decisions, dropped, tornLines, position, signedTo, isSigned, lastKind } = state;
  return {
    ok: broken === undefined,
    files,
    lines,
    calls,
    decisions,
    dropped,
    torn: tornLines,
    end: position,
    ...(isSigned !== undefined && { signedTo }),
    closed: lastKind === 'close',
    ...(broken !== undefined && { broken }),
  };
}

async function findHead(files: readonly string[]): Promise<AuditHead | undefined> {
  for (const file of files) {
    const head = (await readHead(await logOf(file))) ?? undefined;
    if (head !== undefined) return head;
  }
  return undefined;
}

/** The files by the numbers of their first lines; those without one come last, as the empty file behind a full one does. */
async function inOrder(files: readonly string[]): Promise<readonly Part[]> {
  const parts: Part[] = [];
  for (const file of files) parts.push({ file, first: await firstSeq(file) });
  return parts.sort((one, other) => one.first - other.first);
}

async function firstSeq(file: string): Promise<number> {
  for await (const { bytes } of piecesOf(file)) {
    const found = /^\{"seq":(\d{1,15}),/.exec(bytes.subarray(0, 30).toString('latin1'))?.[1];
    return found === undefined ? Number.MAX_SAFE_INTEGER : Number(found);
  }
  return Number.MAX_SAFE_INTEGER;
}

/** More than any line has. */
const longestLine = 1024 * 1024;

/** The lines of a file, without their newlines; memory holds one at a time. */
async function* piecesOf(file: string): AsyncGenerator<Piece> {
  let rest: Buffer = Buffer.alloc(0);
  try {
    for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
      let data = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      for (let end = data.indexOf(10); end !== -1; end = data.indexOf(10)) {
        yield { bytes: data.subarray(0, end), isWhole: true };
        data = data.subarray(end + 1);
      }
      rest = data;
      if (rest.length > longestLine) break;
    }
  } catch (cause) {
    const message = `The audit log ${file} cannot be read: ${messageOf(cause)}`;
    throw new FairleadError('STORE_FAILED', message, { cause, details: { field: 'files', given: file } });
  }
  if (rest.length > 0) yield { bytes: rest, isWhole: false };
}
