import type { RolloutRunner } from '@fairlead/core/rollouts';
import type { Digits } from '../quickstart/digits';

/** What callers got. */
export interface TrafficReport {
  readonly requests: number;
  readonly failures: number;
  /** Share of right digits among the answers of each arm. */
  readonly accuracy: ReadonlyMap<string, number>;
  /** Answers that the champion gave in another one's place. */
  readonly savedByChampion: number;
}

const callers = 16;

/** Sends digits, each from a user of its own, until the rollout has come to an end. */
export async function sendUntilDecided(rollout: RolloutRunner, { rows, labels }: Digits): Promise<TrafficReport> {
  const answers = new Map<string, { right: number; all: number }>();
  let [next, failures, savedByChampion] = [0, 0, 0];
  const isOpen = (): boolean => rollout.describe().status === 'running';
  const caller = async (): Promise<void> => {
    while (isOpen()) {
      const index = next++;
      const row = index % rows.length;
      try {
        const answer = await rollout.run({ pixels: rows[row] as Float32Array }, { key: `user-${index}` });
        const { arm, answeredBy } = answer.rollout;
        if (arm !== answeredBy) savedByChampion++;
        const counts = answers.get(answeredBy) ?? { right: 0, all: 0 };
        counts.all++;
        if (Number(answer.outputs.label?.data[0]) === labels[row]) counts.right++;
        answers.set(answeredBy, counts);
      } catch {
        failures++;
      }
      // Callers come in turns, as over a network: the looks and the shadow get theirs too.
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  const accuracy = new Map([...answers].map(([arm, { right, all }]) => [arm, right / all]));
  return { requests: next, failures, accuracy, savedByChampion };
}
