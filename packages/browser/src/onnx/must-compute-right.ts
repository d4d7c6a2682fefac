import {
  type CallOptions,
  consoleLogger,
  FairleadError,
  type LoadedModel,
  messageOf,
  type Session,
} from '@fairlead/core';
import { goldenSelfTest, selfTest } from '@fairlead/core/self-test';

/**
 * Compares a GPU's answers with the golden rows that travel with a model, or, where none do, with those of the CPU to
 * made-up rows. Some GPUs compute float16 to NaN, and none says so itself.
 *
 * @param openReference opens the model on the CPU
 * @throws FairleadError `BACKEND_UNAVAILABLE` where it computes something else, `ABORTED`
 */
export async function mustComputeRight(
  session: Session,
  model: LoadedModel,
  openReference: () => Promise<Session>,
  options: CallOptions,
): Promise<void> {
  const { device } = session;
  const golden = await goldenSelfTest(session, model, options);
  const finding = golden.verdict === 'skipped' ? await selfTest(session, openReference, options) : golden;
  switch (finding.verdict) {
    case 'agrees':
      return;
    case 'skipped':
      consoleLogger.warn(
        { model: model.name, device },
        `${model.name} runs on ${device} without a self-test, since ${finding.reason}. Record golden rows for it with recordGolden, or set selfTest: false.`,
      );
      return;
    case 'failed':
      throw new FairleadError(
        'BACKEND_UNAVAILABLE',
        `${model.name} fails on ${device} with inputs that it is known to compute: ${messageOf(finding.cause)}`,
        { cause: finding.cause, details: { device } },
      );
    case 'disagrees': {
      const { output, element, expected, given } = finding.difference;
      throw new FairleadError(
        'BACKEND_UNAVAILABLE',
        `${model.name} is not computed rightly on ${device}: ${output}${element ?? ''}: expected ${expected}, given ${given}; selfTest: false trusts the device all the same`,
        { details: { field: output, expected, given, device } },
      );
    }
  }
}
