import { FairleadError } from '@fairlead/core';
import type { RegistryStore } from '../../store/registry-store';

async function refuse(): Promise<never> {
  throw new FairleadError('UNSUPPORTED', 'This store on an MLflow server was made without a registry of models.', {
    details: { field: 'registry', expected: 'the option "registry" of createMlflowStore', given: 'none' },
  });
}

/** The registry of a store that was given none. */
export const noRegistry: RegistryStore = {
  names: refuse,
  read: refuse,
  commit: refuse,
  watch: () => ({ close: async () => {}, [Symbol.asyncDispose]: async () => {} }),
};
