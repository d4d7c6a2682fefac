import { type ParseArgsConfig, parseArgs } from 'node:util';
import { messageOf } from '@fairlead/core';
import { UsageError } from './command';

type ParseArgsOptionsConfig = NonNullable<ParseArgsConfig['options']>;

/** What `parseArgs` answers for such options. */
type Parsed<Options extends ParseArgsOptionsConfig> = ReturnType<
  typeof parseArgs<{ args: string[]; options: Options; allowPositionals: true; strict: true }>
>;

/**
 * Parses a command's arguments by `parseArgs` of Node.
 *
 * @param options the options, as Node has them
 * @param positionals how many arguments that are no options there may be; each is named for the message. A name that ends in
 * `…` takes all that follow.
 * @throws UsageError
 */
export function parseArguments<const Options extends ParseArgsOptionsConfig>(
  args: readonly string[],
  options: Options,
  positionals: readonly string[] = [],
): Parsed<Options> {
  const parsed = parseOrRefuse(args, options);
  const takesMany = positionals.at(-1)?.endsWith('…') === true;
  const extra = takesMany ? undefined : parsed.positionals[positionals.length];
  if (extra !== undefined) throw new UsageError(`"${extra}" is one argument too many.`);
  return parsed;
}

function parseOrRefuse<const Options extends ParseArgsOptionsConfig>(
  args: readonly string[],
  options: Options,
): Parsed<Options> {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (error) {
    // Of an option that does not exist, or whose value is missing or not wanted.
    throw new UsageError(messageOf(error), { cause: error });
  }
}

/**
 * A whole number of an option.
 * @throws UsageError
 */
export function wholeNumberOf(option: string, text: string, minimum: number, maximum: number): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= minimum && value <= maximum) return value;
  throw new UsageError(`--${option} must be a whole number from ${minimum} to ${maximum}; given "${text}".`);
}
