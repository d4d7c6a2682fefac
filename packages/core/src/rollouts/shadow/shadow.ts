import type { Events } from '../../events';
import type { Closeable } from '../../lifecycle';
import type { Tally } from '../contracts';
import type { RequestObserver, SharedObservations } from '../observer';
import type { ShadowEventMap } from './shadow-events';
import type { ShadowDescription, ShadowStats } from './shadow-stats';

/** A shadow of a champion: one of the `observers` of a rollout. */
export interface Shadow extends RequestObserver, Closeable {
  readonly shadowEvents: Events<ShadowEventMap>;
  describe(): ShadowDescription;
  stats(): ShadowStats;
  /** Sums of this process, for `createOutputAgreement().assess`. */
  readonly tally: Tally;
  /** What its rollout shares among replicas. */
  readonly shared: SharedObservations;
}
