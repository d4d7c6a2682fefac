import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { runCommand } from '../doctor/command';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fairlead-manifests-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function run(...args: readonly string[]) {
  const output = { stdout: [] as string[], stderr: [] as string[] };
  const status = await runCommand(['manifests', ...args], {
    stdout: { write: (text) => output.stdout.push(text) },
    stderr: { write: (text) => output.stderr.push(text) },
    env: {},
  });
  return { status, stdout: output.stdout.join(''), stderr: output.stderr.join('') };
}

const basic = ['--name', 'digits', '--image', 'registry.example/digits:1.0'];

const kindsOf = (text: string) => parseAllDocuments(text).map((document) => document.get('kind'));

test('it prints what Kubernetes takes', async () => {
  const { status, stdout, stderr } = await run(
    ...basic,
    '--port',
    '9000',
    '--cpu',
    '2',
    '--prometheus',
    'http://prometheus:9090',
  );
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(kindsOf(stdout)).toEqual([
    'Deployment',
    'Service',
    'PodDisruptionBudget',
    'NetworkPolicy',
    'ScaledObject',
    'ServiceMonitor',
  ]);
  expect(stdout).toContain('containerPort: 9000');
  expect(stdout).toContain('cpu: "2"');
});

test('it prints an InferenceService', async () => {
  const { status, stdout } = await run(...basic, '--kserve', '--storage-uri', 's3://models/digits', '--min', '0');
  expect(status).toBe(0);
  expect(kindsOf(stdout)).toEqual(['InferenceService']);
  expect(stdout).toContain('value: s3://models/digits');
  expect(stdout).toContain('serving.kserve.io/deploymentMode: Standard');
  const old = await run(...basic, '--kserve', '--mode', 'RawDeployment');
  expect(old.stdout).toContain('serving.kserve.io/deploymentMode: RawDeployment');
  const scaled = await run(...basic, '--kserve', '--prometheus', 'http://prometheus:9090', '--query', 'sum(x)');
  expect(scaled.stdout).toContain('query: sum(x)');
});

test('it prints a Dockerfile', async () => {
  const { status, stdout } = await run('--dockerfile', '--port', '9000');
  expect(status).toBe(0);
  expect(stdout).toMatch(/^FROM node:/);
  expect(stdout).toContain('EXPOSE 9000');
});

test('it writes a file for each, and over none', async () => {
  const out = join(folder, 'deploy');
  const { status, stdout } = await run(...basic, '--out', out);
  expect(status).toBe(0);
  const files = await readdir(out);
  expect(files.sort()).toEqual([
    'Dockerfile',
    'deployment.yaml',
    'horizontal-pod-autoscaler.yaml',
    'network-policy.yaml',
    'pod-disruption-budget.yaml',
    'service-monitor.yaml',
    'service.yaml',
  ]);
  expect(stdout.trim().split('\n')).toHaveLength(7);
  expect(kindsOf(await readFile(join(out, 'service.yaml'), 'utf8'))).toEqual(['Service']);
  const again = await run(...basic, '--out', out);
  expect(again.status).toBe(1);
  expect(again.stderr).toContain('Take an empty folder');
});

test.runIf(process.platform === 'linux')('it ends where no folder can be made', async () => {
  const { status, stdout, stderr } = await run(...basic, '--out', '/proc/deploy');
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(stderr).toMatch(/cannot write into \/proc\/deploy: ENOENT.* Give --out a folder that can be written\./);
});

test.each<[string, readonly string[], string]>([
  ['no image', ['--name', 'digits'], 'option "image" is wrong'],
  ['a name that is none', ['--name', 'Digits', '--image', 'x'], 'option "name" is wrong'],
  ['a port that is none', [...basic, '--port', 'x'], 'option "port" is wrong'],
  ['a flag that there is not', [...basic, '--replicas', '2'], '--replicas'],
  ['an argument too many', [...basic, 'x'], 'x'],
  ['a model without KServe', [...basic, '--storage-uri', 's3://x'], 'is for --kserve'],
  ['a mode without KServe', [...basic, '--mode', 'Knative'], 'is for --kserve'],
  ['a mode that is none', [...basic, '--kserve', '--mode', 'Fast'], 'option "kserve'],
  ['a query without Prometheus', [...basic, '--query', 'sum(x)'], 'is for --prometheus'],
  ['KServe and no query', [...basic, '--kserve', '--prometheus', 'http://p:9090'], 'option "scaling.query" is wrong'],
])('wrong arguments are told with the usage: %s', async (_what, args, message) => {
  const { status, stdout, stderr } = await run(...args);
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  expect(stderr).toContain(message);
  expect(stderr).toContain('Usage: fairlead-node manifests');
});

test('--help tells all of it', async () => {
  const { status, stdout } = await run('--help');
  expect(status).toBe(0);
  expect(stdout).toContain('--storage-uri URI');
});
