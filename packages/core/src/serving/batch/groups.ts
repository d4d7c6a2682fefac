import type { Clock } from '../../clock';
import type { RunMany } from '../../run-many/results';

/**
 * The results of a loop, those together that are there in one turn of the event loop: so many small rows become one piece of an
 * answer, and one that comes alone is not kept back.
 *
 * @param most results in a group
 */
export async function* groupsOf<Result>(
  many: RunMany<Result>,
  clock: Clock,
  most: number,
): AsyncGenerator<Result[], undefined> {
  let coming = many.next();
  for (;;) {
    const first = await coming;
    if (first.done) return;
    const group = [first.value];
    coming = next(many);
    const turn = new Promise<undefined>((resolve) => clock.defer(() => resolve(undefined)));
    let step: IteratorResult<Result, undefined> | undefined;
    try {
      while (group.length < most) {
        step = await Promise.race([coming, turn]);
        if (step === undefined || step.done) break;
        group.push(step.value);
        coming = next(many);
      }
    } catch (error) {
      // What was answered before it comes first.
      yield group;
      throw error;
    }
    if (step?.done) {
      yield group;
      return;
    }
    yield group;
  }
}

/** Asked for ahead, so its failure is awaited later. */
function next<Result>(many: RunMany<Result>): Promise<IteratorResult<Result, undefined>> {
  const coming = many.next();
  coming.catch(() => {});
  return coming;
}
