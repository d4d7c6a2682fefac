export { type CaptureOptions, captureEnvironment, type Environment } from './environment';
export type { GitDiff, GitState } from './git';
export type { Lockfile } from './lockfile';
export { logEnvironment } from './log-environment';
