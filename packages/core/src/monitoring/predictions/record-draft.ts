import { describeValue } from '../../config';
import type { ModelInfo } from '../../runner/runner';
import { checkTensor, type Tensors } from '../../tensor/tensor';
import { invalidInput } from '../rows';

/** A prediction as it is given to a log. */
export interface PredictionDraft {
  /** Unique, 1 to 256 characters. @default one that the log makes */
  readonly id?: string;
  /** When it was made, in milliseconds since 1970-01-01 UTC. @default now */
  readonly at?: number;
  /** The model that made it, as `run` answers it. */
  readonly model: ModelInfo;
  /** The row's inputs. @default none */
  readonly inputs?: Tensors;
  /** The row's outputs. @default none */
  readonly outputs?: Tensors;
  /** What was decided upon the prediction. */
  readonly decision?: string | number | boolean;
  /** The chance with which that decision was taken, above 0 and at most 1. */
  readonly propensity?: number;
  /** Whom it concerns, 1 to 256 characters; `erase` goes by it. */
  readonly key?: string;
  /** Texts by name, at most 32 of at most 256 characters. */
  readonly tags?: Readonly<Record<string, string>>;
}

const longest = 256;
const mostTags = 32;

/**
 * Checks a draft, its tensors included.
 * @throws FairleadError `INVALID_INPUT`
 */
export function checkDraft(draft: PredictionDraft): void {
  if (typeof draft !== 'object' || draft === null) throw invalidInput('draft', 'an object', describeValue(draft));
  checkModel(draft.model);
  checkDetails(draft);
  for (const field of ['inputs', 'outputs'] as const) {
    for (const [name, tensor] of Object.entries(draft[field] ?? {})) checkTensor(tensor, `${field}.${name}`);
  }
}

/**
 * Checks all of a draft but its model and tensors.
 * @throws FairleadError `INVALID_INPUT`
 */
export function checkDetails(draft: Omit<PredictionDraft, 'model' | 'inputs' | 'outputs'>): void {
  const { id, at, decision, propensity, key, tags } = draft;
  if (id !== undefined) checkText(id, 'id');
  if (key !== undefined) checkText(key, 'key');
  if (at !== undefined && !Number.isFinite(at)) throw invalidInput('at', 'milliseconds since 1970', describeValue(at));
  const decisive =
    typeof decision === 'number' ? Number.isFinite(decision) : ['string', 'boolean'].includes(typeof decision);
  if (decision !== undefined && !decisive) {
    throw invalidInput('decision', 'a text, a finite number or a boolean', describeValue(decision));
  }
  if (propensity !== undefined && !(typeof propensity === 'number' && propensity > 0 && propensity <= 1)) {
    throw invalidInput('propensity', 'a chance above 0 and at most 1', describeValue(propensity));
  }
  if (tags === undefined) return;
  if (typeof tags !== 'object' || tags === null || Object.keys(tags).length > mostTags) {
    throw invalidInput('tags', `at most ${mostTags} texts by name`, describeValue(tags));
  }
  for (const [name, value] of Object.entries(tags)) checkText(value, `tags.${name}`, 0);
}

function checkModel(model: unknown): void {
  const { name, version, digest } = (model ?? {}) as Partial<ModelInfo>;
  if ([name, version, digest].every((part) => typeof part === 'string')) return;
  throw invalidInput('model', 'name, version and digest, as a runner answers them', describeValue(model));
}

function checkText(value: unknown, field: string, shortest = 1): void {
  if (typeof value === 'string' && value.length >= shortest && value.length <= longest) return;
  throw invalidInput(field, `a text of ${shortest} to ${longest} characters`, describeValue(value));
}
