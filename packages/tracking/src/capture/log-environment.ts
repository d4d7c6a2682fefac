import type { CallOptions } from '@fairlead/core';
import type { Run } from '../run/run';
import { type CaptureOptions, captureEnvironment, type Environment } from './environment';

/**
 * Captures what a run is computed with, and keeps it with the run: `environment.json`, the changes as
 * `environment.diff` where they were asked for, and tags to search by: `git.commit`, `git.branch`, `git.remote`,
 * `git.dirty`, `runtime`, and `seed.<name>` for each seed.
 * @throws FairleadError as {@link captureEnvironment} and `run.logArtifact`
 */
export async function logEnvironment(
  run: Pick<Run, 'setTags' | 'logArtifact'>,
  options: CaptureOptions = {},
): Promise<Environment> {
  const environment = await captureEnvironment(options);
  const { git, seeds = {}, runtime } = environment;
  const call: CallOptions = options.signal === undefined ? {} : { signal: options.signal };
  const state = git !== undefined && !('missing' in git) ? git : undefined;
  const { diff, ...rest } = state ?? { diff: undefined };
  const kept = { ...environment, ...(state !== undefined && { git: rest }) };
  await run.logArtifact('environment.json', new TextEncoder().encode(`${JSON.stringify(kept, null, 2)}\n`), call);
  if (diff !== undefined && diff.text !== '') {
    await run.logArtifact('environment.diff', new TextEncoder().encode(diff.text), call);
  }
  run.setTags({
    runtime: `${runtime.name} ${runtime.version}`,
    ...(state?.commit !== undefined && { 'git.commit': state.commit }),
    ...(state?.branch !== undefined && { 'git.branch': state.branch }),
    ...(state?.remote !== undefined && { 'git.remote': state.remote }),
    ...(state !== undefined && { 'git.dirty': String(state.dirty) }),
    ...Object.fromEntries(Object.entries(seeds).map(([name, seed]) => [`seed.${name}`, String(seed)])),
  });
  return environment;
}
