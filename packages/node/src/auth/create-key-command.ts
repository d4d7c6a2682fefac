import { appendFile, readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { FairleadError, messageOf } from '@fairlead/core';
import { type CreateApiKeyOptions, createApiKey } from './api-key';
import { howToMend, parseKeys } from './key-file';

/** Where a command writes. */
interface Output {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

const usage = `Usage: fairlead-node create-key [options]

Makes an API key for apiKeys() of @fairlead/node/auth, and prints it with the
record that the server keeps, which has its hash alone.

  --file FILE        appends the record to FILE, and prints the key alone
  --principal NAME   whose key it is
  --models LIST      models that it is good for: digits,team-*  (all)
  --operations LIST  infer,metadata,list,health,documentation   (these)
                     and load, unload, metrics, which must be named
  --days NUMBER      days after which it expires                (never)
  --rate NUMBER      requests a second
  --burst NUMBER     requests that may come at once
  --json             prints one JSON object {key, record}
`;

/**
 * The command `create-key`.
 * @returns the exit status: 0, 1 when the file cannot be written or holds anything but keys, 2 for wrong arguments
 */
export async function createKeyCommand(args: readonly string[], { stdout, stderr }: Output): Promise<number> {
  let wanted: Wanted;
  let created: ReturnType<typeof createApiKey>;
  try {
    wanted = parse(args);
    if (wanted.help) {
      stdout.write(usage);
      return 0;
    }
    created = createApiKey(wanted.options);
  } catch (error) {
    stderr.write(`${messageOf(error)}\n\n${usage}`);
    return 2;
  }
  const { key, record } = created;
  const line = JSON.stringify(record);
  if (wanted.file !== undefined) {
    try {
      await appendLine(wanted.file, line);
    } catch (error) {
      const isBroken = FairleadError.isInstance(error);
      const advice = isBroken ? `${howToMend} Or give another --file.` : 'Give a --file that can be written.';
      const why = isBroken ? error.message : `create-key: its record cannot be written: ${messageOf(error)}.`;
      stderr.write(`${why} ${advice} No key was made.\n`);
      return 1;
    }
  }
  if (wanted.json) stdout.write(`${JSON.stringify({ key, record }, undefined, 2)}\n`);
  else if (wanted.file !== undefined) stdout.write(`${key}\n`);
  else stdout.write(`${key}\n${line}\n`);
  if (!wanted.json) stderr.write('The first line is the key, for its owner, and shown this once.\n');
  return 0;
}

interface Wanted {
  readonly options: CreateApiKeyOptions;
  readonly file: string | undefined;
  readonly json: boolean;
  readonly help: boolean;
}

function parse(args: readonly string[]): Wanted {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      file: text,
      principal: text,
      models: text,
      operations: text,
      days: text,
      rate: text,
      burst: text,
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const { file, principal, models, operations, days, rate, burst, json, help } = values;
  if (burst !== undefined && rate === undefined) throw wrongArgument('--burst needs --rate.');
  const rateLimit = rate !== undefined && {
    requestsPerSecond: numberOf('rate', rate),
    ...(burst !== undefined && { burst: numberOf('burst', burst) }),
  };
  const options = {
    ...(principal !== undefined && { principal }),
    ...(models !== undefined && { models: models.split(',') }),
    // createApiKey says which there are.
    ...(operations !== undefined && {
      operations: operations.split(',') as NonNullable<CreateApiKeyOptions['operations']>,
    }),
    ...(days !== undefined && { lifetimeMs: numberOf('days', days) * 86_400_000 }),
    ...(rateLimit !== false && { rateLimit }),
  };
  return { options, file, json, help };
}

function numberOf(name: string, text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value > 0)) throw wrongArgument(`--${name} takes a number above 0, not "${text}".`);
  return value;
}

function wrongArgument(message: string): FairleadError {
  return new FairleadError('INVALID_ARGUMENT', message);
}

/**
 * Appends a line, and a newline before it where the file lacks one at its end.
 * @throws FairleadError where the file holds anything but keys: a server that follows it would not take the new one either
 */
async function appendLine(file: string, line: string): Promise<void> {
  const before = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  parseKeys(before, file, 'create-key');
  const gap = before === '' || before.endsWith('\n') ? '' : '\n';
  await appendFile(file, `${gap}${line}\n`, { mode: 0o600 });
}
