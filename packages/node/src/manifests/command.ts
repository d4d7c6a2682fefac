import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { FairleadError, messageOf } from '@fairlead/core';
import { makeFolder } from '../make-folder';
import { createDockerfile } from './create-dockerfile';
import { createManifests } from './create-manifests';
import type { ManifestOptions } from './options';
import { manifestsToYaml } from './to-yaml';

/** Where the command writes. */
interface Output {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

const usage = `Usage: fairlead-node manifests --name NAME --image IMAGE [options]

  Prints what Kubernetes needs to run a service in an image, as YAML for
  kubectl apply -f -: Deployment, Service, PodDisruptionBudget, NetworkPolicy,
  autoscaler and ServiceMonitor.

  --kserve            an InferenceService of KServe in place of them
  --namespace NAME    where they go
  --port NUMBER       where the service listens; 8080 without it
  --cpu, --memory     what a pod may take, such as 2 and 1Gi
  --min, --max        fewest and most pods
  --prometheus URL    scales by waiting requests, by KEDA, and not by processors
  --query PROMQL      with --prometheus: another query; has to be given with --kserve
  --storage-uri URI   with --kserve: where KServe fetches the model from
  --mode MODE         with --kserve: Standard, which is meant without it, or Knative;
                      RawDeployment or Serverless for KServe before 0.16
  --dockerfile        prints a Dockerfile for the service, and nothing else
  --out DIR           writes a file for each, and the Dockerfile, into a folder
  --help              prints this

Exit status: 0; 2 for arguments that are wrong; 1 when a file cannot be written.
`;

const flags = {
  name: { type: 'string' },
  image: { type: 'string' },
  namespace: { type: 'string' },
  port: { type: 'string' },
  cpu: { type: 'string' },
  memory: { type: 'string' },
  min: { type: 'string' },
  max: { type: 'string' },
  prometheus: { type: 'string' },
  query: { type: 'string' },
  'storage-uri': { type: 'string' },
  mode: { type: 'string' },
  kserve: { type: 'boolean', default: false },
  dockerfile: { type: 'boolean', default: false },
  out: { type: 'string' },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

/**
 * What `fairlead-node manifests` does.
 *
 * @param args the arguments after the command's name
 * @returns the exit status
 */
export async function runManifestsCommand(args: readonly string[], { stdout, stderr }: Output): Promise<number> {
  const refuse = (reason: string): number => {
    stderr.write(`${reason}\n\n${usage}`);
    return 2;
  };
  try {
    const { values } = parseArgs({ args: [...args], options: flags, allowPositionals: false });
    if (values.help) {
      stdout.write(usage);
      return 0;
    }
    const port = numberOf(values.port);
    const dockerfile = createDockerfile(port === undefined ? {} : { port });
    if (values.dockerfile && values.out === undefined) {
      stdout.write(dockerfile);
      return 0;
    }
    const manifests = createManifests(optionsOf(values));
    if (values.out === undefined) {
      stdout.write(await manifestsToYaml(manifests));
      return 0;
    }
    const files = await Promise.all(
      manifests.map(async (each) => ({ name: each.file, text: await manifestsToYaml([each]) })),
    );
    return await writeAll(values.out, [...files, { name: 'Dockerfile', text: dockerfile }], { stdout, stderr });
  } catch (error) {
    const isOurs = FairleadError.isInstance(error) && error.code !== 'INVALID_OPTION';
    if (!isOurs) return refuse(messageOf(error));
    stderr.write(`fairlead-node: ${error.message}\n`);
    return 1;
  }
}

type Values = ReturnType<typeof parseArgs<{ options: typeof flags }>>['values'];

function optionsOf(values: Values): ManifestOptions {
  const { name, image, namespace, cpu, memory, prometheus, query, mode } = values;
  const storageUri = values['storage-uri'];
  const given = {
    name,
    image,
    namespace,
    port: numberOf(values.port),
    minReplicas: numberOf(values.min),
    maxReplicas: numberOf(values.max),
    resources: cpu === undefined && memory === undefined ? undefined : present({ cpu, memory }),
    scaling: prometheus === undefined ? undefined : present({ by: 'prometheus', serverAddress: prometheus, query }),
    kserve: values.kserve ? present({ storageUri, deploymentMode: mode }) : undefined,
  };
  if (storageUri !== undefined && !values.kserve) throw new Error('--storage-uri is for --kserve.');
  if (mode !== undefined && !values.kserve) throw new Error('--mode is for --kserve.');
  if (query !== undefined && prometheus === undefined) throw new Error('--query is for --prometheus.');
  // What is wrong in them, or missing, the factory says.
  return present(given) as unknown as ManifestOptions;
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}

function present(options: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

async function writeAll(
  folder: string,
  files: readonly { readonly name: string; readonly text: string }[],
  { stdout, stderr }: Output,
): Promise<number> {
  try {
    await makeFolder(folder);
    // Somebody may have changed one by hand.
    for (const { name, text } of files) await writeFile(join(folder, name), text, { flag: 'wx' });
  } catch (error) {
    const isThere = (error as NodeJS.ErrnoException).code === 'EEXIST';
    const advice = isThere ? 'Take an empty folder, or remove it.' : 'Give --out a folder that can be written.';
    stderr.write(`fairlead-node: cannot write into ${folder}: ${messageOf(error)}. ${advice}\n`);
    return 1;
  }
  for (const { name } of files) stdout.write(`${join(folder, name)}\n`);
  return 0;
}
