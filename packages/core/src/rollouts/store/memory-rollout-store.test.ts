import { test } from 'vitest';
import { rolloutStoreConformance } from '../../testing';
import { createMemoryRolloutStore } from './memory-rollout-store';

const createPlace = () => {
  const store = createMemoryRolloutStore();
  return { open: () => store };
};
for (const { name, run } of rolloutStoreConformance({ createPlace })) test(`memory ${name}`, run);
