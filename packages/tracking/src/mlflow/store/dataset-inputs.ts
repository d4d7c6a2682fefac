import type { DatasetInput } from '../../store/stored-run';
import type { MlflowDataset } from '../datasets';
import { lengths } from '../limits';
import { hashedTag, ownKinds, parsedTags, parseObject } from './own-tags';

/* A dataset is logged as MLflow has them, for whoever looks there, and whole in a tag, for us. */

/** What a tag says: a dataset, or the part of it that fits. */
interface InputNote extends DatasetInput {
  /** Schema and tags were left out: MLflow's own record has them. */
  readonly isCut?: true;
}

/** The tag of a dataset in a run. */
export function inputTag(dataset: DatasetInput): readonly [key: string, value: string] {
  const { name, digest, context } = dataset;
  const key = hashedTag('input', JSON.stringify([name, digest, context ?? null]));
  const whole = JSON.stringify(dataset);
  if (whole.length <= lengths.tag) return [key, whole];
  const { schema: _, tags: __, ...rest } = dataset;
  const note: InputNote = { ...rest, isCut: true };
  const short = JSON.stringify(note);
  if (short.length <= lengths.tag) return [key, short];
  const { source: ___, ...shortest } = note;
  return [key, JSON.stringify(shortest)];
}

/** A dataset as MLflow shows it. What it has no room for is only in our tag. */
export function toMlflowDataset(dataset: DatasetInput): MlflowDataset {
  const { name, digest, context, source, rows, schema, tags = {} } = dataset;
  const isWeb = /^https?:/i.test(source ?? '');
  const columns = schema?.map((column) => ({ name: column.name, type: column.type }));
  const schemaText = columns === undefined ? undefined : JSON.stringify({ mlflow_colspec: columns });
  const fitting = Object.entries(tags).filter(
    ([key, value]) => key.length <= lengths.inputTagKey && value.length <= lengths.inputTag,
  );
  return {
    name: name.slice(0, lengths.datasetName),
    digest,
    ...(context === undefined ? {} : { context: context.slice(0, lengths.inputTag) }),
    sourceType: isWeb ? 'http' : 'local',
    source: source === undefined ? '{}' : JSON.stringify(isWeb ? { url: source } : { uri: source }),
    ...(schemaText === undefined || schemaText.length > lengths.datasetSchema ? {} : { schema: schemaText }),
    ...(rows === undefined ? {} : { profile: JSON.stringify({ num_rows: rows }) }),
    tags: Object.fromEntries(fitting),
  };
}

function schemaOf(text: string | undefined): DatasetInput['schema'] {
  const columns = parseObject(text)?.mlflow_colspec;
  if (!Array.isArray(columns)) return undefined;
  return columns.map((column: { name?: unknown; type?: unknown } | null) => ({
    name: String(column?.name ?? ''),
    type: String(column?.type ?? ''),
  }));
}

/** A dataset that another client logged, or the part of one of ours that only MLflow has. */
function fromMlflow(dataset: MlflowDataset): DatasetInput {
  const source = parseObject(dataset.source);
  const place = source?.uri ?? source?.url ?? source?.path;
  const rows = parseObject(dataset.profile)?.num_rows;
  const schema = schemaOf(dataset.schema);
  const tags = dataset.tags ?? {};
  return {
    name: dataset.name,
    digest: dataset.digest,
    ...(dataset.context === undefined ? {} : { context: dataset.context }),
    ...(typeof place === 'string' ? { source: place } : {}),
    ...(typeof rows === 'number' ? { rows } : {}),
    ...(schema === undefined ? {} : { schema }),
    ...(Object.keys(tags).length === 0 ? {} : { tags }),
  };
}

function keyOf({ name, digest }: { name: string; digest: string }): string {
  return JSON.stringify([name.slice(0, lengths.datasetName), digest.slice(0, lengths.datasetDigest)]);
}

/** The datasets of a run: ours by their tags, and those that others logged. */
export function readInputs(
  datasets: readonly MlflowDataset[],
  tags: Readonly<Record<string, string>>,
): readonly DatasetInput[] {
  const known = new Map(datasets.map((dataset) => [keyOf(dataset), fromMlflow(dataset)]));
  const mine = parsedTags(tags, ownKinds.input).map(({ value }): DatasetInput => {
    const { isCut, ...input } = value as unknown as InputNote;
    return isCut === true ? { ...known.get(keyOf(input)), ...input } : input;
  });
  const covered = new Set(mine.map(keyOf));
  return [...mine, ...[...known].filter(([key]) => !covered.has(key)).map(([, input]) => input)];
}
