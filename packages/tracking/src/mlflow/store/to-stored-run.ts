import type { EndStatus, ModelUse, RunError, StoredRun } from '../../store/stored-run';
import type { MlflowFile } from '../artifacts';
import { lengths } from '../limits';
import type { MlflowRun, MlflowRunStatus } from '../runs';
import { joinArtifacts, taggedArtifacts } from './artifact-entries';
import { readInputs } from './dataset-inputs';
import { readMetrics } from './metric-account';
import { ownKinds, ownTags, parsedTags, parseObject, userTags } from './own-tags';
import { readParams } from './param-types';

/** What MLflow's status does not say of an end. It counts for that end only. */
export interface EndNote {
  readonly status: EndStatus;
  /** The end time that MLflow has. */
  readonly at: number;
  readonly error?: RunError;
}

/** A run's name as MLflow keeps it, which is not always whole. */
export function toMlflowName(name: string): string {
  return name.length <= lengths.key ? name : `${[...name].slice(0, lengths.key - 1).join('')}…`;
}

/** The status that MLflow has for an end. */
export function toMlflowStatus(status: EndStatus): MlflowRunStatus {
  return status === 'INTERRUPTED' ? 'KILLED' : status;
}

/** A run's id: ours where it was made by us. */
export function idOf(run: MlflowRun): string {
  return run.tags[ownTags.id] ?? run.id;
}

function nameOf({ name, tags }: MlflowRun): string {
  const whole = tags[ownTags.name];
  return whole !== undefined && toMlflowName(whole) === name ? whole : name;
}

function endOf({ status, endTime, startTime = 0, tags }: MlflowRun): StoredRun['end'] {
  if (status === 'RUNNING' || status === 'SCHEDULED') return undefined;
  const at = endTime ?? startTime;
  const note = parseObject(tags[ownTags.end]) as unknown as EndNote | undefined;
  if (note === undefined || note.at !== at || toMlflowStatus(note.status) !== status) return { status, at };
  return { status: note.status, at, ...(note.error === undefined ? {} : { error: note.error }) };
}

/** A time in a tag; `undefined` where there is none. */
function timeIn(text: string | undefined): number | undefined {
  const time = text === undefined || text === '' ? Number.NaN : Number(text);
  return Number.isFinite(time) ? time : undefined;
}

/** What is known of a run beside what the server answers with it. */
export interface RunSurroundings {
  /** The name of its experiment. */
  readonly experiment: string;
  /** Our id of its parent. */
  readonly parent: string | undefined;
  /** What lies among its artifacts. Absent where nobody looked: then only those that tags tell of are known. */
  readonly files?: readonly MlflowFile[];
}

/** A run of a server as the contract of stores has it. */
export function toStoredRun(run: MlflowRun, { experiment, parent, files }: RunSurroundings): StoredRun {
  const { tags, startTime: startedAt = 0 } = run;
  const end = endOf(run);
  const tagged = taggedArtifacts(tags);
  const deletedAt = timeIn(tags[ownTags.deletedAt]) ?? run.endTime ?? startedAt;
  return {
    id: idOf(run),
    experiment,
    name: nameOf(run),
    ...(parent === undefined ? {} : { parent }),
    startedAt,
    // Who logs by another client gives no sign of life, so nothing can be told from its absence.
    leaseUntil: timeIn(tags[ownTags.leaseUntil]) ?? Number.MAX_SAFE_INTEGER,
    ...(end === undefined ? {} : { end }),
    params: readParams(run.params, tags),
    tags: userTags(tags),
    metrics: readMetrics(run.metrics, tags),
    artifacts: files === undefined ? tagged : joinArtifacts(tagged, files, startedAt),
    inputs: readInputs(run.datasets, tags),
    uses: parsedTags(tags, ownKinds.use).map(({ value }) => value as unknown as ModelUse),
    ...(run.deleted ? { deletedAt } : {}),
    damage: [],
  };
}
