import cluster from 'node:cluster';
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { clusterMembership } from './cluster-membership';

/** What bounds the cores of a process, and how many are left of it. */
export interface Cores {
  /** Whole cores that this process should keep busy; 1 or more. */
  readonly count: number;
  /** Cores that the operating system lets the process run on: its affinity. */
  readonly affinity: number;
  /** Cores' worth of time that its control groups allow; `undefined` without a quota. */
  readonly quota: number | undefined;
  /** Processes that share them: the workers of this process's cluster, or 1. */
  readonly sharers: number;
}

/** Where the facts are read; tests give a folder of their own. */
export interface CoresOptions {
  /** Folder under which `proc` and `sys/fs/cgroup` lie. @default '/' */
  readonly root?: string;
  /** Cores that the process may run on. @default os.availableParallelism() */
  readonly affinity?: number;
  /** Processes that share the cores. @default the workers of this process's cluster: told by `startCluster`, or found under `/proc` */
  readonly sharers?: number;
}

/**
 * How many cores this process really has: those it may run on, cut by the quota of its control groups (version 1 or 2,
 * its own and those above it), divided among the workers of its cluster. What cannot be read sets no bound.
 */
export function findCores(options: CoresOptions = {}): Cores {
  const { root = '/', affinity = availableParallelism() } = options;
  const quota = quotaOf(root);
  const sharers = Math.max(1, options.sharers ?? clusterMembership()?.processes ?? clusterWorkers(root));
  const cores = Math.min(affinity, quota ?? affinity) / sharers;
  return { count: Math.max(1, Math.floor(cores)), affinity, quota, sharers };
}

/** The lowest quota on the way from the process's control group up to the root, in cores. */
function quotaOf(root: string): number | undefined {
  const quotas: number[] = [];
  for (const line of readLines(join(root, 'proc/self/cgroup'))) {
    // hierarchy-ID:controllers:path; version 2 has an empty list of controllers.
    const [, controllers = '', path = '/'] = line.split(':');
    if (controllers === '') quotas.push(...alongPath(join(root, 'sys/fs/cgroup'), path, readQuotaV2));
    else if (controllers.split(',').includes('cpu')) {
      for (const mount of ['cpu', 'cpu,cpuacct']) {
        quotas.push(...alongPath(join(root, 'sys/fs/cgroup', mount), path, readQuotaV1));
      }
    }
  }
  return quotas.length === 0 ? undefined : Math.min(...quotas);
}

/** Reads a quota in every folder from `base` down to `base/path`. Inside a container the path may not exist; base does. */
function alongPath(base: string, path: string, read: (folder: string) => number | undefined): number[] {
  const quotas: number[] = [];
  let folder = base;
  for (const name of ['', ...path.split('/').filter((part) => part !== '' && part !== '..')]) {
    folder = join(folder, name);
    const quota = read(folder);
    if (quota !== undefined) quotas.push(quota);
  }
  return quotas;
}

/** `cpu.max`: quota and period in microseconds, or `max` for no quota. */
function readQuotaV2(folder: string): number | undefined {
  const [quota, period] = (readLines(join(folder, 'cpu.max'))[0] ?? '').split(' ');
  return cores(quota, period);
}

function readQuotaV1(folder: string): number | undefined {
  return cores(readLines(join(folder, 'cpu.cfs_quota_us'))[0], readLines(join(folder, 'cpu.cfs_period_us'))[0]);
}

function cores(quota: string | undefined, period: string | undefined): number | undefined {
  const [quotaUs, periodUs] = [Number(quota), Number(period)];
  return quotaUs > 0 && periodUs > 0 ? quotaUs / periodUs : undefined;
}

/** Workers of the cluster that this process is one of: processes with the same parent that a cluster started. */
function clusterWorkers(root: string): number {
  if (!cluster.isWorker) return 1;
  const proc = join(root, 'proc');
  let workers = 0;
  for (const pid of list(proc)) {
    if (!/^\d+$/.test(pid)) continue;
    // The second field, the command, may hold spaces and brackets; the parent is the second field after it.
    const stat = readLines(join(proc, pid, 'stat'))[0] ?? '';
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    if (parent === process.ppid && read(join(proc, pid, 'environ')).includes('NODE_UNIQUE_ID=')) workers++;
  }
  return Math.max(1, workers);
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function readLines(file: string): string[] {
  return read(file)
    .split('\n')
    .filter((line) => line !== '');
}

/** The text of a file; empty where there is none, or where this process may not read it. */
function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
