import type { CallOptions } from '@fairlead/core';
import { invalidArgument } from '../names';
import { type MlflowBatch, type MlflowMetric, splitBatch } from './batches';
import { contextTag, digestTag, type MlflowDataset, toWireDataset } from './datasets';
import { type MlflowSearchOptions, type MlflowView, viewType } from './experiments';
import type { MlflowHttp } from './http';
import { checkEntityKey, checkId, checkPageSize, checkText, checkWhole, lengths } from './limits';
import { answers, type MlflowPage, toPage, toPairs, toRecord, type WireRun } from './wire';

/** How a run stands. */
export type MlflowRunStatus = 'RUNNING' | 'SCHEDULED' | 'FINISHED' | 'FAILED' | 'KILLED';

/** A run. */
export interface MlflowRun {
  readonly id: string;
  readonly experimentId: string;
  readonly name: string;
  readonly status: MlflowRunStatus;
  /** Epoch milliseconds. */
  readonly startTime?: number;
  /** Epoch milliseconds. */
  readonly endTime?: number;
  readonly deleted: boolean;
  /** Where its artifacts lie. */
  readonly artifactUri: string;
  readonly params: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
  /** The latest point of every metric. */
  readonly metrics: Readonly<Record<string, Required<MlflowMetric>>>;
  readonly datasets: readonly MlflowDataset[];
}

/** What a run is made with. */
export interface MlflowRunDraft extends CallOptions {
  readonly experimentId: string;
  readonly name?: string;
  /** Epoch milliseconds. */
  readonly startTime: number;
  readonly tags?: Readonly<Record<string, string>>;
}

/** The runs of a server. All calls reject with `REMOTE_FAILED` when it does not answer, and `ABORTED`. */
export interface MlflowRuns {
  /**
   * Makes a run. It is not sent again where the server may have made it already: mark a run of yours by a tag, and search
   * for that before you try again.
   * @throws FairleadError `NOT_FOUND` for an experiment that is not there, `INVALID_ARGUMENT`, `LIMIT_EXCEEDED`
   */
  create(draft: MlflowRunDraft): Promise<MlflowRun>;
  /** @throws FairleadError `NOT_FOUND` */
  get(id: string, options?: CallOptions): Promise<MlflowRun>;
  update(
    id: string,
    change: { readonly status?: MlflowRunStatus; readonly endTime?: number; readonly name?: string },
    options?: CallOptions,
  ): Promise<void>;
  delete(id: string, options?: CallOptions): Promise<void>;
  restore(id: string, options?: CallOptions): Promise<void>;
  search(
    options: MlflowSearchOptions & { readonly experimentIds: readonly string[]; readonly view?: MlflowView },
  ): Promise<MlflowPage<MlflowRun>>;
  /**
   * Logs metrics, parameters and tags in as many requests as it takes, parameters and tags first. Everything is checked
   * before the first is sent. It may be called again with the same after it failed: what is there already is kept once.
   * A run that has ended takes all this as well: that is MLflow's way, and nothing here asks how a run stands. Who wants it
   * refused logs through a tracker.
   * @throws FairleadError `INVALID_ARGUMENT` for what the server would change silently, for another value of a
   * parameter, and for a run that was deleted; `LIMIT_EXCEEDED` for what it would cut
   */
  logBatch(id: string, batch: MlflowBatch, options?: CallOptions): Promise<void>;
  /** @throws FairleadError `NOT_FOUND` for a tag that is not there */
  deleteTag(id: string, key: string, options?: CallOptions): Promise<void>;
  logInputs(id: string, datasets: readonly MlflowDataset[], options?: CallOptions): Promise<void>;
  /**
   * Every point of a metric, a page at a time, in the server's order: by time, then by step.
   * @param options `maxResults`: points of a page, 1 to 25,000 @default 25000
   */
  history(
    id: string,
    key: string,
    options?: CallOptions & { readonly maxResults?: number },
  ): AsyncIterable<readonly Required<MlflowMetric>[]>;
}

const statuses: readonly string[] = ['RUNNING', 'SCHEDULED', 'FINISHED', 'FAILED', 'KILLED'];

function toDataset({ dataset, tags }: WireRun['inputs']['dataset_inputs'][number]): MlflowDataset {
  const { [contextTag]: context, [digestTag]: digest, ...others } = toRecord(tags);
  return {
    name: dataset.name,
    digest: digest ?? dataset.digest,
    ...(context === undefined ? {} : { context }),
    sourceType: dataset.source_type,
    source: dataset.source,
    ...(dataset.schema === undefined ? {} : { schema: dataset.schema }),
    ...(dataset.profile === undefined ? {} : { profile: dataset.profile }),
    tags: others,
  };
}

