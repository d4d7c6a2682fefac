import { invalidArgument } from '../names';
import { checkText, lengths } from './limits';

/** A dataset that goes into a run. */
export interface MlflowDataset {
  readonly name: string;
  /** A SHA-256 is longer than the 36 characters that MLflow keeps: the whole goes into the tag `fairlead.digest`. */
  readonly digest: string;
  /** What it is used for, such as `training`: the tag `mlflow.data.context`. */
  readonly context?: string;
  /** Such as `local` or `http`. @default 'local' */
  readonly sourceType?: string;
  /** Where it comes from, in the JSON of its type. @default '{}' */
  readonly source?: string;
  /** JSON. */
  readonly schema?: string;
  /** JSON, such as `{"num_rows":3}`. */
  readonly profile?: string;
  /** Of the dataset in this run, up to 500 characters each. */
  readonly tags?: Readonly<Record<string, string>>;
}

/** The tag that holds a digest too long for MLflow. */
export const digestTag = 'fairlead.digest';
/** MLflow's tag of what a dataset is used for. */
export const contextTag = 'mlflow.data.context';

/** A dataset as it is sent. @throws FairleadError `INVALID_ARGUMENT`, `LIMIT_EXCEEDED` */
export function toWireDataset(dataset: MlflowDataset) {
  const { name, digest, context, sourceType = 'local', source = '{}', schema, profile, tags = {} } = dataset;
  for (const [field, value] of Object.entries({ name, digest })) {
    if (typeof value !== 'string' || value === '')
      throw invalidArgument(`dataset.${field}`, 'a text that is not empty', value);
  }
  checkText('dataset.name', name, lengths.datasetName);
  checkText('dataset.source', source, lengths.datasetSource);
  if (schema !== undefined) checkText('dataset.schema', schema, lengths.datasetSchema);
  if (profile !== undefined) checkText('dataset.profile', profile, lengths.datasetProfile);
  const short = digest.slice(0, lengths.datasetDigest);
  const all = {
    ...tags,
    ...(context === undefined ? {} : { [contextTag]: context }),
    ...(short === digest ? {} : { [digestTag]: digest }),
  };
  for (const [key, value] of Object.entries(all)) {
    checkText('dataset tag name', key, lengths.inputTagKey);
    checkText(`dataset.tags.${key}`, value, lengths.inputTag);
  }
  return {
    tags: Object.entries(all).map(([key, value]) => ({ key, value })),
    dataset: { name, digest: short, source_type: sourceType, source, schema, profile },
  };
}
