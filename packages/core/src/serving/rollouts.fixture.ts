import type { Closeable } from '../lifecycle';
import { createRandom } from '../monitoring/random';
import { abTest, createRollout, type RolloutOptions, type RolloutRunner } from '../rollouts/index';
import { mockRunner, silent } from './scoring/serving.fixture';

/* Rollouts behind a service; not part of `@fairlead/core/serving`. */

const open: Closeable[] = [];

/** Has something closed by {@link closeAll}. */
export function keep<T extends Closeable>(closeable: T): T {
  open.push(closeable);
  return closeable;
}

/** For `afterEach`. */
export async function closeAll(): Promise<void> {
  for (const each of open.splice(0).reverse()) await each.close();
}

/** Half of the keys get `canary`, of version 2; the others the champion, of version 1. Both answer `x` times two. */
export async function halved(options: Partial<RolloutOptions> = {}): Promise<RolloutRunner> {
  const [champion, canary] = await Promise.all([mockRunner({}, '1'), mockRunner({}, '2')]);
  return keep(
    await createRollout({
      name: 'digits',
      champion,
      challengers: { canary },
      strategy: abTest({ weights: { champion: 0.5, canary: 0.5 } }),
      guardrails: [],
      random: createRandom(7),
      logger: silent,
      ...options,
    }),
  );
}

/** The body of a request to it, by the Open Inference Protocol. */
export const oneRow = { inputs: [{ name: 'x', shape: [1, 2], datatype: 'FP32', data: [1, 2] }] };

export const users: readonly string[] = Array.from({ length: 24 }, (_, index) => `user-${index}`);
