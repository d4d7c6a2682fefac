import type { CallOptions } from '@fairlead/core';
import { checkVersion, invalidArgument } from '../names';
import type { MlflowSearchOptions } from './experiments';
import type { MlflowHttp, MlflowRequest } from './http';
import { checkId, checkModelTag, checkPageSize, checkRegisteredName } from './limits';
import { answers, type MlflowPage, toPage, toPairs, toRecord, type WireVersion } from './wire';

/** A version of a registered model. */
export interface MlflowVersion {
  readonly name: string;
  /** `'1'`, `'2'`, … */
  readonly version: string;
  /** Where its bytes lie. */
  readonly source: string;
  /** The run that made it. */
  readonly runId?: string;
  readonly description: string;
  /** Such as `READY`. */
  readonly status: string;
  /** Epoch milliseconds. */
  readonly createdAt?: number;
  /** Epoch milliseconds. */
  readonly updatedAt?: number;
  readonly tags: Readonly<Record<string, string>>;
  /** Those that point to it. */
  readonly aliases: readonly string[];
}

/** What a version is made with. */
export interface MlflowVersionDraft extends CallOptions {
  readonly name: string;
  /** Where its bytes lie, such as `mlflow-artifacts:/0/<run>/artifacts/model`. */
  readonly source: string;
  /** The run that made it; needed where `source` is among a run's artifacts. */
  readonly runId?: string;
  readonly description?: string;
  readonly tags?: Readonly<Record<string, string>>;
}

/** The versions of registered models. All calls reject with `REMOTE_FAILED` when the server does not answer, and `ABORTED`. */
export interface MlflowVersions {
  /**
   * Makes a version; the server numbers it. Not sent again where the server may have made it already.
   * @throws FairleadError `NOT_FOUND` for a model or run that is not there, `INVALID_ARGUMENT`
   */
  create(draft: MlflowVersionDraft): Promise<MlflowVersion>;
  /** @throws FairleadError `NOT_FOUND` */
  get(name: string, version: string, options?: CallOptions): Promise<MlflowVersion>;
  search(options?: MlflowSearchOptions): Promise<MlflowPage<MlflowVersion>>;
  describe(name: string, version: string, description: string, options?: CallOptions): Promise<void>;
  delete(name: string, version: string, options?: CallOptions): Promise<void>;
  setTag(name: string, version: string, key: string, value: string, options?: CallOptions): Promise<void>;
  deleteTag(name: string, version: string, key: string, options?: CallOptions): Promise<void>;
  /** Where its bytes can be loaded from. */
  downloadUri(name: string, version: string, options?: CallOptions): Promise<string>;
}

/** A version as the server answered it. */
export function toVersion(wire: WireVersion): MlflowVersion {
  return {
    name: wire.name,
    version: wire.version,
    source: wire.source,
    ...(wire.run_id === '' ? {} : { runId: wire.run_id }),
    description: wire.description,
    status: wire.status,
    ...(wire.creation_timestamp === undefined ? {} : { createdAt: wire.creation_timestamp }),
    ...(wire.last_updated_timestamp === undefined ? {} : { updatedAt: wire.last_updated_timestamp }),
    tags: toRecord(wire.tags),
    aliases: wire.aliases,
  };
}

/** @throws FairleadError `INVALID_ARGUMENT` for what is no number of a version */
export function versionNumber(version: string): string {
  checkVersion(version);
  return version;
}

const root = '/api/2.0/mlflow/model-versions';

/** The calls on versions. */
export function createVersions(http: MlflowHttp): MlflowVersions {
  const target = (name: string, version: string): { name: string; version: string } => {
    checkRegisteredName(name);
    return { name, version: versionNumber(version) };
  };
  const tell = (method: MlflowRequest['method'], verb: string, json: unknown, call: CallOptions = {}) =>
    http.tell({ method, path: `${root}/${verb}`, json, ...call });
  return {
    async create({ name, source, runId, description, tags = {}, ...call }) {
      checkRegisteredName(name);
      if (typeof source !== 'string' || source === '') throw invalidArgument('source', 'where the bytes lie', source);
      if (runId !== undefined) checkId('runId', runId);
      for (const [key, value] of Object.entries(tags)) checkModelTag(key, value);
      const json = { name, source, run_id: runId, description, tags: toPairs(tags) };
      const request = { method: 'POST', path: `${root}/create`, json, repeatable: false, ...call } as const;
      return toVersion((await http.ask(request, answers.version)).model_version);
    },
    async get(name, version, call = {}) {
      const request = { method: 'GET', path: `${root}/get`, query: target(name, version), ...call } as const;
      return toVersion((await http.ask(request, answers.version)).model_version);
    },
    async search({ filter, orderBy, maxResults = 1000, pageToken, ...call } = {}) {
      checkPageSize(maxResults, 10_000);
      const query = { filter, order_by: orderBy, max_results: maxResults, page_token: pageToken };
      const found = await http.ask({ method: 'GET', path: `${root}/search`, query, ...call }, answers.versions);
      return toPage(found.model_versions.map(toVersion), found.next_page_token);
    },
    async describe(name, version, description, call) {
      await tell('PATCH', 'update', { ...target(name, version), description }, call);
    },
    async delete(name, version, call) {
      await tell('DELETE', 'delete', target(name, version), call);
    },
    async setTag(name, version, key, value, call) {
      checkModelTag(key, value);
      await tell('POST', 'set-tag', { ...target(name, version), key, value }, call);
    },
    async deleteTag(name, version, key, call) {
      await tell('DELETE', 'delete-tag', { ...target(name, version), key }, call);
    },
    async downloadUri(name, version, call = {}) {
      const request = {
        method: 'GET',
        path: `${root}/get-download-uri`,
        query: target(name, version),
        ...call,
      } as const;
      return (await http.ask(request, answers.downloadUri)).artifact_uri;
    },
  };
}
