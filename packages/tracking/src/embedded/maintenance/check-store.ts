import { type CallOptions, FairleadError, messageOf, throwIfAborted } from '@fairlead/core';
import { createSha256 } from '#files';
import type { Files } from '../../files/files';
import { isDigest } from '../../names';
import type { CheckReport, StoreProblem } from '../../store/maintenance';
import type { RegistryStore } from '../../store/registry-store';
import type { StoreDamage } from '../../store/run-store';
import { folderOf } from '../commit-log';
import { snapshotDamage } from '../index/snapshot';
import { RunReader } from '../run-reader';
import type { GarbageSubject } from './collect-garbage';

const advice: Readonly<Record<StoreDamage['kind'], string>> = {
  'torn-tail': 'the last write did not finish, as after a crash; what was acknowledged lies before it',
  corrupt: 'the bytes are not those that were written; the rest is read, restore the file from a copy to get it back',
  missing: 'records are gone that later ones prove; restore the file from a copy to get them back',
  'unknown-record': 'a later release wrote it; upgrade @fairlead/tracking to read it',
};

function problemOf(damage: StoreDamage): StoreProblem {
  return { ...damage, message: `${damage.file}, from byte ${damage.offset}: ${advice[damage.kind]}.` };
}

/** Reads everything that a store holds, and tells what is wrong with it. */
export async function checkStore(subject: GarbageSubject, call: CallOptions): Promise<CheckReport> {
  const { files, dir, clock, registry } = subject;
  throwIfAborted(call.signal, 'Checking the store');
  const root = files.join(dir, 'runs');
  const problems: StoreProblem[] = [];
  /** Digests that something refers to, and what does. */
  const referred = new Map<string, string>();
  let segments = 0;
  let bytes = 0;

  const ids = (await files.list(root)).filter((name) => !name.startsWith('.')).sort();
  // Not the reader of the store, which reads only what is new.
  const reader = new RunReader(files, root, clock);
  for (const id of ids) {
    throwIfAborted(call.signal, 'Checking the store');
    try {
      const names = await reader.segmentsOf(id);
      segments += names.length;
      for (const name of names) bytes += files.statSync(files.join(root, id, name))?.size ?? 0;
      const run = await reader.read(id);
      reader.forget(id);
      for (const damage of run?.damage ?? []) problems.push(problemOf(damage));
      for (const { digest, name } of run?.artifacts ?? []) {
        if (digest !== undefined) referred.set(digest, `the artifact "${name}" of run ${id}`);
      }
    } catch (error) {
      throwIfAborted(call.signal, 'Checking the store');
      problems.push({ file: `runs/${id}`, offset: 0, length: 0, kind: 'corrupt', message: messageOf(error) });
    }
  }

  const models = await checkModels(registry, problems, referred, call);
  const blobs = await checkArtifacts(files, dir, problems, call);
  for (const [digest, by] of referred) {
    if (blobs.digests.has(digest) || (await subject.artifacts?.stat({ digest })) !== undefined) continue;
    const file = `artifacts/${digest}`;
    const message = `${file} is not there, and ${by} refers to it. Log its bytes again.`;
    problems.push({ file, offset: 0, length: 0, kind: 'missing-file', message });
  }
  for (const { offset, length } of await snapshotDamage(files, dir)) {
    const message = 'The snapshot of the index is damaged. It is made anew by itself.';
    problems.push({ file: 'index/runs.idx', offset, length, kind: 'rebuildable', message });
  }
  const artifacts = blobs.digests.size;
  return { runs: ids.length, segments, artifacts, models, bytes: bytes + blobs.bytes, problems };
}

async function checkModels(
  registry: RegistryStore,
  problems: StoreProblem[],
  referred: Map<string, string>,
  call: CallOptions,
): Promise<number> {
  const names = await registry.names(call);
  for (const name of names) {
    const model = await registry.read(name, call).catch((error: unknown) => {
      throwIfAborted(call.signal, 'Checking the store');
      const file = `registry/${folderOf(name)}`;
      problems.push({ file, offset: 0, length: 0, kind: 'corrupt', message: messageOf(error) });
      return undefined;
    });
    for (const damage of model?.damage ?? []) problems.push(problemOf(damage));
    for (const { version, digest, sidecars, deletedAt } of model?.versions ?? []) {
      if (deletedAt !== undefined) continue;
      referred.set(digest, `version ${version} of the model "${name}"`);
      for (const [kind, blob] of Object.entries(sidecars)) {
        if (blob !== undefined) referred.set(blob.digest, `the ${kind} of version ${version} of the model "${name}"`);
      }
    }
  }
  return names.length;
}

async function checkArtifacts(
  files: Files,
  dir: string,
  problems: StoreProblem[],
  call: CallOptions,
): Promise<{ digests: ReadonlySet<string>; bytes: number }> {
  const folder = files.join(dir, 'artifacts');
  const digests = new Set<string>();
  let bytes = 0;
  for (const digest of (await files.list(folder)).filter(isDigest).sort()) {
    digests.add(digest);
    const hash = createSha256();
    let length = 0;
    try {
      for await (const piece of files.stream(files.join(folder, digest))) {
        throwIfAborted(call.signal, 'Checking the store');
        hash.update(piece);
        length += piece.byteLength;
      }
    } catch (error) {
      // Garbage collection may take it away meanwhile.
      if (FairleadError.isInstance(error) && error.code === 'NOT_FOUND') continue;
      throw error;
    }
    bytes += length;
    if (hash.hex() === digest) continue;
    const file = `artifacts/${digest}`;
    const message = `${file} has other bytes than were kept. Log the right ones again; they replace it.`;
    problems.push({ file, offset: 0, length, kind: 'digest-mismatch', message });
  }
  return { digests, bytes };
}
