import type { RegistryChange, StoredModel, StoredVersion } from './registry-store';
import type { StoreDamage } from './run-store';

const known: Readonly<Record<RegistryChange['type'], true>> = {
  version: true,
  alias: true,
  gates: true,
  annotate: true,
  approve: true,
  delete: true,
  deploy: true,
};

/** Whether a change is of a kind that this release knows: a later one may have written others. */
export function isKnownChange(change: { readonly type?: unknown }): boolean {
  return Object.hasOwn(known, String(change.type));
}

/** What the changes of a model add up to, taken one by one: for stores that keep changes. */
export class RegistryState {
  readonly #name: string;
  readonly #versions = new Map<string, StoredVersion>();
  readonly #aliases = new Map<string, string>();
  readonly #changes: RegistryChange[] = [];

  constructor(name: string) {
    this.#name = name;
  }

  /** Takes the next change. One about a version that is not known, because its commit is damaged, is only audited. */
  apply(change: RegistryChange): void {
    this.#changes.push(change);
    if (change.type === 'version') this.#versions.set(change.version.version, change.version);
    else if (change.type === 'alias') this.#move(change.alias, change.to);
    else if (change.type === 'annotate' || change.type === 'delete') {
      const known = this.#versions.get(change.version);
      if (known !== undefined) this.#versions.set(known.version, changed(known, change));
    }
  }

  #move(alias: string, to: string | null): void {
    if (to === null) this.#aliases.delete(alias);
    else this.#aliases.set(alias, to);
  }

  /** The model as it stands; later changes do not touch it. */
  model(damage: readonly StoreDamage[]): StoredModel {
    return {
      name: this.#name,
      versions: [...this.#versions.values()],
      aliases: Object.fromEntries(this.#aliases),
      changes: [...this.#changes],
      damage,
    };
  }
}

function changed(
  version: StoredVersion,
  change: Extract<RegistryChange, { type: 'annotate' | 'delete' }>,
): StoredVersion {
  if (change.type === 'delete') return { ...version, deletedAt: change.at };
  const { tags, description, card, evaluation } = change;
  const merged = Object.entries({ ...version.tags, ...tags }).filter(
    (entry): entry is [string, string] => entry[1] !== null,
  );
  return {
    ...version,
    tags: Object.fromEntries(merged),
    ...(description === undefined ? {} : { description }),
    sidecars: card === undefined ? version.sidecars : { ...version.sidecars, card },
    evaluations: evaluation === undefined ? version.evaluations : [...version.evaluations, evaluation],
  };
}
