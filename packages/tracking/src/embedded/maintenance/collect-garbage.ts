import { type CallOptions, type Clock, throwIfAborted } from '@fairlead/core';
import type { Files } from '../../files/files';
import { isDigest } from '../../names';
import type { ArtifactStore } from '../../store/artifact-store';
import type { CollectGarbageOptions, GarbageItem, GarbageReport } from '../../store/maintenance';
import type { RegistryStore, StoredModel } from '../../store/registry-store';
import type { StoreDamage, StoredRun } from '../../store/run-store';
import { parseMark } from '../index/run-marks';
import type { EmbeddedRunStore } from '../run-store';

/** What garbage is collected from. */
export interface GarbageSubject {
  readonly files: Files;
  /** The store's folder. */
  readonly dir: string;
  readonly clock: Clock;
  readonly runs: EmbeddedRunStore;
  readonly registry: RegistryStore;
  /** Where artifacts are kept, if not in the folder. */
  readonly artifacts: ArtifactStore | undefined;
}

/** A run that is being removed has such a name, so that it is gone at once, wherever a crash ends the work. */
const removedPrefix = '.removed-';
const temporaryPrefix = '.tmp-';

/** Whether something could not be read that may refer to artifacts. What a crash tore was never acknowledged. */
function hidesReferences(damage: readonly StoreDamage[]): boolean {
  return damage.some(({ kind }) => kind !== 'torn-tail');
}

function digestsOf(model: StoredModel): string[] {
  const found: string[] = [];
  for (const { digest, sidecars, deletedAt } of model.versions) {
    if (deletedAt !== undefined) continue;
    found.push(digest);
    for (const blob of Object.values(sidecars)) if (blob !== undefined) found.push(blob.digest);
  }
  return found;
}

