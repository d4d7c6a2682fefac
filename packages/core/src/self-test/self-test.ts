import type { Session } from '../backend';
import { messageOf, throwIfAborted } from '../errors';
import type { CallOptions } from '../lifecycle';
import type { Tensors } from '../tensor/tensor';
import { type Difference, firstDifference } from './compare-outputs';
import { hasFreeAxes, madeUpInputs } from './made-up-inputs';

/** What comparing a session with the CPU found. */
export type SelfTestFinding =
  | { readonly verdict: 'agrees' }
  | { readonly verdict: 'disagrees'; readonly difference: Difference }
  /** The device would not compute what the CPU computed. */
  | { readonly verdict: 'failed'; readonly cause: unknown }
  /** Nothing could be compared; the reason is a clause. */
  | { readonly verdict: 'skipped'; readonly reason: string };

/** A first draw of inputs that disagrees must be outvoted by two others. */
const laterDraws = [2, 3];
/** Sizes that symbolic axes are tried with, in this order: a sequence, a small and a larger picture, a single element. */
const freeSizes = [16, 64, 256, 1];

/**
 * Compares a session's answers to made-up inputs with those of the same model on the CPU, which is opened for it and
 * closed again. When they disagree, other inputs decide: where a model rounds or takes the largest of several numbers, an
 * answer may tip over by a rounding, but hardly two of three. A model that does not answer the same inputs twice in the
 * same way on the CPU proves nothing.
 *
 * @param openReference opens the model on the CPU
 * @throws FairleadError `ABORTED`
 */
export async function selfTest(
  session: Session,
  openReference: () => Promise<Session>,
  options: CallOptions,
): Promise<SelfTestFinding> {
  let reference: Session;
  try {
    reference = await openReference();
  } catch (error) {
    return { verdict: 'skipped', reason: `the CPU does not load it: ${messageOf(error)}` };
  }
  try {
    return await compareWith(reference, session, options);
  } finally {
    await reference.close();
  }
}

async function compareWith(reference: Session, session: Session, options: CallOptions): Promise<SelfTestFinding> {
  const expect = (inputs: Tensors): Promise<Tensors | Failure> => compute(reference, inputs, options);
  const example = await findExample(reference, expect);
  if ('skip' in example) return { verdict: 'skipped', reason: example.skip };
  const { inputs, outputs, freeSize } = example;

  const given = await compute(session, inputs, options);
  if (given instanceof Failure) return { verdict: 'failed', cause: given.cause };
  const difference = firstDifference(outputs, given);
  if (difference === undefined) return { verdict: 'agrees' };

  const again = await expect(inputs);
  if (again instanceof Failure || firstDifference(outputs, again) !== undefined) {
    return { verdict: 'skipped', reason: 'on the CPU it does not answer the same inputs twice in the same way' };
  }
  for (const seed of laterDraws) {
    // As large as the first ones, so they are there.
    const others = madeUpInputs(reference, { seed, freeSize }) as Tensors;
    const [wanted, got] = [await expect(others), await compute(session, others, options)];
    const agree = !(wanted instanceof Failure || got instanceof Failure) && firstDifference(wanted, got) === undefined;
    if (!agree) return { verdict: 'disagrees', difference };
  }
  return { verdict: 'agrees' };
}

/** Inputs that the CPU can compute with, and its answer. */
type Example =
  | { readonly inputs: Tensors; readonly outputs: Tensors; readonly freeSize: number }
  | { readonly skip: string };

async function findExample(
  reference: Session,
  expect: (inputs: Tensors) => Promise<Tensors | Failure>,
): Promise<Example> {
  const sizes = hasFreeAxes(reference) ? freeSizes : [1];
  const problems: string[] = [];
  for (const freeSize of sizes) {
    const inputs = madeUpInputs(reference, { seed: 1, freeSize });
    const outputs = inputs === undefined ? undefined : await expect(inputs);
    if (inputs === undefined || outputs === undefined) problems.push('its inputs are too large');
    else if (outputs instanceof Failure) problems.push(messageOf(outputs.cause));
    else if (Object.values(outputs).every(({ data }) => data.length === 0)) problems.push('nothing comes out');
    else return { inputs, outputs, freeSize };
  }
  const tried = sizes.length > 1 ? `, with sizes ${sizes.join(', ')} for its symbolic axes` : '';
  return { skip: `the CPU cannot compute with made-up inputs${tried}: ${problems[0]}` };
}

class Failure {
  constructor(readonly cause: unknown) {}
}

async function compute(session: Session, inputs: Tensors, options: CallOptions): Promise<Tensors | Failure> {
  throwIfAborted(options.signal, 'The self-test');
  try {
    return await session.doRun(inputs, options);
  } catch (cause) {
    throwIfAborted(options.signal, 'The self-test');
    return new Failure(cause);
  }
}
