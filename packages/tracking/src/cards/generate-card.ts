import { parseOptions } from '@fairlead/core';
import * as z from 'zod/mini';
import type { ModelVersion } from '../registry/model-version';
import type { DatasetRef } from '../store/registry-store';
import type { DatasetInput, MetricSummary, ParamValue } from '../store/run-store';
import { paragraphs, plain, section, table } from './markdown';
import type { CardResult, ModelCard } from './model-card';

/** What a card tells of the run that made a version: a `RunRecord` or `RunSummary` has it. */
export interface CardRun {
  readonly id: string;
  readonly name: string;
  readonly experiment: string;
  readonly params: Readonly<Record<string, ParamValue>>;
  readonly metrics: Readonly<Record<string, MetricSummary>>;
  readonly inputs?: readonly DatasetInput[];
}

/** What {@link modelCard} cannot know by itself. */
export interface ModelCardOptions {
  /** Heading of the card. @default 'digits, version 2' */
  readonly title?: string;
  /** SPDX identifier, in lower case as Hugging Face has it, such as `apache-2.0`. @default none */
  readonly license?: string;
  /** ISO codes of the languages. @default none */
  readonly language?: readonly string[];
  /** For whoever searches. @default none */
  readonly tags?: readonly string[];
  /** What loads the model. @default 'onnx' */
  readonly library?: string;
  /** What the model does, such as `image-classification`. @default none; the results then say `other` */
  readonly task?: string;
  /** The model on Hugging Face that it comes from. @default none */
  readonly baseModel?: string;
  /** The data that the registered metrics were measured on, which the version itself does not say. @default 'unspecified' */
  readonly dataset?: string;
  /** Sections of your own by heading, in Markdown that is taken as it is, before the others. @default {} */
  readonly sections?: Readonly<Record<string, string>>;
}

const text = z.optional(z.string().check(z.minLength(1), z.maxLength(1000)));
const texts = z.optional(z.array(z.string()));
const schema = z.strictObject({
  title: text,
  license: text,
  language: texts,
  tags: texts,
  library: text,
  task: text,
  baseModel: text,
  dataset: text,
  sections: z.optional(z.record(z.string(), z.string())),
});

/** An identifier made of a name, as those of Hugging Face. */
function slugOf(name: string): string {
  const slug = name
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '-')
    .replace(/^-+|-+$/g, '');
  return slug === '' ? 'unspecified' : slug;
}

interface Measured {
  readonly dataset: DatasetRef | undefined;
  readonly metrics: Readonly<Record<string, number>>;
}

/** The registered metrics, and the latest evaluation on each state of each dataset. */
function measurementsOf(version: ModelVersion): Measured[] {
  const latest = new Map<string, Measured>();
  if (Object.keys(version.metrics).length > 0) latest.set('', { dataset: undefined, metrics: version.metrics });
  for (const { dataset, metrics } of version.evaluations) {
    const key = dataset === undefined ? '' : JSON.stringify([dataset.name, dataset.digest, dataset.context]);
    const before = dataset === undefined ? (latest.get('')?.metrics ?? {}) : {};
    latest.set(key, { dataset, metrics: { ...before, ...metrics } });
  }
  return [...latest.values()];
}

function resultOf(version: ModelVersion, { dataset, metrics }: Measured, options: ModelCardOptions): CardResult {
  const name = dataset?.name ?? options.dataset ?? 'unspecified';
  return {
    model: version.name,
    task: { type: options.task ?? 'other' },
    dataset: {
      type: slugOf(name),
      name,
      ...(dataset?.context === undefined ? {} : { split: dataset.context }),
      ...(dataset === undefined ? {} : { revision: dataset.digest }),
    },
    metrics: Object.entries(metrics).map(([key, value]) => ({
      type: slugOf(key).replaceAll('-', '_'),
      name: key,
      value,
    })),
  };
}

function datasetRows(datasets: readonly (DatasetRef | DatasetInput)[]): string[][] {
  return datasets.map((dataset) => [
    dataset.name,
    dataset.context ?? '',
    'rows' in dataset && dataset.rows !== undefined ? String(dataset.rows) : '',
    dataset.digest,
  ]);
}

