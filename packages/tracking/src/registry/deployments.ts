import type { StoredModel } from '../store/registry-store';
import type { Deployment } from './model-version';

/** Where versions of a model serve and have served, in the order in which they were deployed. */
export function deploymentsOf(model: StoredModel): Deployment[] {
  const all: Deployment[] = [];
  for (const change of model.changes) {
    if (change.type !== 'deploy') continue;
    const { target, version, active, beside = false, at, evidence } = change;
    for (const [index, known] of all.entries()) {
      const ends = known.version === version ? !active : active && !beside;
      if (known.target === target && known.until === undefined && ends) all[index] = { ...known, until: at };
    }
    if (active && !all.some((known) => isActive(known, target, version))) {
      all.push({ target, version, since: at, actor: evidence.actor });
    }
  }
  return all;
}

function isActive(deployment: Deployment, target: string, version: string): boolean {
  return deployment.target === target && deployment.version === version && deployment.until === undefined;
}

/** Where each version serves now. */
export function targetsOf(model: StoredModel): ReadonlyMap<string, readonly string[]> {
  const targets = new Map<string, string[]>();
  for (const { version, target, until } of deploymentsOf(model)) {
    if (until === undefined) targets.set(version, [...(targets.get(version) ?? []), target]);
  }
  return targets;
}
