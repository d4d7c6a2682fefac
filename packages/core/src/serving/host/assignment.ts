import { FairleadError } from '../../errors';

/** Header, or metadata of gRPC, with the key by which a rollout assigns the request. */
export const keyHeader = 'x-fairlead-key';
/** Header, or metadata of gRPC, with the context by which a contextual bandit chooses: numbers with commas between them. */
export const contextHeader = 'x-fairlead-context';

/** What a rollout assigns a request by. */
export interface Assignment {
  /** The unit of assignment: requests with the same key get the same arm. */
  readonly key?: string;
  /** What a contextual bandit chooses by. */
  readonly context?: readonly number[];
}

/** The same, as the parameters of a body hold it; not looked at yet. */
export interface AssignmentParameters {
  readonly key?: unknown;
  readonly context?: unknown;
}

/** UTF-16 units of a key. */
const mostKeyUnits = 256;
/** Numbers of a context, as many as a bandit takes. */
const mostNumbers = 256;
/** Characters of a context: those numbers with all their digits. */
const mostContextCharacters = mostNumbers * 25;

/**
 * The key of a request, as its header says or else its parameters. An empty header says nothing, for that is how proxies take headers away.
 *
 * @throws FairleadError `INVALID_ARGUMENT`, which does not hold what was given: a key may be somebody's name
 */
export function readKey(header: string | null | undefined, parameter: unknown): string | undefined {
  if (header) {
    if (header.length <= mostKeyUnits && /^[\x20-\x7e]*$/.test(header)) return header;
    // Whether bytes beyond ASCII are UTF-8 nobody can tell, and then one key would be two.
    throw wrong(keyHeader, `printable ASCII of at most ${mostKeyUnits} characters`, `${header.length} characters`);
  }
  if (parameter === undefined) return undefined;
  const expected = `a text of at most ${mostKeyUnits} characters`;
  if (typeof parameter !== 'string') throw wrong('parameters.key', expected, typeof parameter);
  if (parameter.length <= mostKeyUnits) return parameter;
  throw wrong('parameters.key', expected, `${parameter.length} characters`);
}

/**
 * The context of a request, as its header says or else its parameters.
 *
 * @throws FairleadError `INVALID_ARGUMENT`
 */
export function readContext(header: string | null | undefined, parameter: unknown): readonly number[] | undefined {
  const [field, text] = header ? [contextHeader, header] : ['parameters.context', parameter];
  if (text === undefined) return undefined;
  const expected = `at most ${mostNumbers} finite numbers with commas between them`;
  if (typeof text !== 'string') throw wrong(field, expected, typeof text);
  if (text.length > mostContextCharacters) throw wrong(field, expected, `${text.length} characters`);
  const numbers = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  if (numbers.length <= mostNumbers && numbers.every(Number.isFinite)) return numbers;
  throw wrong(
    field,
    expected,
    `${numbers.length} parts, of which ${numbers.filter(Number.isFinite).length} are numbers`,
  );
}

function wrong(field: string, expected: string, given: string): FairleadError {
  return new FairleadError('INVALID_ARGUMENT', `Request ${field}: expected ${expected}, given ${given}.`, {
    details: { field, expected, given },
  });
}
