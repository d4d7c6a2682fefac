import type { CallOptions } from '@fairlead/core';
import { type ArtifactProxy, createProxy } from './artifact-proxy';
import { createArtifacts, type MlflowArtifacts } from './artifacts';
import { type MlflowClientOptions, parseClientOptions } from './client-options';
import { createExperiments, type MlflowExperiments } from './experiments';
import { createHttp } from './http';
import { createModels, type MlflowModels } from './models';
import { createRuns, type MlflowRuns } from './runs';
import { createVersions, type MlflowVersions } from './versions';

/** What an MLflow server can be asked. It holds nothing open, so there is nothing to close. */
export interface MlflowClient {
  /** The server's address, with no credentials. */
  readonly url: string;
  readonly experiments: MlflowExperiments;
  readonly runs: MlflowRuns;
  readonly artifacts: MlflowArtifacts;
  /** The artifacts of anything, by the places that runs, experiments and versions name. */
  readonly proxy: ArtifactProxy;
  readonly models: MlflowModels;
  readonly versions: MlflowVersions;
  /** Whether the server says that it is well. @throws FairleadError `REMOTE_FAILED`, `ABORTED` */
  health(options?: CallOptions): Promise<void>;
}

/**
 * Makes a client of an MLflow server's REST API. It refuses what the server would cut or change silently, tries again what
 * failed on the way, and shows no credential in any error.
 *
 * @example
 * const client = createMlflowClient({ url: 'http://127.0.0.1:5000' });
 * const experiment = await client.experiments.create('digits');
 * const run = await client.runs.create({ experimentId: experiment, startTime: Date.now() });
 * await client.runs.logBatch(run.id, { metrics: [{ key: 'loss', value: 0.3, step: 1, timestamp: Date.now() }] });
 * await client.runs.update(run.id, { status: 'FINISHED', endTime: Date.now() });
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function createMlflowClient(options: MlflowClientOptions = {}): MlflowClient {
  const settings = parseClientOptions(options);
  const http = createHttp(settings);
  const runs = createRuns(http);
  const proxy = createProxy(http, settings.multipart);
  return {
    url: settings.url,
    experiments: createExperiments(http),
    runs,
    artifacts: createArtifacts(http, runs, proxy),
    proxy,
    models: createModels(http),
    versions: createVersions(http),
    health: (call = {}) => http.tell({ method: 'GET', path: '/health', ...call }),
  };
}
