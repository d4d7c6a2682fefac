import * as z from 'zod/mini';
import { parseOptions } from '../../config';
import type { Strategy } from '../contracts';
import { canary } from './canary';
import type { PromoteRule, Schedule } from './parts';
import { promoteField, scheduleField, shareField, wholeField } from './schemas';

/** Options of {@link championChallenger}. */
export interface ChampionChallengerOptions {
  /** Share of each challenger. More than 0, at most 1. @default 0.1 */
  readonly share?: number;
  /** Requests that each challenger must have had before it may win. @default 1000 */
  readonly minRequests?: number;
  /** What makes a challenger the one who serves. With `never` somebody decides. @default 'non-inferior' */
  readonly promoteOn?: PromoteRule;
  /** Hours in which it may be promoted. @default at any time */
  readonly schedule?: Schedule;
}

const schema = z.strictObject({
  share: z._default(shareField, 0.1),
  minRequests: z._default(wholeField, 1000),
  promoteOn: z._default(promoteField, 'non-inferior'),
  schedule: scheduleField,
});

/**
 * Lets challengers run beside the champion at a small, fixed share for as long as it takes: a canary of one step.
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function championChallenger(options: ChampionChallengerOptions = {}): Strategy {
  const { share, minRequests, promoteOn, schedule } = parseOptions(schema, options, 'championChallenger');
  const steps = [{ weight: share, minRequests }];
  const inner = canary({ steps, promoteOn, ...(schedule === undefined ? {} : { schedule: schedule as Schedule }) });
  return { ...inner, name: 'champion-challenger' };
}
