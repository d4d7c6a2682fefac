import type { Clock } from '../clock';
import type { Arms } from './arms';
import { isActive } from './plan';
import type { RolloutRecord } from './record';

/** Milliseconds until a challenger that could not be loaded is tried again. */
const loadAgainMs = 30_000;

/** What loading has to do with. */
export interface LoadNeededParts {
  readonly arms: Arms;
  readonly clock: Clock;
  record(): Pick<RolloutRecord, 'stored' | 'isForeign'>;
  /** Some may be loaded now. */
  onEnd(): void;
}

/**
 * Makes what loads the challengers of a rollout that another process started, or this one before it was killed: it did not start here,
 * so that nothing else has loaded them. It never rejects, and leaves alone what is being loaded or has failed a moment ago.
 */
export function createLoadNeeded({ arms, clock, record, onEnd }: LoadNeededParts): () => Promise<void> {
  let isLoading = false;
  let notBefore = Number.NEGATIVE_INFINITY;
  return async () => {
    const { stored, isForeign } = record();
    const { status, promoted } = stored;
    const needed = isActive(status) ? stored.arms : status === 'promoted' && promoted !== undefined ? [promoted] : [];
    const missing = needed.filter((name) => {
      const arm = arms.get(name);
      return arm !== undefined && arm.runner === undefined;
    });
    if (isForeign || missing.length === 0 || isLoading || clock.now() < notBefore) return;
    isLoading = true;
    try {
      await arms.load(missing);
    } catch {
      // The arms have told it.
    } finally {
      isLoading = false;
      notBefore = clock.now() + loadAgainMs;
      onEnd();
    }
  };
}
