import { type Evidence, FairleadError, messageOf, parseOptions } from '@fairlead/core';
import * as z from 'zod/mini';
import { fromText, toText } from '../embedded/event-codec';
import { checkTitle } from '../names';

const schema = z.strictObject({
  actor: z.string().check(z.minLength(1)),
  reason: z.string().check(z.minLength(1), z.maxLength(10_000)),
  data: z.optional(z.record(z.string(), z.unknown())),
});

/** Most characters that the data of one change may take as JSON. */
const maxDataLength = 262_144;

/**
 * Evidence as it will be read back: what the store cannot keep is refused here instead of being lost.
 * @throws FairleadError `INVALID_OPTION`, `INVALID_ARGUMENT`, `LIMIT_EXCEEDED`
 */
export function checkEvidence(evidence: Evidence): Evidence {
  parseOptions(schema, evidence, 'evidence');
  checkTitle('evidence.actor', evidence.actor);
  if (evidence.data === undefined) return evidence;
  return { ...evidence, data: keptData(evidence.data) };
}

function keptData(data: NonNullable<Evidence['data']>): NonNullable<Evidence['data']> {
  let text: string;
  try {
    text = toText(data);
  } catch (error) {
    throw new FairleadError(
      'INVALID_ARGUMENT',
      `"evidence.data" must survive JSON: no cycles and no BigInt (${messageOf(error)}).`,
      { cause: error, details: { field: 'evidence.data', expected: 'a value that survives JSON' } },
    );
  }
  if (text.length <= maxDataLength) return fromText(text) as NonNullable<Evidence['data']>;
  throw new FairleadError(
    'LIMIT_EXCEEDED',
    `"evidence.data" takes ${text.length} characters as JSON, and ${maxDataLength} is the most. Log it as an artifact ` +
      'and give its digest.',
    { details: { field: 'evidence.data', expected: `at most ${maxDataLength} characters`, given: `${text.length}` } },
  );
}

/** Who an actor is, however he is written: `Ada ` and `ada` are one, so that nobody approves twice. */
export function identityOf(actor: string): string {
  return actor.normalize('NFKC').trim().toLowerCase();
}
