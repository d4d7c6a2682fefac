import cluster from 'node:cluster';

/** What a worker that `startCluster` started knows of its cluster. */
export interface ClusterMembership {
  /** Which of them it is: 1 or more, and of no other one that lives. */
  readonly number: number;
  /** How many processes share the port, and with it the cores. */
  readonly processes: number;
}

const variable = 'FAIRLEAD_CLUSTER';

/** The environment by which a primary process tells a worker of its cluster. */
export function membershipEnvironment({ number, processes }: ClusterMembership): Readonly<Record<string, string>> {
  return { [variable]: `${process.pid}:${number}:${processes}` };
}

/** What this process was told when it was started; undefined where it is no worker of `startCluster`. */
export function clusterMembership(): ClusterMembership | undefined {
  if (!cluster.isWorker) return undefined;
  const [parent, number, processes] = (process.env[variable] ?? '').split(':').map(Number);
  // The variable is inherited: what a worker starts has it too, and is no worker of that cluster.
  if (parent !== startedBy || !isCount(number) || !isCount(processes)) return undefined;
  return { number, processes };
}

/** The parent at the start: when that one dies, another one is told for it. */
const startedBy = process.ppid;

function isCount(value: number | undefined): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 1;
}
