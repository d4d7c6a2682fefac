import type { Session } from '../backend';
import { FairleadError, messageOf } from '../errors';
import { createGoldenCheck } from '../golden/check-golden';
import type { CallOptions } from '../lifecycle';
import type { LoadedModel } from '../model-source';
import { infoOf } from '../runner/model-info';
import type { SelfTestFinding } from './self-test';

/** Rows of one run, where a model's rows can be split. */
const mostRows = 32;

/**
 * Compares a session's answers with the golden rows that travel with its model, within their tolerance.
 *
 * @returns `skipped` where none travel with it, or those that do cannot be read or do not fit
 * @throws FairleadError `ABORTED`
 */
export async function goldenSelfTest(
  session: Session,
  model: LoadedModel,
  options: CallOptions,
): Promise<SelfTestFinding> {
  const { inputs, outputs, batchAxis, device } = session;
  try {
    const bytes = await model.sidecar('golden', options);
    if (bytes === undefined) return { verdict: 'skipped', reason: 'no golden rows travel with it' };
    await createGoldenCheck(bytes, infoOf(model))(
      {
        signature: { inputs, outputs, batchAxis },
        lanes: [{ name: device, session }],
        maxRows: batchAxis === 0 ? mostRows : Number.POSITIVE_INFINITY,
      },
      options,
    );
    return { verdict: 'agrees' };
  } catch (error) {
    if (!FairleadError.isInstance(error)) throw error;
    switch (error.code) {
      case 'ABORTED':
        throw error;
      case 'GOLDEN_MISMATCH': {
        const { field = '', expected = '', given = '' } = error.details;
        return { verdict: 'disagrees', difference: { output: field, element: undefined, expected, given } };
      }
      case 'RUN_FAILED':
      case 'OUTPUT_INVALID':
      case 'LANE_LOST':
        return { verdict: 'failed', cause: error };
      default:
        return { verdict: 'skipped', reason: `its golden rows cannot be used: ${messageOf(error)}` };
    }
  }
}
