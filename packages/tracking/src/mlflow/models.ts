import { type CallOptions, FairleadError } from '@fairlead/core';
import type { MlflowSearchOptions } from './experiments';
import type { MlflowHttp, MlflowRequest } from './http';
import { checkModelAlias, checkModelTag, checkPageSize, checkRegisteredName } from './limits';
import { type MlflowVersion, toVersion, versionNumber } from './versions';
import { answers, type MlflowPage, toPage, toPairs, toRecord, type WireModel } from './wire';

/** A registered model. */
export interface MlflowModel {
  readonly name: string;
  readonly description: string;
  /** Epoch milliseconds. */
  readonly createdAt?: number;
  /** Epoch milliseconds. */
  readonly updatedAt?: number;
  readonly tags: Readonly<Record<string, string>>;
  /** Version by alias. */
  readonly aliases: Readonly<Record<string, string>>;
  /** The version of the highest number in each of MLflow's stages, with no aliases; most models use one stage, `None`. */
  readonly latestVersions: readonly MlflowVersion[];
}

/** The registered models of a server. All calls reject with `REMOTE_FAILED` when it does not answer, and `ABORTED`. */
export interface MlflowModels {
  /** @throws FairleadError `ALREADY_EXISTS`, `INVALID_ARGUMENT` */
  create(
    name: string,
    options?: CallOptions & { readonly description?: string; readonly tags?: Readonly<Record<string, string>> },
  ): Promise<MlflowModel>;
  /** @throws FairleadError `NOT_FOUND` */
  get(name: string, options?: CallOptions): Promise<MlflowModel>;
  search(options?: MlflowSearchOptions): Promise<MlflowPage<MlflowModel>>;
  describe(name: string, description: string, options?: CallOptions): Promise<void>;
  rename(name: string, newName: string, options?: CallOptions): Promise<void>;
  /** With all its versions. */
  delete(name: string, options?: CallOptions): Promise<void>;
  setTag(name: string, key: string, value: string, options?: CallOptions): Promise<void>;
  deleteTag(name: string, key: string, options?: CallOptions): Promise<void>;
  /** Points an alias to a version, wherever it pointed before. `latest` and `v1`, `v2`, … are reserved. */
  setAlias(name: string, alias: string, version: string, options?: CallOptions): Promise<void>;
  /** What is not there is no error. */
  deleteAlias(name: string, alias: string, options?: CallOptions): Promise<void>;
  /** @throws FairleadError `NOT_FOUND` */
  getByAlias(name: string, alias: string, options?: CallOptions): Promise<MlflowVersion>;
}

function toModel(wire: WireModel): MlflowModel {
  return {
    name: wire.name,
    description: wire.description,
    ...(wire.creation_timestamp === undefined ? {} : { createdAt: wire.creation_timestamp }),
    ...(wire.last_updated_timestamp === undefined ? {} : { updatedAt: wire.last_updated_timestamp }),
    tags: toRecord(wire.tags),
    aliases: Object.fromEntries(wire.aliases.map(({ alias, version }) => [alias, version])),
    latestVersions: wire.latest_versions.map(toVersion),
  };
}

const root = '/api/2.0/mlflow/registered-models';

/** The calls on registered models. */
export function createModels(http: MlflowHttp): MlflowModels {
  const tell = (method: MlflowRequest['method'], verb: string, json: unknown, call: CallOptions = {}) =>
    http.tell({ method, path: `${root}/${verb}`, json, ...call });
  return {
    async create(name, { description, tags = {}, ...call } = {}) {
      checkRegisteredName(name);
      for (const [key, value] of Object.entries(tags)) checkModelTag(key, value);
      const json = { name, description, tags: toPairs(tags) };
      const request = { method: 'POST', path: `${root}/create`, json, repeatable: false, ...call } as const;
      return toModel((await http.ask(request, answers.model)).registered_model);
    },
    async get(name, call = {}) {
      checkRegisteredName(name);
      const request = { method: 'GET', path: `${root}/get`, query: { name }, ...call } as const;
      return toModel((await http.ask(request, answers.model)).registered_model);
    },
    async search({ filter, orderBy, maxResults = 100, pageToken, ...call } = {}) {
      checkPageSize(maxResults, 1000);
      const query = { filter, order_by: orderBy, max_results: maxResults, page_token: pageToken };
      const found = await http.ask({ method: 'GET', path: `${root}/search`, query, ...call }, answers.models);
      return toPage(found.registered_models.map(toModel), found.next_page_token);
    },
    async describe(name, description, call) {
      checkRegisteredName(name);
      await tell('PATCH', 'update', { name, description }, call);
    },
    async rename(name, newName, call) {
      checkRegisteredName(name);
      checkRegisteredName(newName);
      await tell('POST', 'rename', { name, new_name: newName }, call);
    },
    async delete(name, call) {
      checkRegisteredName(name);
      await tell('DELETE', 'delete', { name }, call);
    },
    async setTag(name, key, value, call) {
      checkRegisteredName(name);
      checkModelTag(key, value);
      await tell('POST', 'set-tag', { name, key, value }, call);
    },
    async deleteTag(name, key, call) {
      checkRegisteredName(name);
      await tell('DELETE', 'delete-tag', { name, key }, call);
    },
    async setAlias(name, alias, version, call) {
      checkRegisteredName(name);
      checkModelAlias(alias);
      await tell('POST', 'alias', { name, alias, version: versionNumber(version) }, call);
    },
    async deleteAlias(name, alias, call) {
      checkRegisteredName(name);
      checkModelAlias(alias);
      await tell('DELETE', 'alias', { name, alias }, call);
    },
    async getByAlias(name, alias, call = {}) {
      checkRegisteredName(name);
      checkModelAlias(alias);
      const request = { method: 'GET', path: `${root}/alias`, query: { name, alias }, ...call } as const;
      try {
        return toVersion((await http.ask(request, answers.version)).model_version);
      } catch (error) {
        // The names are well formed, so what the server calls invalid is an alias that is not there.
        if (!FairleadError.isInstance(error, 'INVALID_ARGUMENT')) throw error;
        throw new FairleadError(
          'NOT_FOUND',
          `The model "${name}" has no alias "${alias}". models.get() lists those it has.`,
          {
            cause: error,
            details: { field: 'alias', expected: 'an alias of the model', given: alias },
          },
        );
      }
    },
  };
}