function toRun({ info, data, inputs }: WireRun): MlflowRun {
  return {
    id: info.run_id,
    experimentId: info.experiment_id,
    name: info.run_name,
    status: info.status as MlflowRunStatus,
    ...(info.start_time === undefined ? {} : { startTime: info.start_time }),
    ...(info.end_time === undefined ? {} : { endTime: info.end_time }),
    deleted: info.lifecycle_stage === 'deleted',
    artifactUri: info.artifact_uri,
    params: toRecord(data.params),
    tags: toRecord(data.tags),
    metrics: Object.fromEntries(data.metrics.map((metric) => [metric.key, metric])),
    datasets: inputs.dataset_inputs.map(toDataset),
  };
}

function checkTags(tags: Readonly<Record<string, string>>): void {
  for (const [key, value] of Object.entries(tags)) {
    checkEntityKey('tag name', key);
    checkText(`tags.${key}`, value, lengths.tag, 'Log it as an artifact.');
  }
}

const root = '/api/2.0/mlflow/runs';

/** The calls on runs. */
export function createRuns(http: MlflowHttp): MlflowRuns {
  const post = (verb: string, json: unknown, call: CallOptions = {}) =>
    http.tell({ method: 'POST', path: `${root}/${verb}`, json, ...call });
  return {
    async create({ experimentId, name, startTime, tags = {}, ...call }) {
      checkId('experimentId', experimentId);
      checkWhole('startTime', startTime, 0);
      if (name !== undefined) checkText('name', name, lengths.key);
      checkTags(tags);
      const json = { experiment_id: experimentId, run_name: name, start_time: startTime, tags: toPairs(tags) };
      const request = { method: 'POST', path: `${root}/create`, json, repeatable: false, ...call } as const;
      return toRun((await http.ask(request, answers.run)).run);
    },
    async get(id, call = {}) {
      checkId('run id', id);
      return toRun(
        (await http.ask({ method: 'GET', path: `${root}/get`, query: { run_id: id }, ...call }, answers.run)).run,
      );
    },
    async update(id, { status, endTime, name }, call) {
      checkId('run id', id);
      if (status !== undefined && !statuses.includes(status))
        throw invalidArgument('status', statuses.join(', '), status);
      if (endTime !== undefined) checkWhole('endTime', endTime, 0);
      if (name !== undefined) checkText('name', name, lengths.key);
      await post('update', { run_id: id, status, end_time: endTime, run_name: name }, call);
    },
    async delete(id, call) {
      checkId('run id', id);
      await post('delete', { run_id: id }, call);
    },
    async restore(id, call) {
      checkId('run id', id);
      await post('restore', { run_id: id }, call);
    },
    async search({ experimentIds, filter, orderBy, maxResults = 1000, pageToken, view, ...call }) {
      checkPageSize(maxResults, 50_000);
      const json = {
        experiment_ids: experimentIds,
        filter,
        order_by: orderBy,
        max_results: maxResults,
        page_token: pageToken,
        run_view_type: viewType(view),
      };
      const found = await http.ask({ method: 'POST', path: `${root}/search`, json, ...call }, answers.runs);
      return toPage(found.runs.map(toRun), found.next_page_token);
    },
    async logBatch(id, batch, call) {
      checkId('run id', id);
      for (const part of splitBatch(batch)) await post('log-batch', { run_id: id, ...part }, call);
    },
    async deleteTag(id, key, call) {
      checkId('run id', id);
      checkEntityKey('tag name', key);
      await post('delete-tag', { run_id: id, key }, call);
    },
    async logInputs(id, datasets, call) {
      checkId('run id', id);
      const wire = datasets.map(toWireDataset);
      for (let at = 0; at < wire.length; at += 100) {
        await post('log-inputs', { run_id: id, datasets: wire.slice(at, at + 100) }, call);
      }
    },
    async *history(id, key, { maxResults = 25_000, ...call } = {}) {
      checkId('run id', id);
      checkEntityKey('metric name', key);
      checkPageSize(maxResults, 25_000);
      let token: string | undefined;
      do {
        // Without a number of results the server answers no points, only a token, for ever.
        const query = { run_id: id, metric_key: key, max_results: maxResults, page_token: token };
        const request = { method: 'GET', path: '/api/2.0/mlflow/metrics/get-history', query, ...call } as const;
        const page = await http.ask(request, answers.metrics);
        if (page.metrics.length > 0) yield page.metrics;
        token = page.next_page_token || undefined;
      } while (token !== undefined);
    },
  };
}
