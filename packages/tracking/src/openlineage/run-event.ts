import type { DatasetInput, MetricSummary, ModelUse, ParamValue, RunError } from '../store/stored-run';
import type { RunStatus } from '../tracker';

/*
 * Events of OpenLineage 2-0-2: who read what and made what, as catalogues of data such as Marquez, DataHub or
 * OpenMetadata take it in.
 */

/** The state that a run came to, in OpenLineage's words. */
export type RunEventType = 'START' | 'RUNNING' | 'COMPLETE' | 'FAIL' | 'ABORT' | 'OTHER';

/** Named facts; each names who told it and the schema that it follows. */
export type Facets = Readonly<Record<string, Facet>>;

/** One fact. */
export interface Facet {
  readonly _producer: string;
  readonly _schemaURL: string;
  readonly [key: string]: unknown;
}

/** Data that was read or made. */
export interface OpenLineageDataset {
  readonly namespace: string;
  readonly name: string;
  readonly facets?: Facets;
  readonly inputFacets?: Facets;
  readonly outputFacets?: Facets;
}

/** An event about a run. */
export interface OpenLineageRunEvent {
  readonly eventType: RunEventType;
  /** ISO 8601. */
  readonly eventTime: string;
  /** A UUID: the digits of the run's id. */
  readonly run: { readonly runId: string; readonly facets: Facets };
  readonly job: { readonly namespace: string; readonly name: string; readonly facets: Facets };
  readonly inputs: readonly OpenLineageDataset[];
  readonly outputs: readonly OpenLineageDataset[];
  readonly producer: string;
  readonly schemaURL: string;
}

/** What an event is made of: a run as the tracker has it. */
export interface DescribedRun {
  readonly id: string;
  readonly experiment: string;
  readonly name: string;
  readonly status: RunStatus;
  readonly parent?: string;
  readonly error?: RunError;
  readonly params: Readonly<Record<string, ParamValue>>;
  readonly tags: Readonly<Record<string, string>>;
  readonly metrics: Readonly<Record<string, MetricSummary>>;
  readonly inputs: readonly DatasetInput[];
  readonly uses: readonly ModelUse[];
}

/** A version of a model that a run made. */
export interface MadeVersion {
  readonly name: string;
  readonly version: string;
  readonly digest: string;
}

/** What surrounds a run. */
export interface RunEventContext {
  /** Where the jobs are: your team's or system's name. */
  readonly namespace: string;
  /** Where datasets without a source and models are. @default the same */
  readonly dataNamespace?: string;
  /** When it happened, epoch milliseconds. */
  readonly at: number;
  /** Versions of models that the run made. @default none */
  readonly versions?: readonly MadeVersion[];
  /** Told in place of what follows from the run's status. */
  readonly eventType?: RunEventType;
}

const producer = 'urn:fairlead:tracking';
const spec = 'https://openlineage.io/spec';

const typeOf: Readonly<Record<RunStatus, RunEventType>> = {
  RUNNING: 'RUNNING',
  FINISHED: 'COMPLETE',
  FAILED: 'FAIL',
  KILLED: 'ABORT',
  INTERRUPTED: 'ABORT',
};

/** The event that tells how a run stands. */
export function runEventOf(run: DescribedRun, context: RunEventContext): OpenLineageRunEvent {
  const { namespace, dataNamespace = namespace, at, versions = [], eventType = typeOf[run.status] } = context;
  const { uses, inputs } = run;
  return {
    eventType,
    eventTime: new Date(at).toISOString(),
    run: { runId: uuidOf(run.id), facets: runFacets(run, namespace) },
    job: { namespace, name: run.experiment, facets: jobFacets(run) },
    inputs: [
      ...inputs.map((input) => datasetOf(input, dataNamespace)),
      ...uses.map((use) => modelOf(use, dataNamespace)),
    ],
    outputs: versions.map((version) => modelOf(version, dataNamespace)),
    producer,
    schemaURL: `${spec}/2-0-2/OpenLineage.json#/$defs/RunEvent`,
  };
}

function facet(schema: string, facts: Readonly<Record<string, unknown>>): Facet {
  return { _producer: producer, _schemaURL: `${spec}/facets/${schema}`, ...facts };
}

