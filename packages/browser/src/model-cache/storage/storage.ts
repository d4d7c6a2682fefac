/**
 * Where a model cache keeps bytes: the contract of a storage. Implement it to keep models elsewhere, for example in the
 * file system of a shell around the page. What it throws never fails an inference: the cache says so and goes on from
 * memory. An error whose `name` is `QuotaExceededError` has the cache make room and try again.
 */
export interface ModelStorage {
  /** What it is, for people: `opfs`, `cache`, `memory`, or a name of your own. */
  readonly kind: string;
  /** Caches over storages of one name share what is in them, and wait for one another's downloads. */
  readonly name: string;
  /** Whether other tabs see the same bytes; only then are they waited for. */
  readonly shared: boolean;
  /** The bytes under a key, which the caller may change; undefined where there are none. */
  read(key: string): Promise<Uint8Array | undefined>;
  /** Puts bytes under a key, wholly or not at all, whatever happens meanwhile. It may not keep a hold of `bytes`. */
  write(key: string, bytes: Uint8Array): Promise<void>;
  /** Removes a key; one that is not there is no error. */
  remove(key: string): Promise<void>;
  /** All keys, in any order. Keys consist of lower-case letters, digits and hyphens. */
  keys(): Promise<readonly string[]>;
}
