import type { EvidenceSummary, RolloutStore, SharedSums, Tally } from './contracts';
import type { EvidenceLedger } from './evidence/ledger';
import { mergeTallies, withinTally } from './evidence/tally';
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

export interface EvidenceExchangeParts {
  readonly store: RolloutStore;
  readonly rollout: string;
  readonly evidenceEpoch: number;
  readonly replica: string;
  readonly ledger: EvidenceLedger;
  /** What is shared beside the ledger's evidence, by name. The same names in every replica. */
  readonly shared: Readonly<Record<string, SharedSums>>;
  /** Calls the store. */
  readonly reach: RolloutRecord['reach'];
}

/** What begins the names that are not the ledger's: they begin with an arm, and none is called "". */
const beside = '/';

/** Makes the exchange of one run; what is shared begins anew with it. */
export function createEvidenceExchange(parts: EvidenceExchangeParts): EvidenceExchange {
  const { store, rollout, evidenceEpoch, replica, ledger, reach } = parts;
  const shared = Object.entries(parts.shared).map(([name, sums]) => ({ prefix: `${beside}${name}/`, sums }));
  for (const { sums } of shared) sums.restart();
  let known: Tally = {};
  let sequence = 0;
  let unanswered: Tally | undefined;

  const gathered = (): Tally | undefined => {
    const taken = shared.flatMap(({ prefix, sums }) =>
      Object.entries(sums.take() ?? {}).map(([name, value]) => [prefix + name, value] as const),
    );
    const own = ledger.take();
    return taken.length === 0 ? own : { ...own, ...Object.fromEntries(taken) };
  };

  /** Tells everybody the sum of what was taken, here and elsewhere. */
  const announce = (): void => {
    const all = unanswered === undefined ? known : mergeTallies(known, unanswered);
    ledger.setKnown(Object.fromEntries(Object.entries(all).filter(([name]) => !name.startsWith(beside))));
    for (const { prefix, sums } of shared) sums.setKnown(withinTally(all, prefix));
  };

  return {
    ledger,
    async exchange() {
      // What was not answered last time, and what was gathered since: once each, for while a slow store takes it in, more comes.
      for (let part = 0; part < 2; part++) {
        if (unanswered === undefined) {
          unanswered = gathered();
          if (unanswered === undefined) break;
          sequence++;
          announce();
        }
        const given = unanswered;
        await reach(() => store.add(rollout, evidenceEpoch, replica, sequence, given));
        known = mergeTallies(known, given);
        unanswered = undefined;
      }
      for (const window of ledger.windows) {
        // Every replica adds under the same name: of a window the first counts, and the sum tells which that was.
        await reach(() => store.add(rollout, evidenceEpoch, window.name, window.sequence, window.tally));
        ledger.dropWindow(window);
      }
      known = await reach(() => store.sum(rollout, evidenceEpoch));
      announce();
    },
    summary(arms) {
      const given = unanswered === undefined ? known : mergeTallies(known, unanswered);
      return ledger.assess(mergeTallies(given, ledger.untaken), arms);
    },
  };
}