/** A fact that OpenLineage has no schema for. */
function ownFacet(name: string, facts: Readonly<Record<string, unknown>>): Facet {
  return { _producer: producer, _schemaURL: `urn:fairlead:openlineage:${name}:1`, ...facts };
}

function runFacets(
  { id, experiment, name, parent, error, params, metrics, tags }: DescribedRun,
  namespace: string,
): Facets {
  const runtime = tags.runtime?.split(' ');
  return {
    fairlead_run: ownFacet('run', {
      id,
      name,
      params,
      // JSON has neither NaN nor the infinities.
      metrics: Object.fromEntries(Object.entries(metrics).map(([key, { last }]) => [key, numberOf(last)])),
    }),
    ...(parent !== undefined && {
      parent: facet('1-2-0/ParentRunFacet.json#/$defs/ParentRunFacet', {
        run: { runId: uuidOf(parent) },
        job: { namespace, name: experiment },
      }),
    }),
    ...(error !== undefined && {
      errorMessage: facet('1-0-1/ErrorMessageRunFacet.json#/$defs/ErrorMessageRunFacet', {
        message: `${error.name}: ${error.message}`,
        programmingLanguage: 'JavaScript',
      }),
    }),
    ...(runtime?.[0] !== undefined && {
      processing_engine: facet('1-1-1/ProcessingEngineRunFacet.json#/$defs/ProcessingEngineRunFacet', {
        name: runtime[0],
        version: runtime[1] ?? '',
      }),
    }),
  };
}

function jobFacets({ tags }: DescribedRun): Facets {
  const commit = tags['git.commit'];
  const remote = tags['git.remote'];
  return {
    jobType: facet('2-0-4/JobTypeJobFacet.json#/$defs/JobTypeJobFacet', {
      processingType: 'BATCH',
      integration: 'FAIRLEAD',
      jobType: 'TRAINING',
    }),
    ...(commit !== undefined &&
      remote !== undefined && {
        sourceCodeLocation: facet('1-1-0/SourceCodeLocationJobFacet.json#/$defs/SourceCodeLocationJobFacet', {
          type: 'git',
          url: remote,
          repoUrl: remote,
          version: commit,
          ...(tags['git.branch'] !== undefined && { branch: tags['git.branch'] }),
        }),
      }),
  };
}

function datasetOf(
  { name, digest, source, rows, schema, context }: DatasetInput,
  namespace: string,
): OpenLineageDataset {
  return {
    namespace,
    name,
    facets: {
      version: versionOf(digest),
      ...(schema !== undefined && {
        schema: facet('1-2-0/SchemaDatasetFacet.json#/$defs/SchemaDatasetFacet', {
          fields: schema.map((column) => ({ name: column.name, type: column.type })),
        }),
      }),
      ...(source !== undefined && {
        dataSource: facet('1-0-1/DatasourceDatasetFacet.json#/$defs/DatasourceDatasetFacet', {
          name: source,
          uri: uriOf(source),
        }),
      }),
    },
    inputFacets: {
      ...(rows !== undefined && {
        dataQualityMetrics: facet(
          '1-0-3/DataQualityMetricsInputDatasetFacet.json#/$defs/DataQualityMetricsInputDatasetFacet',
          { rowCount: rows, columnMetrics: {} },
        ),
      }),
      ...(context !== undefined && { fairlead_context: ownFacet('context', { context }) }),
    },
  };
}

function modelOf({ name, version, digest }: ModelUse, namespace: string): OpenLineageDataset {
  return {
    namespace,
    name: `models/${name}`,
    facets: {
      version: versionOf(version),
      ...(digest !== undefined && { fairlead_model: ownFacet('model', { version, digest }) }),
    },
  };
}

function versionOf(datasetVersion: string): Facet {
  return facet('1-0-1/DatasetVersionDatasetFacet.json#/$defs/DatasetVersionDatasetFacet', { datasetVersion });
}

/** 32 hexadecimal digits, written as a UUID is. */
function uuidOf(id: string): string {
  return id.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** What has no scheme is a path. */
function uriOf(source: string): string {
  return /^[a-z][a-z0-9+.-]+:/i.test(source) ? source : `file:${encodeURI(source)}`;
}

function numberOf(value: number): number | string {
  return Number.isFinite(value) ? value : String(value);
}
