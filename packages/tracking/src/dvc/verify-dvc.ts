import { basename, dirname, resolve } from 'node:path';
import { FairleadError } from '@fairlead/core';
import type { DatasetInput } from '../store/stored-run';
import { type DvcOutput, readDvcFile, readDvcLock } from './dvc-file';
import { type DvcHashOptions, hashDvc } from './dvc-hash';

/** What became of checking one file or folder. */
export interface DvcCheck {
  /** Its path, as the file of DVC has it. */
  readonly path: string;
  /**
   * `same`: it is what DVC knows. `changed`: it is something else. `missing`: it is not there, as before `dvc pull`.
   * `unknown`: DVC knows no MD5 of it.
   */
  readonly status: 'same' | 'changed' | 'missing' | 'unknown';
  readonly expected?: string;
  readonly found?: string;
}

/** What a file of DVC describes: all outputs of a `.dvc` file, what the stages of a `dvc.lock` read and made. */
async function outputsOf(path: string): Promise<readonly DvcOutput[]> {
  if (basename(path) !== 'dvc.lock') return readDvcFile(path);
  const stages = await readDvcLock(path);
  const byPath = new Map(
    stages.flatMap(({ dependencies, outputs }) => [...dependencies, ...outputs]).map((each) => [each.path, each]),
  );
  return [...byPath.values()];
}

/**
 * Holds files and folders against the hashes that a `.dvc` file or a `dvc.lock` has of them.
 * @throws FairleadError as {@link readDvcFile} and {@link hashDvc}
 */
export async function verifyDvc(
  path: string,
  options: Omit<DvcHashOptions, 'hash'> = {},
): Promise<readonly DvcCheck[]> {
  const checks: DvcCheck[] = [];
  for (const output of await outputsOf(path)) {
    const { md5: expected, hash } = output;
    if (expected === undefined) {
      checks.push({ path: output.path, status: 'unknown' });
      continue;
    }
    const found = await hashIfThere(resolve(dirname(path), output.path), { ...options, hash });
    if (found === undefined) checks.push({ path: output.path, status: 'missing', expected });
    else checks.push({ path: output.path, status: found === expected ? 'same' : 'changed', expected, found });
  }
  return checks;
}

async function hashIfThere(path: string, options: DvcHashOptions): Promise<string | undefined> {
  try {
    return (await hashDvc(path, options)).md5;
  } catch (error) {
    if (FairleadError.isInstance(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}

/**
 * The data that a `.dvc` file or a `dvc.lock` describes as inputs of a run, their digests being `md5:` and DVC's hash:
 * give each to `run.logDataset`. What DVC knows no MD5 of is left out.
 * @throws FairleadError as {@link readDvcFile}
 */
export async function dvcDatasets(path: string, context?: string): Promise<readonly DatasetInput[]> {
  return (await outputsOf(path)).flatMap(({ path: source, md5 }) =>
    md5 === undefined
      ? []
      : [{ name: basename(source), digest: `md5:${md5}`, source, ...(context !== undefined && { context }) }],
  );
}
