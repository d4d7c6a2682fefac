import { FairleadError } from '@fairlead/core';

/** A platform that runs a container and asks it by a contract of its own. */
export type PlatformName = 'sagemaker' | 'vertex' | 'azure';

/** Variables of an environment, as `process.env` has them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What a platform asks of the container that it runs. A plain object. */
export interface Platform {
  readonly name: PlatformName;
  /** What people call it. */
  readonly title: string;
  /** Names of the variables that tell of it; empty where it was chosen by name and none does. */
  readonly seen: readonly string[];
  /** Where it connects to. */
  readonly port: number;
  /**
   * Where it has put the model: a folder in the container, or with Vertex AI an address such as `gs://bucket/folder`, to be
   * fetched. Undefined where it does not say.
   */
  readonly modelLocation: string | undefined;
  /** The path that it asks for health, by GET. */
  readonly healthRoute: string;
  /** The path that it asks for predictions, by POST. */
  readonly predictRoute: string;
  /** Whether it loads and unloads models itself, as SageMaker's multi-model endpoints do. */
  readonly isMultiModel: boolean;
  /** Id of the deployment, where it is told: Vertex AI's deployed model. */
  readonly deploymentId: string | undefined;
}

/** How a platform is chosen: by the variables of the environment, by name, or not at all. */
export type PlatformChoice = 'auto' | 'none' | PlatformName;

interface PlatformReader {
  /** Variables that only a container which serves on the platform has; those of training jobs and notebooks are none. */
  readonly marks: readonly string[];
  read(env: Environment, seen: readonly string[]): Platform;
}

const readers: Readonly<Record<PlatformName, PlatformReader>> = {
  sagemaker: {
    marks: ['SAGEMAKER_BIND_TO_PORT', 'SAGEMAKER_SAFE_PORT_RANGE', 'SAGEMAKER_MULTI_MODEL'],
    read: (env, seen) => ({
      name: 'sagemaker',
      title: 'SageMaker',
      seen,
      port: portOf(env, 'SAGEMAKER_BIND_TO_PORT', 8080),
      modelLocation: '/opt/ml/model',
      healthRoute: '/ping',
      predictRoute: '/invocations',
      isMultiModel: flagOf(env, 'SAGEMAKER_MULTI_MODEL'),
      deploymentId: undefined,
    }),
  },
  vertex: {
    marks: ['AIP_HTTP_PORT', 'AIP_HEALTH_ROUTE', 'AIP_PREDICT_ROUTE'],
    read: (env, seen) => ({
      name: 'vertex',
      title: 'Vertex AI',
      seen,
      port: portOf(env, 'AIP_HTTP_PORT', 8080),
      modelLocation: textOf(env, 'AIP_STORAGE_URI'),
      healthRoute: routeOf(env, 'AIP_HEALTH_ROUTE', '/health'),
      predictRoute: routeOf(env, 'AIP_PREDICT_ROUTE', '/predict'),
      isMultiModel: false,
      deploymentId: textOf(env, 'AIP_DEPLOYED_MODEL_ID'),
    }),
  },
  azure: {
    marks: ['AZUREML_MODEL_DIR'],
    read: (env, seen) => ({
      name: 'azure',
      title: 'Azure ML',
      seen,
      port: 5001,
      modelLocation: textOf(env, 'AZUREML_MODEL_DIR'),
      healthRoute: '/',
      predictRoute: '/score',
      isMultiModel: false,
      deploymentId: undefined,
    }),
  },
};

/**
 * The platform that an environment tells of. Pure: it reads what it is given and nothing else.
 *
 * - SageMaker: `SAGEMAKER_BIND_TO_PORT`, `SAGEMAKER_SAFE_PORT_RANGE` or `SAGEMAKER_MULTI_MODEL`. SageMaker gives the first two
 *   to images with the label `com.amazonaws.sagemaker.capabilities.accept-bind-to-port=true`, and none of them to others:
 *   those choose it by name.
 * - Vertex AI: `AIP_HTTP_PORT`, `AIP_HEALTH_ROUTE` or `AIP_PREDICT_ROUTE`.
 * - Azure ML: `AZUREML_MODEL_DIR`. It tells no port; 5001 is that of its inference server, and newer base images use 31311.
 *
 * @param env `process.env`
 * @param choice a platform by name is taken whatever the environment says, with what it says of it
 * @returns undefined for 'none', and for 'auto' where nothing tells of a platform
 * @throws FairleadError `INVALID_OPTION` for a variable with a value that cannot be used, and for 'auto' where the
 * environment tells of two platforms
 */
export function readPlatform(env: Environment, choice: PlatformChoice = 'auto'): Platform | undefined {
  if (choice === 'none') return undefined;
  if (choice !== 'auto') return readers[choice].read(env, seenOf(env, choice));
  const found = (Object.keys(readers) as PlatformName[]).filter((name) => seenOf(env, name).length > 0);
  const [name, other] = found;
  if (name === undefined) return undefined;
  if (other === undefined) return readers[name].read(env, seenOf(env, name));
  const seen = found.flatMap((each) => seenOf(env, each));
  const expected = `"none" or one of ${found.map((each) => `"${each}"`).join(', ')}`;
  throw new FairleadError(
    'INVALID_OPTION',
    `The environment tells of ${found.length} platforms, by ${seen.join(', ')}. Say which it is by the option "platform": ${expected}.`,
    { details: { field: 'platform', expected, given: '"auto"' } },
  );
}

function seenOf(env: Environment, name: PlatformName): string[] {
  return readers[name].marks.filter((mark) => textOf(env, mark) !== undefined);
}

/** An empty variable is as good as none. */
function textOf(env: Environment, name: string): string | undefined {
  const value = env[name];
  return value === undefined || value === '' ? undefined : value;
}

function portOf(env: Environment, name: string, otherwise: number): number {
  const value = textOf(env, name);
  if (value === undefined) return otherwise;
  const port = /^\d{1,5}$/.test(value) ? Number(value) : 0;
  if (port < 1 || port > 65_535) throw invalid(name, 'a port from 1 to 65535', value);
  return port;
}

function flagOf(env: Environment, name: string): boolean {
  const value = textOf(env, name)?.toLowerCase();
  if (value === undefined || value === 'false' || value === '0') return false;
  if (value === 'true' || value === '1') return true;
  throw invalid(name, 'true or false', value);
}

/** Vertex AI's own routes hold a colon: `/v1/endpoints/E/deployedModels/D:predict`. One at the head of a part would be a pattern. */
const route = /^(\/(?!:)[A-Za-z0-9._~@:-]*)+$/;

function routeOf(env: Environment, name: string, otherwise: string): string {
  const value = textOf(env, name);
  if (value === undefined) return otherwise;
  if (!route.test(value) || value.length > 1000) throw invalid(name, 'a path such as "/predict"', value);
  return value.length > 1 && value.endsWith('/') ? value.slice(0, -1) : value;
}

function invalid(name: string, expected: string, value: string): FairleadError {
  const given = JSON.stringify(value.slice(0, 100));
  return new FairleadError(
    'INVALID_OPTION',
    `The variable ${name} of the environment is wrong: expected ${expected}, given ${given}.`,
    { details: { field: name, expected, given } },
  );
}
