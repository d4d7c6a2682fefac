import { type CallOptions, FairleadError } from '@fairlead/core';
import { invalidArgument } from '../names';
import type { MlflowHttp } from './http';
import { checkEntityKey, checkId, checkPageSize, checkText, lengths } from './limits';
import { answers, type MlflowPage, toPage, toPairs, toRecord, type WireExperiment } from './wire';

/** Which of the things that can be deleted are found. */
export type MlflowView = 'active' | 'deleted' | 'all';

/** An experiment. */
export interface MlflowExperiment {
  readonly id: string;
  readonly name: string;
  readonly artifactLocation: string;
  readonly deleted: boolean;
  /** Epoch milliseconds. */
  readonly createdAt?: number;
  /** Epoch milliseconds. */
  readonly updatedAt?: number;
  readonly tags: Readonly<Record<string, string>>;
}

/** What a page of a search is asked for. */
export interface MlflowSearchOptions extends CallOptions {
  /** In MLflow's language, which has no OR. */
  readonly filter?: string;
  readonly orderBy?: readonly string[];
  /** Most items of the page. @default 1000 for runs and experiments, 100 for models, 1000 for versions */
  readonly maxResults?: number;
  readonly pageToken?: string;
}

/** The experiments of a server. All calls reject with `REMOTE_FAILED` when it does not answer, and `ABORTED`. */
export interface MlflowExperiments {
  /** @returns its id @throws FairleadError `ALREADY_EXISTS`, also for a name of a deleted one; `INVALID_ARGUMENT`, `LIMIT_EXCEEDED` */
  create(
    name: string,
    options?: CallOptions & { readonly artifactLocation?: string; readonly tags?: Readonly<Record<string, string>> },
  ): Promise<string>;
  /** @throws FairleadError `NOT_FOUND` */
  get(id: string, options?: CallOptions): Promise<MlflowExperiment>;
  /** `undefined` when there is none. A deleted one is found too. */
  getByName(name: string, options?: CallOptions): Promise<MlflowExperiment | undefined>;
  search(options?: MlflowSearchOptions & { readonly view?: MlflowView }): Promise<MlflowPage<MlflowExperiment>>;
  rename(id: string, name: string, options?: CallOptions): Promise<void>;
  delete(id: string, options?: CallOptions): Promise<void>;
  restore(id: string, options?: CallOptions): Promise<void>;
  setTag(id: string, key: string, value: string, options?: CallOptions): Promise<void>;
}

const views: Readonly<Record<MlflowView, string>> = { active: 'ACTIVE_ONLY', deleted: 'DELETED_ONLY', all: 'ALL' };

/** MLflow's word for a view. @throws FairleadError `INVALID_ARGUMENT` */
export function viewType(view: MlflowView = 'active'): string {
  if (!Object.hasOwn(views, view)) throw invalidArgument('view', "'active', 'deleted' or 'all'", view);
  return views[view];
}

function toExperiment(wire: WireExperiment): MlflowExperiment {
  return {
    id: wire.experiment_id,
    name: wire.name,
    artifactLocation: wire.artifact_location,
    deleted: wire.lifecycle_stage === 'deleted',
    ...(wire.creation_time === undefined ? {} : { createdAt: wire.creation_time }),
    ...(wire.last_update_time === undefined ? {} : { updatedAt: wire.last_update_time }),
    tags: toRecord(wire.tags),
  };
}

function checkName(name: unknown): asserts name is string {
  checkText('experiment name', name, lengths.experimentName);
  if (name.trim() === '') throw invalidArgument('experiment name', '1 to 500 characters', name);
}

const root = '/api/2.0/mlflow/experiments';

/** The calls on experiments. */
export function createExperiments(http: MlflowHttp): MlflowExperiments {
  const post = (verb: string, json: unknown, { signal }: CallOptions = {}) =>
    http.tell({ method: 'POST', path: `${root}/${verb}`, json, ...(signal && { signal }) });
  return {
    async create(name, { artifactLocation, tags = {}, ...call } = {}) {
      checkName(name);
      for (const [key, value] of Object.entries(tags)) {
        checkEntityKey('tag name', key);
        checkText(`tags.${key}`, value, lengths.experimentTag);
      }
      const json = { name, artifact_location: artifactLocation, tags: toPairs(tags) };
      // Sent once, so that ALREADY_EXISTS always means that somebody else was first.
      const request = { method: 'POST', path: `${root}/create`, json, repeatable: false, ...call } as const;
      return (await http.ask(request, answers.experimentId)).experiment_id;
    },
    async get(id, call = {}) {
      checkId('experiment id', id);
      const query = { experiment_id: id };
      return toExperiment(
        (await http.ask({ method: 'GET', path: `${root}/get`, query, ...call }, answers.experiment)).experiment,
      );
    },
    async getByName(name, call = {}) {
      checkName(name);
      const query = { experiment_name: name };
      try {
        const request = { method: 'GET', path: `${root}/get-by-name`, query, ...call } as const;
        return toExperiment((await http.ask(request, answers.experiment)).experiment);
      } catch (error) {
        if (FairleadError.isInstance(error, 'NOT_FOUND')) return undefined;
        throw error;
      }
    },
    async search({ filter, orderBy, maxResults = 1000, pageToken, view, ...call } = {}) {
      checkPageSize(maxResults, 50_000);
      const json = {
        filter,
        order_by: orderBy,
        max_results: maxResults,
        page_token: pageToken,
        view_type: viewType(view),
      };
      const found = await http.ask({ method: 'POST', path: `${root}/search`, json, ...call }, answers.experiments);
      return toPage(found.experiments.map(toExperiment), found.next_page_token);
    },
    async rename(id, name, call) {
      checkId('experiment id', id);
      checkName(name);
      await post('update', { experiment_id: id, new_name: name }, call);
    },
    async delete(id, call) {
      checkId('experiment id', id);
      await post('delete', { experiment_id: id }, call);
    },
    async restore(id, call) {
      checkId('experiment id', id);
      await post('restore', { experiment_id: id }, call);
    },
    async setTag(id, key, value, call) {
      checkId('experiment id', id);
      checkEntityKey('tag name', key);
      checkText(`tags.${key}`, value, lengths.experimentTag);
      await post('set-experiment-tag', { experiment_id: id, key, value }, call);
    },
  };
}
