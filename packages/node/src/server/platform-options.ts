import { FairleadError, type Logger } from '@fairlead/core';
import { azureMl, type ServingProtocol, sageMaker, vertexAi } from '@fairlead/core/serving';
import type { ServeOptions } from './options';
import { type Environment, type Platform, readPlatform } from './platform';

/** What the platform that was chosen makes of the options. */
export interface PlatformOptions {
  readonly options: ServeOptions;
  /** Undefined where none was chosen. */
  readonly platform: Platform | undefined;
}

/** Milliseconds of a drain on each platform: with the time that connections have to end, under the 30 s after which SageMaker kills, and Kubernetes by default. */
const drain = { drainDelayMs: 2000, drainTimeoutMs: 25_000 };

/** Options by which a caller says himself where to listen and what to speak. */
const ownOptions = ['port', 'host', 'protocols'] as const;

/**
 * Fills options that are left open with what a platform asks. What the caller gave stays; where the platform was not chosen by name, and he
 * said where to listen or what to speak, nothing is filled in, and the logger told.
 *
 * @param hasRepository whether models can be loaded
 * @throws FairleadError `INVALID_OPTION` for an environment that cannot be used, see {@link readPlatform}, and for a multi-model
 * endpoint without a repository
 */
export function applyPlatform(
  options: ServeOptions,
  env: Environment,
  hasRepository: boolean,
  logger: Logger,
): PlatformOptions {
  const { platform: choice = 'auto' } = options;
  const own = ownOptions.filter((name) => options[name] !== undefined);
  if (choice === 'auto' && own.length > 0) {
    warnOfPlatform(env, own, logger);
    return { options, platform: undefined };
  }
  const platform = readPlatform(env, choice);
  if (platform === undefined) return { options, platform };
  if (platform.isMultiModel && !hasRepository) throw noRepository(platform);
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const preset = { host: '0.0.0.0', port: platform.port, handleSignals: true, ...drain };
  const protocols = options.protocols ?? [protocolOf(platform)];
  return { options: { ...preset, ...given, protocols }, platform };
}

/** One line that says what was chosen, why, and where the server listens. */
export function tellPlatform(platform: Platform, host: string, port: number, logger: Logger): void {
  const { name, title, seen, healthRoute, predictRoute } = platform;
  const why = seen.length === 0 ? 'chosen by the option "platform"' : `seen by ${seen.join(', ')}`;
  logger.info(
    { platform: name, seen, host, port, healthRoute, predictRoute },
    `Serving as ${title} asks (${why}): ${host}:${port}, health at ${healthRoute}, predictions at ${predictRoute}.`,
  );
}

function protocolOf({ name, healthRoute, predictRoute, deploymentId }: Platform): ServingProtocol {
  switch (name) {
    case 'sagemaker':
      return sageMaker();
    case 'vertex':
      return vertexAi({
        healthRoute,
        predictRoute,
        ...(deploymentId !== undefined && { deployedModelId: deploymentId }),
      });
    case 'azure':
      return azureMl();
  }
}

/** An environment that cannot be read is no reason to fail where nothing is taken from it. */
function warnOfPlatform(env: Environment, own: readonly string[], logger: Logger): void {
  let platform: Platform | undefined;
  try {
    platform = readPlatform(env);
  } catch (error) {
    if (!FairleadError.isInstance(error)) throw error;
    logger.warn({ error }, `${error.message} Nothing of it is used, since serve() was given ${own.join(', ')}.`);
    return;
  }
  if (platform === undefined) return;
  const { name, title, seen } = platform;
  logger.warn(
    { platform: name, seen, given: own },
    `This looks like ${title} (${seen.join(', ')}), but serve() was given ${own.join(', ')}, so nothing is done for it. ` +
      `Choose it by platform: '${name}', or be rid of this line by platform: 'none'.`,
  );
}

function noRepository({ title, seen }: Platform): FairleadError {
  const expected = 'a repository, by createModelRepository';
  return new FairleadError(
    'INVALID_OPTION',
    `serve: ${title} wants to load and unload models (${seen.join(', ')}), so option "repository" is needed: expected ${expected}.`,
    { details: { field: 'repository', expected, given: 'nothing' } },
  );
}
