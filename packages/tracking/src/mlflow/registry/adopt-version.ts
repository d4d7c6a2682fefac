import { type CallOptions, FairleadError, throwIfAborted } from '@fairlead/core';
import { createSha256 } from '#files';
import type { BlobInfo } from '../../store/artifact-store';
import type { StoredVersion } from '../../store/registry-store';
import type { ProxyFile } from '../artifact-proxy';
import type { MlflowClient } from '../client';
import type { MlflowVersion } from '../versions';
import { ownPrefix } from './entry';
import { onnxPathOf } from './mlmodel';
import type { BlobPlace } from './places';

/** What another client registered, as ours. */
export interface AdoptedVersion {
  readonly version: StoredVersion;
  readonly place: BlobPlace;
}

/** Why a version cannot be adopted, for the log. */
export interface NotAdopted {
  readonly why: string;
}

/** What MLflow lays beside a model. */
const companions = new Set([
  'MLmodel',
  'conda.yaml',
  'python_env.yaml',
  'requirements.txt',
  'registered_model_meta',
  'input_example.json',
  'serving_input_example.json',
]);
const maxFolders = 200;
const maxDescriptionBytes = 1_048_576;

/** The address of a file in a folder. MLflow's addresses are not escaped. */
function uriOf(folder: string, file: string): string {
  return `${folder}/${file}`;
}

async function list(client: MlflowClient, folder: string, call: CallOptions): Promise<readonly ProxyFile[]> {
  try {
    return await client.proxy.list(folder, call);
  } catch (error) {
    // Some storage calls a folder that is not there an error.
    if (FairleadError.isInstance(error, 'NOT_FOUND')) return [];
    throw error;
  }
}

interface FoundFile {
  /** From the folder on. */
  readonly path: string;
  readonly size: number;
}

/** The files below a folder; `undefined` for far more than a model has. */
async function filesBelow(client: MlflowClient, folder: string, call: CallOptions): Promise<FoundFile[] | undefined> {
  const files: FoundFile[] = [];
  const open = [''];
  for (let listed = 0; open.length > 0; listed++) {
    if (listed === maxFolders) return undefined;
    const path = open.shift() as string;
    for (const { name, isFolder, size = 0 } of await list(client, path === '' ? folder : uriOf(folder, path), call)) {
      const below = path === '' ? name : `${path}/${name}`;
      if (isFolder) open.push(below);
      else files.push({ path: below, size });
    }
  }
  return files;
}

async function readText(client: MlflowClient, uri: string, call: CallOptions): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const piece of client.proxy.get(uri, call)) {
    text += decoder.decode(piece, { stream: true });
    if (text.length > maxDescriptionBytes) break;
  }
  return text;
}

/** Where a version's files lie, which its source may only hint at: `models:/m-…`, `runs:/…`. */
async function addressOf(client: MlflowClient, version: MlflowVersion, call: CallOptions): Promise<string> {
  const uri = await client.versions.downloadUri(version.name, version.version, call);
  const [, run, path = ''] = /^runs:\/+([^/]+)(?:\/(.*))?$/.exec(uri) ?? [];
  if (run === undefined) return uri.replace(/\/+$/, '');
  const { artifactUri } = await client.runs.get(run, call);
  return path === '' ? artifactUri : uriOf(artifactUri, path);
}

function splitPath(uri: string): readonly [folder: string, file: string] {
  const at = uri.lastIndexOf('/');
  return [uri.slice(0, at), uri.slice(at + 1)];
}

/** The one file that a version is. @throws FairleadError `NOT_FOUND`, `UNSUPPORTED` for what does not lie behind the proxy */
export async function findModelFile(
  client: MlflowClient,
  version: MlflowVersion,
  call: CallOptions,
): Promise<Omit<BlobPlace, 'runId'> | NotAdopted> {
  const address = await addressOf(client, version, call);
  const files = await filesBelow(client, address, call);
  if (files === undefined) return { why: `there are more than ${maxFolders} folders` };
  if (files.length === 0) {
    const [folder, file] = splitPath(address);
    const isFile = (await list(client, folder, call)).some(({ name, isFolder }) => name === file && !isFolder);
    return isFile ? { folder, file } : { why: 'no files are there' };
  }
  const place = (path: string): Omit<BlobPlace, 'runId'> => {
    const [folder, file] = splitPath(uriOf(address, path));
    return { folder, file };
  };
  const mlmodel = files.find(({ path, size }) => path === 'MLmodel' && size <= maxDescriptionBytes);
  const named = mlmodel && onnxPathOf(await readText(client, uriOf(address, mlmodel.path), call));
  if (named !== undefined && files.some(({ path }) => path === named)) return place(named);
  const onnx = files.filter(({ path }) => path.endsWith('.onnx'));
  const own = files.filter(({ path }) => !companions.has(path));
  const [only, second] = onnx.length > 0 ? onnx : own;
  if (only === undefined) return { why: 'only files that describe a model are there' };
  return second === undefined ? place(only.path) : { why: `"${only.path}" and "${second.path}" may both be the model` };
}

async function hash(client: MlflowClient, uri: string, call: CallOptions): Promise<BlobInfo> {
  const sha256 = createSha256();
  let size = 0;
  for await (const piece of client.proxy.get(uri, call)) {
    throwIfAborted(call.signal, 'Reading the registry');
    sha256.update(piece);
    size += piece.byteLength;
  }
  return { digest: sha256.hex(), size };
}

/** Makes of a version of another client one of ours, for which its bytes are read once. */
export async function adoptVersion(
  client: MlflowClient,
  version: MlflowVersion,
  call: CallOptions,
): Promise<AdoptedVersion | NotAdopted> {
  try {
    const found = await findModelFile(client, version, call);
    if ('why' in found) return found;
    const blob = await hash(client, uriOf(found.folder, found.file), call);
    const { runId, description, tags, createdAt = 0 } = version;
    const place = runId === undefined ? found : { ...found, runId };
    const kept = Object.entries(tags).filter(([key]) => !key.startsWith(ownPrefix));
    return {
      place,
      version: {
        version: version.version,
        ...blob,
        metrics: {},
        tags: Object.fromEntries(kept),
        ...(description === '' ? {} : { description }),
        ...(runId === undefined ? {} : { run: runId }),
        parents: [],
        datasets: [],
        sidecars: {},
        evaluations: [],
        registeredAt: createdAt,
        author: 'mlflow',
      },
    };
  } catch (error) {
    // Not behind the proxy, or gone: no later attempt finds more.
    if (FairleadError.isInstance(error, 'UNSUPPORTED') || FairleadError.isInstance(error, 'NOT_FOUND')) {
      return { why: error.message };
    }
    throw error;
  }
}
