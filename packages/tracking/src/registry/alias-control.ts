import { type AliasControl, type Evidence, type Logger, messageOf } from '@fairlead/core';
import type { RegistryStore } from '../store/registry-store';
import { watchAlias } from './alias-watch';
import { findAlias, findModel } from './lookup';

/** What an alias control stands on. */
export interface AliasControlOptions {
  readonly store: RegistryStore;
  readonly name: string;
  readonly alias: string;
  readonly logger: Logger;
  /** Checks and makes a move. */
  readonly setAlias: (version: string, evidence: Evidence, expected: string | undefined) => Promise<unknown>;
}

/** An alias to read, watch and move by compare-and-swap against where this control last saw it. */
export function createAliasControl({ store, name, alias, logger, setAlias }: AliasControlOptions): AliasControl {
  let seen: string | undefined;
  return {
    async read() {
      seen = findAlias(await findModel(store, name), alias);
      return seen;
    },
    watch: (onChange) =>
      watchAlias({
        store,
        name,
        alias,
        from: seen,
        onVersion: (version) => {
          seen = version;
          onChange(version);
        },
        onError: (error) =>
          logger.error({ name, alias, error }, `Could not follow ${name}@${alias}: ${messageOf(error)}`),
      }),
    async move(version, evidence) {
      await setAlias(version, evidence, seen);
      seen = version;
    },
  };
}
