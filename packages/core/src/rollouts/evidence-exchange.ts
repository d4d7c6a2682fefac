import type { EvidenceSummary, RolloutStore, Tally } from './contracts';
import type { EvidenceLedger } from './evidence/ledger';
import { mergeTallies } from './evidence/tally';
import type { RolloutRecord } from './record';

/** The evidence of one run of a rollout: this process's own, and what the others gave to the store. */
export interface EvidenceExchange {
  readonly ledger: EvidenceLedger;
  /**
   * Gives what was gathered to the store and takes the sum of all. What could not be given is given again, as it was.
   * @throws what the store failed with
   */
  exchange(): Promise<void>;
  /** What all that is known says. */
  summary(arms: readonly string[]): EvidenceSummary;
}

/** Makes the exchange of one run. */
export function createEvidenceExchange(
  store: RolloutStore,
  rollout: string,
  evidenceEpoch: number,
  replica: string,
  ledger: EvidenceLedger,
  reach: RolloutRecord['reach'],
): EvidenceExchange {
  let known: Tally = {};
  let sequence = 0;
  let unanswered: Tally | undefined;

  return {
    ledger,
    async exchange() {
      // What was not answered last time, and what was gathered since: once each, for while a slow store takes it in, more comes.
      for (let part = 0; part < 2; part++) {
        if (unanswered === undefined) {
          unanswered = ledger.take();
          if (unanswered === undefined) break;
          sequence++;
        }
        const given = unanswered;
        await reach(() => store.add(rollout, evidenceEpoch, replica, sequence, given));
        known = mergeTallies(known, unanswered);
        ledger.setKnown(known);
        unanswered = undefined;
      }
      known = await reach(() => store.sum(rollout, evidenceEpoch));
      ledger.setKnown(known);
    },
    summary(arms) {
      const given = unanswered === undefined ? known : mergeTallies(known, unanswered);
      return ledger.assess(mergeTallies(given, ledger.untaken), arms);
    },
  };
}