/** Removes what nothing refers to and what crashes left, once it is old enough. */
export async function collectGarbage(subject: GarbageSubject, options: CollectGarbageOptions): Promise<GarbageReport> {
  const { files, dir, clock, runs, registry } = subject;
  const { dryRun = false, olderThanMs = 86_400_000, signal } = options;
  const call: CallOptions = signal === undefined ? {} : { signal };
  const root = files.join(dir, 'runs');
  // Files have the time of their file system; what the runs say has that of the clock.
  const filesBefore = Date.now() - olderThanMs;
  const runsBefore = clock.epochMs() - olderThanMs;
  const items: GarbageItem[] = [];
  const kept: { name: string; reason: string }[] = [];

  const isOld = (path: string): boolean => (files.statSync(path)?.mtimeMs ?? Number.POSITIVE_INFINITY) < filesBefore;

  /** What is there is listed before it is known who refers to what: a reference that comes later is to something younger. */
  const oldArtifacts = (await files.list(files.join(dir, 'artifacts')))
    .filter((name) => isDigest(name) && isOld(files.join(dir, 'artifacts', name)))
    .sort();

  const bytesIn = async (folder: string): Promise<number> => {
    let bytes = 0;
    for (const name of await files.list(folder)) bytes += files.statSync(files.join(folder, name))?.size ?? 0;
    return bytes;
  };

  const models: StoredModel[] = [];
  for (const name of await registry.names(call)) {
    const model = await registry.read(name, call);
    if (model !== undefined) models.push(model);
  }
  await runs.index.refresh(call, true);
  const all = runs.index.runs();
  const origins = new Set(
    models.flatMap((model) =>
      model.versions.flatMap(({ run, deletedAt }) => (deletedAt === undefined ? (run ?? []) : [])),
    ),
  );

  const removeRun = async (run: StoredRun): Promise<void> => {
    const folder = files.join(root, run.id);
    items.push({ kind: 'run', name: run.id, bytes: await bytesIn(folder) });
    if (dryRun) return;
    const removed = files.join(root, `${removedPrefix}${run.id}`);
    await files.rename(folder, removed);
    await files.syncFolder(root);
    await files.removeFolder(removed);
  };

  const remaining: StoredRun[] = [];
  for (const run of all) {
    throwIfAborted(signal, 'Collecting garbage');
    const old = run.deletedAt !== undefined && run.deletedAt < runsBefore;
    // Its end may be far, and who writes to it would write into nothing.
    const lives = run.end === undefined && run.leaseUntil >= runsBefore;
    if (old && !lives && !origins.has(run.id)) {
      // Another process may have restored it since.
      const now = await runs.read(run.id, call);
      if (now?.deletedAt !== undefined && now.deletedAt < runsBefore) {
        await removeRun(run);
        continue;
      }
    } else if (old) kept.push({ name: run.id, reason: lives ? 'it still runs' : 'a version of a model names it' });
    remaining.push(run);
  }

  const removeLeftovers = async (folder: string, label: string): Promise<void> => {
    for (const name of await files.list(folder)) {
      const path = files.join(folder, name);
      if (!name.startsWith(temporaryPrefix) || !isOld(path)) continue;
      items.push({ kind: 'leftover', name: `${label}${name}`, bytes: files.statSync(path)?.size ?? 0 });
      if (!dryRun) await files.remove(path);
    }
  };

  await removeLeftovers(dir, '');
  for (const name of ['artifacts', 'index', 'runs']) await removeLeftovers(files.join(dir, name), `${name}/`);
  for (const name of await files.list(files.join(dir, 'registry'))) {
    await removeLeftovers(files.join(dir, 'registry', name), `registry/${name}/`);
  }
  for (const { id } of remaining) await removeLeftovers(files.join(root, id), `runs/${id}/`);
  const living = new Set(
    remaining.filter((run) => run.end === undefined && run.leaseUntil >= runsBefore).map((run) => run.id),
  );
  for (const name of await files.list(root)) {
    const path = files.join(root, name);
    const mark = parseMark(name);
    if (name.startsWith(removedPrefix)) {
      items.push({ kind: 'leftover', name: `runs/${name}`, bytes: await bytesIn(path) });
      if (!dryRun) await files.removeFolder(path);
    } else if (mark !== undefined && isOld(path) && !living.has(mark.run)) {
      // By now everybody has heard of it.
      items.push({ kind: 'leftover', name: `runs/${name}`, bytes: 0 });
      if (!dryRun) await files.remove(path);
    }
  }

  const damaged = [...remaining.filter((run) => hidesReferences(run.damage)).map((run) => run.id)];
  damaged.push(...models.filter((model) => hidesReferences(model.damage)).map((model) => model.name));
  if (damaged.length > 0) {
    const reason = `what cannot be read of ${damaged.slice(0, 5).join(', ')} may refer to artifacts`;
    if (oldArtifacts.length > 0) kept.push({ name: 'artifacts', reason });
  } else {
    const referred = new Set(remaining.flatMap((run) => run.artifacts.flatMap(({ digest }) => digest ?? [])));
    for (const model of models) for (const digest of digestsOf(model)) referred.add(digest);
    for (const digest of oldArtifacts) {
      throwIfAborted(signal, 'Collecting garbage');
      if (referred.has(digest)) continue;
      const path = files.join(dir, 'artifacts', digest);
      const bytes = files.statSync(path)?.size ?? 0;
      if (dryRun || (await removeArtifact(path))) items.push({ kind: 'artifact', name: digest, bytes });
    }
  }

  /** Puts it aside first: who logs the same bytes meanwhile makes the file young, or makes it anew. */
  async function removeArtifact(path: string): Promise<boolean> {
    if (!isOld(path)) return false;
    const aside = files.join(dir, 'artifacts', `${temporaryPrefix}${crypto.randomUUID()}`);
    await files.rename(path, aside);
    const old = isOld(aside);
    if (!old && (await files.size(path)) === undefined) await files.rename(aside, path);
    await files.remove(aside);
    return old;
  }

  if (!dryRun && items.some((item) => item.kind === 'artifact')) await files.syncFolder(files.join(dir, 'artifacts'));
  return { items, bytes: items.reduce((sum, item) => sum + item.bytes, 0), kept };
}