function signatureSection({ signature }: ModelVersion): string {
  if (signature === undefined) return '';
  const rows = (kind: string, specs: typeof signature.inputs): string[][] =>
    specs.map((spec) => [kind, spec.name, spec.dtype, spec.shape.join(', ')]);
  return section(
    'Inputs and outputs',
    table(['', 'Tensor', 'dtype', 'Shape'], [...rows('input', signature.inputs), ...rows('output', signature.outputs)]),
  );
}

function trainingSection(version: ModelVersion, run: CardRun | undefined): string {
  const parents = version.parents.map((parent) => `${parent.name}/${parent.version}`);
  return section(
    'Training',
    run === undefined ? '' : `Run ${plain(run.name)} of the experiment ${plain(run.experiment)}, ${plain(run.id)}.`,
    parents.length === 0 ? '' : `Made from ${parents.map(plain).join(', ')}.`,
    table(
      ['Parameter', 'Value'],
      Object.entries(run?.params ?? {}).map(([key, value]) => [key, String(value)]),
    ),
    table(
      ['Metric of the run', 'Last', 'Least', 'Most'],
      Object.entries(run?.metrics ?? {}).map(([key, { last, min, max }]) => [
        key,
        `${last}`,
        `${min ?? '–'}`,
        `${max ?? '–'}`,
      ]),
    ),
    table(['Data', 'Used for', 'Rows', 'Digest'], datasetRows([...(run?.inputs ?? []), ...version.datasets])),
  );
}

function provenanceSection(version: ModelVersion): string {
  const { author, approvals } = version;
  const votes = approvals.map(({ gate, approved, actor, reason }) => [gate, approved ? 'yes' : 'no', actor, reason]);
  const rows = [
    ['Registered', new Date(version.registeredAt).toISOString()],
    ...(author === undefined ? [] : [['By', author]]),
    ['SHA-256', version.digest],
    ['Bytes', String(version.size)],
    ...Object.entries(version.tags).map(([key, value]) => [`Tag ${key}`, value]),
  ];
  return section('Provenance', table(['', ''], rows), table(['Approval', '', 'By', 'Why'], votes));
}

/**
 * Writes the card of a version from what the registry and the run that made it know. What people chose (names, tags,
 * descriptions, parameters) is shown as plain text, never as Markdown or HTML; only `sections` is taken as it is.
 *
 * @param version the version, as `registry.getVersion` gives it
 * @param run the run that made it, as `tracker.getRun` gives it; `undefined` where there is none
 * @throws FairleadError `INVALID_OPTION`
 */
export function modelCard(version: ModelVersion, run?: CardRun, options: ModelCardOptions = {}): ModelCard {
  parseOptions(schema, options, 'modelCard');
  const { title, license, language, tags, library = 'onnx', task, baseModel, sections = {} } = options;
  const measured = measurementsOf(version);
  const scores = measured.flatMap(({ dataset, metrics }) =>
    Object.entries(metrics).map(([key, value]) => [
      dataset?.name ?? options.dataset ?? '',
      dataset?.context ?? '',
      key,
      String(value),
    ]),
  );
  const body = [
    `# ${plain(title ?? `${version.name}, version ${version.version}`)}`,
    paragraphs(version.description ?? ''),
    ...Object.entries(sections).map(([heading, markdown]) => section(heading, markdown.trim())),
    signatureSection(version),
    section('Evaluation', table(['Data', 'Part', 'Metric', 'Value'], scores)),
    trainingSection(version, run),
    provenanceSection(version),
  ];
  const datasets = [...new Set([...(run?.inputs ?? []), ...version.datasets].map((dataset) => dataset.name))];
  return {
    metadata: {
      ...(license === undefined ? {} : { license }),
      ...(language === undefined ? {} : { language }),
      library_name: library,
      ...(task === undefined ? {} : { pipeline_tag: task }),
      ...(tags === undefined ? {} : { tags }),
      ...(baseModel === undefined ? {} : { base_model: baseModel }),
      ...(datasets.length === 0 ? {} : { datasets }),
    },
    results: measured.map((each) => resultOf(version, each, options)),
    body: `${body.filter((block) => block !== '').join('\n\n')}\n`,
  };
}
