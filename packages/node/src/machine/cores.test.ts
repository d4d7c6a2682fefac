import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { findCores } from './cores';

const roots: string[] = [];

afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true });
});

function fakeRoot(files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), 'fairlead-cores-'));
  roots.push(root);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  return root;
}

test('without control groups the affinity counts', () => {
  expect(findCores({ root: fakeRoot({}), affinity: 8 })).toEqual({
    count: 8,
    affinity: 8,
    quota: undefined,
    sharers: 1,
  });
});

test('version 2: a quota cuts the affinity', () => {
  const root = fakeRoot({ 'proc/self/cgroup': '0::/app\n', 'sys/fs/cgroup/app/cpu.max': '250000 100000\n' });
  expect(findCores({ root, affinity: 8 })).toMatchObject({ count: 2, quota: 2.5 });
});

test('version 2: the lowest quota on the way to the root counts', () => {
  const root = fakeRoot({
    'proc/self/cgroup': '0::/pod/app\n',
    'sys/fs/cgroup/cpu.max': 'max 100000\n',
    'sys/fs/cgroup/pod/cpu.max': '150000 100000\n',
    'sys/fs/cgroup/pod/app/cpu.max': '400000 100000\n',
  });
  expect(findCores({ root, affinity: 8 })).toMatchObject({ count: 1, quota: 1.5 });
});

test('version 2: in a container the quota lies at the root of its own view', () => {
  const root = fakeRoot({ 'proc/self/cgroup': '0::/../../other\n', 'sys/fs/cgroup/cpu.max': '300000 100000\n' });
  expect(findCores({ root, affinity: 8 })).toMatchObject({ count: 3, quota: 3 });
});

test('version 2: "max" is no quota', () => {
  const root = fakeRoot({ 'proc/self/cgroup': '0::/\n', 'sys/fs/cgroup/cpu.max': 'max 100000\n' });
  expect(findCores({ root, affinity: 6 })).toMatchObject({ count: 6, quota: undefined });
});

test('version 1: quota and period in files of their own, -1 for none', () => {
  const cgroup = '12:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n';
  const folder = 'sys/fs/cgroup/cpu,cpuacct/docker/abc';
  const limited = fakeRoot({
    'proc/self/cgroup': cgroup,
    [`${folder}/cpu.cfs_quota_us`]: '400000\n',
    [`${folder}/cpu.cfs_period_us`]: '100000\n',
  });
  const free = fakeRoot({
    'proc/self/cgroup': cgroup,
    [`${folder}/cpu.cfs_quota_us`]: '-1\n',
    [`${folder}/cpu.cfs_period_us`]: '100000\n',
  });
  expect(findCores({ root: limited, affinity: 16 })).toMatchObject({ count: 4, quota: 4 });
  expect(findCores({ root: free, affinity: 16 })).toMatchObject({ count: 16, quota: undefined });
});

test('a quota below one core leaves one', () => {
  const root = fakeRoot({ 'proc/self/cgroup': '0::/\n', 'sys/fs/cgroup/cpu.max': '50000 100000\n' });
  expect(findCores({ root, affinity: 8 })).toMatchObject({ count: 1, quota: 0.5 });
});

test('the workers of a cluster share the cores', () => {
  expect(findCores({ root: fakeRoot({}), affinity: 8, sharers: 3 })).toMatchObject({ count: 2, sharers: 3 });
  expect(findCores({ root: fakeRoot({}), affinity: 2, sharers: 4 })).toMatchObject({ count: 1, sharers: 4 });
});

test('rubbish in the files sets no bound', () => {
  const root = fakeRoot({ 'proc/self/cgroup': 'nonsense\n0::/\n', 'sys/fs/cgroup/cpu.max': 'much 0\n' });
  expect(findCores({ root, affinity: 4 })).toMatchObject({ count: 4, quota: undefined });
});

test('this machine has at least one core and no more than Node sees', () => {
  const { count } = findCores();
  expect(count).toBeGreaterThanOrEqual(1);
  expect(count).toBeLessThanOrEqual(availableParallelism());
});
