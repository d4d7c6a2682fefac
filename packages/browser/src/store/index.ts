export { createModelStore } from './create-model-store';
export type { ModelStore } from './model-store';
export type {
  ModelStoreOptions,
  OpenCall,
  OpenStoreOptions,
  Overlap,
  RunnerStoreOptions,
  StoreBehaviour,
  StoreDefinition,
} from './options';
export type { ModelSnapshot, ModelStatus, RunnerNote } from './snapshot';
