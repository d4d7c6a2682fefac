import { optionError } from '../../option-checks';
import type { PerformanceTask } from './metric-names';
import { performanceReferenceLimits } from './performance-reference';
import type { ClassLabel, TaskDefinition } from './prediction';
import type { SliceOptions } from './slices';

/** What is to be predicted, as an option. */
export interface TaskOptions {
  readonly task: PerformanceTask;
  /**
   * Names of the classes, each once, as labels give them. `binary`: the negative, then the positive one, by default 0 and 1,
   * where false and true stand for them; `multiclass`: 2 to 1000, in the order of the probabilities, required. None for
   * `regression`.
   */
  readonly classes?: readonly ClassLabel[];
  /** `binary`: score from which on the positive class is predicted, 0 to 1. @default 0.5 */
  readonly threshold?: number;
}

/**
 * Checks what is to be predicted.
 * @throws FairleadError `INVALID_OPTION`
 */
export function parseTask({ task, classes, threshold }: TaskOptions, owner: string): TaskDefinition {
  if (task !== 'binary' && task !== 'multiclass' && task !== 'regression') {
    throw optionError(owner, 'task', "'binary', 'multiclass' or 'regression'", task);
  }
  if (threshold !== undefined) {
    if (task !== 'binary') throw optionError(owner, 'threshold', 'none, as only binary tasks have one', threshold);
    if (!(threshold >= 0 && threshold <= 1)) throw optionError(owner, 'threshold', 'a number from 0 to 1', threshold);
  }
  return { task, classes: parseClasses(task, classes, owner), threshold: threshold ?? 0.5 };
}

function parseClasses(task: PerformanceTask, classes: unknown, owner: string): readonly ClassLabel[] {
  if (task === 'regression') {
    if (classes === undefined || (Array.isArray(classes) && classes.length === 0)) return [];
    throw optionError(owner, 'classes', 'none, as a regression has no classes', classes);
  }
  if (classes === undefined && task === 'binary') return [0, 1];
  const most = task === 'binary' ? 2 : performanceReferenceLimits.classes;
  const expected = `${task === 'binary' ? 'two' : `2 to ${most}`} different texts, numbers or booleans`;
  const fits =
    Array.isArray(classes) &&
    classes.length >= 2 &&
    classes.length <= most &&
    new Set(classes).size === classes.length &&
    classes.every((label) => ['string', 'boolean'].includes(typeof label) || Number.isFinite(label));
  if (!fits) throw optionError(owner, 'classes', expected, classes);
  return [...classes];
}

/**
 * Checks slices.
 * @throws FairleadError `INVALID_OPTION`
 */
export function parseSlices(slices: unknown, owner: string): SliceOptions {
  if (slices === undefined) return {};
  const expected = 'names of tags, or functions of a prediction, by name; at most 20';
  if (typeof slices !== 'object' || slices === null || Array.isArray(slices) || Object.keys(slices).length > 20) {
    throw optionError(owner, 'slices', expected, slices);
  }
  for (const [name, by] of Object.entries(slices)) {
    if (name === '' || (typeof by !== 'function' && (typeof by !== 'string' || by === ''))) {
      throw optionError(owner, `slices.${name}`, 'the name of a tag, or a function of a prediction', by);
    }
  }
  return slices as SliceOptions;
}
