import { readFileSync, statSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { type Clock, describeValue, FairleadError, type Logger, messageOf, parseOptions } from '@fairlead/core';
import { type ApiKeyRecord, bytesOfHash, recordSchema } from './api-key';

/** A record with the bytes to compare with. */
export interface KnownKey {
  readonly record: ApiKeyRecord;
  readonly hash: Buffer;
}

/** Keys by their id. */
export type KnownKeys = ReadonlyMap<string, KnownKey>;

/** Keys in a file, as they are now. */
export interface KeyFile {
  /** The keys; a promise where it is time to look whether the file has changed. */
  current(): KnownKeys | Promise<KnownKeys>;
}

/** What is needed to follow a file. */
export interface KeyFileSettings {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Milliseconds for which the file is taken to be as it was. */
  readonly checkMs: number;
}

/** A file that was written this recently may have been written again without a new time. */
const sameTimeMs = 2000;

/**
 * Follows a file of keys, one record in JSON a line. It is looked at when a key is asked for, so nothing has to be closed. A file that
 * is gone or broken changes nothing: the keys before stay, and the logger is told.
 *
 * @throws FairleadError `INVALID_OPTION` where it cannot be read at first
 */
export function openKeyFile(path: string, { clock, logger, checkMs }: KeyFileSettings): KeyFile {
  let { keys, mark } = readFirst(path);
  let isSettled = false;
  let checkedAt = clock.now();
  let checking: Promise<KnownKeys> | undefined;
  let complaint = '';

  const check = async (): Promise<KnownKeys> => {
    try {
      const found = await stat(path, { bigint: true });
      const now = markOf(found);
      if (now !== mark || !isSettled) {
        keys = parseKeys(await readFile(path, 'utf8'), path);
        mark = now;
        isSettled = Number(found.mtimeMs) < clock.epochMs() - sameTimeMs;
      }
      complaint = '';
    } catch (error) {
      const message = `The keys in ${path} cannot be read, so those before stay: ${messageOf(error)}`;
      if (message !== complaint) logger.error({ error, path }, message);
      complaint = message;
    }
    checkedAt = clock.now();
    checking = undefined;
    return keys;
  };

  return {
    current() {
      if (checking !== undefined) return checking;
      if (clock.now() - checkedAt < checkMs) return keys;
      checking = check();
      return checking;
    },
  };
}

function readFirst(path: string): { keys: KnownKeys; mark: string } {
  try {
    const mark = markOf(statSync(path, { bigint: true }));
    return { keys: parseKeys(readFileSync(path, 'utf8'), path), mark };
  } catch (cause) {
    const why = messageOf(cause).replace(/^apiKeys: |\.$/g, '');
    const message = `apiKeys: option "file" is wrong: ${why}. Make it with \`npx @fairlead/node create-key --file ${path}\`.`;
    throw new FairleadError('INVALID_OPTION', message, {
      cause,
      details: { field: 'file', expected: 'a file of keys', given: path },
    });
  }
}

function markOf({ mtimeNs, ctimeNs, size, ino }: Record<'mtimeNs' | 'ctimeNs' | 'size' | 'ino', bigint>): string {
  return `${mtimeNs} ${ctimeNs} ${size} ${ino}`;
}

function parseKeys(text: string, path: string): KnownKeys {
  const records: ApiKeyRecord[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() !== '') records.push(checkRecord(parseLine(line), `line ${index + 1} of ${path}`));
  }
  return indexKeys(records, path);
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    // What is no JSON is no record either.
    return undefined;
  }
}

/**
 * Checks a record, and quotes nothing of it: somebody may have put a key itself there.
 * @throws FairleadError `INVALID_OPTION`
 */
export function checkRecord(given: unknown, where: string): ApiKeyRecord {
  try {
    return parseOptions(recordSchema, given ?? null, 'apiKeys') as ApiKeyRecord;
  } catch (error) {
    const { field = 'options', expected = '' } = FairleadError.isInstance(error) ? error.details : {};
    const what = field === 'options' ? '' : ` Its "${field}" is wrong: expected ${expected}.`;
    throw new FairleadError('INVALID_OPTION', `apiKeys: ${where} is no record of a key.${what}`, {
      details: { field: where, expected: 'a record that createApiKey() made' },
    });
  }
}

/**
 * Keys by their id.
 * @throws FairleadError `INVALID_OPTION` where two have the same
 */
export function indexKeys(records: readonly ApiKeyRecord[], where: string): KnownKeys {
  const keys = new Map<string, KnownKey>();
  for (const record of records) {
    if (keys.has(record.id)) {
      throw new FairleadError('INVALID_OPTION', `apiKeys: ${where} has two keys with the id ${record.id}.`, {
        details: { field: 'id', expected: 'one key an id', given: describeValue(record.id) },
      });
    }
    keys.set(record.id, { record, hash: bytesOfHash(record) });
  }
  return keys;
}
