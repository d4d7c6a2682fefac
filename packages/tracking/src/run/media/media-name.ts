import { checkArtifactName, invalidArgument } from '../../names';

/** @throws FairleadError `INVALID_ARGUMENT` */
export function checkStep(step: unknown): asserts step is number | undefined {
  if (step !== undefined && !Number.isSafeInteger(step)) throw invalidArgument('step', 'a whole number', step);
}

/**
 * The name of a medium's artifact: `samples` as a PNG is `samples.png`, and at step 3 `samples/step-3.png`, so that those
 * of several steps stand beside one another.
 *
 * @param extensions those that say what the medium is; the first is added where the name has none of them
 * @throws FairleadError `INVALID_ARGUMENT`
 */
export function mediaName(name: string, extensions: readonly [string, ...string[]], step: number | undefined): string {
  checkArtifactName(name);
  checkStep(step);
  const found = extensions.find(
    (extension) => name.toLowerCase().endsWith(extension) && name.length > extension.length,
  );
  const extension = found === undefined ? extensions[0] : name.slice(-found.length);
  const stem = found === undefined ? name : name.slice(0, -found.length);
  return step === undefined ? stem + extension : `${stem}/step-${step}${extension}`;
}
