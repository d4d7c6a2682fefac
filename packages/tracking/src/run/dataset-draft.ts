import type { CallOptions } from '@fairlead/core';
import { createSha256 } from '#files';
import { invalidArgument, isDigest } from '../names';
import { redactRecord, redactSecrets } from '../secrets';
import type { DatasetInput } from '../store/stored-run';
import { encodeTable, type TableData } from './media/table';
import { checkTags } from './values';

/**
 * A dataset that goes into a run. Exactly one of `digest`, `bytes`, `file` and `table` says what it holds; the bytes
 * themselves are not kept, only their SHA-256 (use `logArtifact` to keep them).
 */
export interface DatasetDraft {
  /** 1 to 500 characters. */
  readonly name: string;
  /** What it is used for, such as `training` or `validation`. */
  readonly context?: string;
  /** Where it comes from: a path or a URL, whose credentials are removed. @default the path of `file` */
  readonly source?: string;
  /** How many rows it has. @default those of `table` */
  readonly rows?: number;
  /** Its columns. @default those of `table` */
  readonly schema?: readonly { readonly name: string; readonly type: string }[];
  readonly tags?: Readonly<Record<string, string>>;
  /** SHA-256 in lower-case hex, or `md5:` and the MD5 by which DVC knows it (with `.dir` for a folder). */
  readonly digest?: string;
  readonly bytes?: Uint8Array;
  /** The path of a file, which is read and not kept. */
  readonly file?: string;
  /** Rows or columns; the digest is that of the CSV that `logTable` would write. */
  readonly table?: TableData;
}

/** Computes the SHA-256 of a file, lower-case hex. */
export type HashFile = (path: string, call: CallOptions) => Promise<string>;

const contents = ['digest', 'bytes', 'file', 'table'] as const;
const fields = new Set<string>([...contents, 'name', 'context', 'source', 'rows', 'schema', 'tags']);
const maxTextLength = 500;

function checkText(field: string, text: unknown): void {
  if (typeof text === 'string' && text.trim() !== '' && text.length <= maxTextLength) return;
  throw invalidArgument(`dataset.${field}`, `a text of 1 to ${maxTextLength} characters`, text);
}

function checkSchema(schema: unknown): void {
  const isColumn = (column: unknown): boolean =>
    typeof column === 'object' &&
    column !== null &&
    typeof (column as { name?: unknown }).name === 'string' &&
    typeof (column as { type?: unknown }).type === 'string';
  if (Array.isArray(schema) && schema.every(isColumn)) return;
  throw invalidArgument('dataset.schema', 'an array of { name, type }', schema);
}

function checkDraft(draft: DatasetDraft): void {
  if (typeof draft !== 'object' || draft === null) throw invalidArgument('dataset', 'an object with a name', draft);
  for (const key of Object.keys(draft)) {
    if (!fields.has(key)) throw invalidArgument(`dataset.${key}`, `one of ${[...fields].join(', ')}`, key);
  }
  const given = contents.filter((content) => draft[content] !== undefined);
  if (given.length !== 1) {
    throw invalidArgument('dataset', 'exactly one of digest, bytes, file and table', given.join(' and ') || 'none');
  }
  checkText('name', draft.name);
  if (draft.context !== undefined) checkText('context', draft.context);
  if (draft.file !== undefined) checkText('file', draft.file);
  if (draft.source !== undefined && (typeof draft.source !== 'string' || draft.source.length > 8000)) {
    throw invalidArgument('dataset.source', 'a path or URL of at most 8000 characters', draft.source);
  }
  if (draft.rows !== undefined && !(Number.isSafeInteger(draft.rows) && draft.rows >= 0)) {
    throw invalidArgument('dataset.rows', 'a whole number, 0 or more', draft.rows);
  }
  if (draft.schema !== undefined) checkSchema(draft.schema);
  if (draft.tags !== undefined) checkTags(draft.tags);
}

function sha256(bytes: Uint8Array): string {
  const hash = createSha256();
  hash.update(bytes);
  return hash.hex();
}

function checkDigest(digest: unknown): asserts digest is string {
  if (typeof digest === 'string' && (isDigest(digest) || /^md5:[0-9a-f]{32}(\.dir)?$/.test(digest))) return;
  throw invalidArgument(
    'dataset.digest',
    'a SHA-256 in lower-case hex, or "md5:" and an MD5',
    digest,
    'Give "bytes", "file" or "table", and it is computed.',
  );
}

/** What a draft says the dataset holds: its digest, and what can be seen beside it. */
async function contentOf(draft: DatasetDraft, hashFile: HashFile, call: CallOptions) {
  if (draft.bytes !== undefined) {
    if (draft.bytes instanceof Uint8Array) return { digest: sha256(draft.bytes) };
    throw invalidArgument('dataset.bytes', 'a Uint8Array', draft.bytes);
  }
  if (draft.file !== undefined) return { digest: await hashFile(draft.file, call), source: draft.file };
  if (draft.table !== undefined) {
    const { csv, columns, rows } = encodeTable(draft.table);
    return { digest: sha256(new TextEncoder().encode(csv)), schema: columns, rows };
  }
  checkDigest(draft.digest);
  return { digest: draft.digest };
}

/**
 * What is recorded of a dataset.
 * @throws FairleadError `INVALID_ARGUMENT`, `LIMIT_EXCEEDED` for a tag that is too long, `NOT_FOUND` for a file that is
 * not there, `ABORTED`
 */
export async function toDatasetInput(
  draft: DatasetDraft,
  hashFile: HashFile,
  call: CallOptions,
): Promise<DatasetInput> {
  checkDraft(draft);
  const content: Partial<DatasetInput> & { digest: string } = await contentOf(draft, hashFile, call);
  const { name, context, rows, schema, tags } = draft;
  const source = draft.source ?? content.source;
  return {
    name,
    ...content,
    ...(context === undefined ? {} : { context }),
    ...(source === undefined ? {} : { source: redactSecrets(source) }),
    ...(rows === undefined ? {} : { rows }),
    ...(schema === undefined ? {} : { schema: schema.map((column) => ({ name: column.name, type: column.type })) }),
    ...(tags === undefined ? {} : { tags }),
  };
}

/**
 * What was recorded of a dataset elsewhere, checked, without what no dataset has and without credentials in its source.
 * @throws FairleadError `INVALID_ARGUMENT`, `LIMIT_EXCEEDED`
 */
export function checkDatasetInput(dataset: DatasetInput): DatasetInput {
  checkDraft(dataset);
  checkDigest(dataset.digest);
  const { name, digest, context, source, rows, schema, tags } = dataset;
  return {
    name,
    digest,
    ...(context === undefined ? {} : { context }),
    ...(source === undefined ? {} : { source: redactSecrets(source) }),
    ...(rows === undefined ? {} : { rows }),
    ...(schema === undefined ? {} : { schema: schema.map((column) => ({ name: column.name, type: column.type })) }),
    ...(tags === undefined ? {} : { tags: redactRecord(tags, () => {}) }),
  };
}
