import { noDeadline } from '../deadline';
import { FairleadError } from '../errors';
import { describeGiven } from '../tensor/json/describe-given';

/** Header in which a client gives what is left of its time, in milliseconds. The remote runner sends it. */
export const timeoutHeader = 'x-request-timeout-ms';

/** Header in which an Envoy proxy tells how long it will wait, in milliseconds. */
const envoyHeader = 'x-envoy-expected-rq-timeout-ms';

/**
 * The absolute deadline that the headers of a request set, on the clock of `arrivedAt`: the earlier one where two are
 * given.
 *
 * @throws FairleadError `INVALID_ARGUMENT` for a value that is no number of milliseconds
 */
export function headerDeadline(header: (name: string) => string | null | undefined, arrivedAt: number): number {
  let deadline = noDeadline;
  for (const name of [timeoutHeader, envoyHeader]) {
    const value = header(name);
    if (value === null || value === undefined || value === '') continue;
    if (!/^\d{1,12}(\.\d{1,12})?$/.test(value)) {
      throw new FairleadError(
        'INVALID_ARGUMENT',
        `Header ${name}: expected milliseconds, given ${describeGiven(value)}.`,
        {
          details: { field: name, expected: 'milliseconds, 0 or more', given: describeGiven(value) },
        },
      );
    }
    deadline = Math.min(deadline, arrivedAt + Number(value));
  }
  return deadline;
}
