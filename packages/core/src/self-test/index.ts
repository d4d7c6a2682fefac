/**
 * Whether a device computes a model as the CPU does, for authors of backends: a graphics card is tried on the golden rows
 * that travel with a model, or on made-up ones, before its answers are given to anybody.
 */
export type { Difference } from './compare-outputs';
export { goldenSelfTest } from './golden-self-test';
export { type SelfTestFinding, selfTest } from './self-test';
