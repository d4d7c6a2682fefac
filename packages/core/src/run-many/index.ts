export type { RunManyOptions, RunManyProgress } from './options';
export type { RunMany, RunManyAnswer, RunManyFailure, RunManyResult } from './results';
export { type RunManySource, type RunnerOfMany, runMany } from './run-many';
