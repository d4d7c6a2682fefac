import type { MetricFamily } from './family';
import { namesOf } from './names';

/** Families that come from elsewhere, such as another library's registry, and are shown along with a registry's own. */
export interface FamilySource {
  /** Brings the families up to date; awaited by `refresh()` of the registry. A failure is logged and counted there. */
  refresh?(): Promise<void>;
  /** The families as they are now. */
  families(): readonly MetricFamily[];
}

/** A name that two families want. */
export interface Clash {
  readonly family: MetricFamily;
  readonly taken: string;
  readonly holder: string;
}

/** Several sources of families beside those that a registry owns. */
export class FamilySources {
  readonly #sources = new Set<FamilySource>();
  readonly #owners: ReadonlyMap<string, string>;

  /** @param owners who holds each name in the registry itself */
  constructor(owners: ReadonlyMap<string, string>) {
    this.#owners = owners;
  }

  /** Adds a source unless one of its families wants a name that is taken. @returns that clash */
  add(source: FamilySource): Clash | undefined {
    const clashes: Clash[] = [];
    const taken = new Map<string, string>();
    for (const present of this.#sources) this.#sift(present, taken, () => {});
    this.#sift(source, taken, (clash) => clashes.push(clash));
    if (clashes.length === 0) this.#sources.add(source);
    return clashes[0];
  }

  remove(source: FamilySource): void {
    this.#sources.delete(source);
  }

  /** All families whose names are free; the others are told. */
  families(onClash: (clash: Clash) => void): MetricFamily[] {
    const taken = new Map<string, string>();
    return Array.from(this.#sources, (source) => this.#sift(source, taken, onClash)).flat();
  }

  /** Who holds a name among the sources. */
  holderOf(name: string): string | undefined {
    if (this.#sources.size === 0) return undefined;
    const family = this.families(() => {}).find((each) => namesOf(each.type, each.name).includes(name));
    return family && `${family.type} ${family.name} of a source`;
  }

  async refresh(onFailure: (error: unknown) => void): Promise<void> {
    await Promise.all(Array.from(this.#sources, async (source) => source.refresh?.().catch(onFailure)));
  }

  #sift(source: FamilySource, taken: Map<string, string>, onClash: (clash: Clash) => void): MetricFamily[] {
    return source.families().filter((family) => {
      const names = namesOf(family.type, family.name);
      for (const name of names) {
        const holder = this.#owners.get(name) ?? taken.get(name);
        if (holder === undefined) continue;
        onClash({ family, taken: name, holder });
        return false;
      }
      for (const name of names) taken.set(name, `${family.type} ${family.name} of a source`);
      return true;
    });
  }
}
