import type { Clock } from '../../clock';
import { describeValue } from '../../config';
import { FairleadError } from '../../errors';
import type { ModelRunner } from '../../runner/runner';
import { entryOfRunner, type ModelRepository, type RepositoryEntry } from './model-repository';
import { type AssignmentOf, type ServedRollout, servedRollout } from './served-rollout';
import { createStatistics, type ModelStatistics } from './statistics';

/** One runner, served under its model's name, or runners by the names that they are served under. */
export type ServedRunners = ModelRunner | Readonly<Record<string, ModelRunner>>;

/** A runner and what is known about it before the first request. */
export interface ServedModel {
  readonly name: string;
  readonly runner: ModelRunner;
  readonly outputNames: readonly string[];
  /** What its requests tell; kept when the model is loaded anew. */
  readonly statistics: ModelStatistics;
  /** What is done for one that is a rollout; undefined for one that assigns nothing. */
  readonly rollout: ServedRollout | undefined;
}

/** The models of a service: those it was given, and those that are loaded in its repository. */
export interface Catalog {
  /**
   * The model under that name and, when `version` is given, only while it is the version that answers.
   * @throws FairleadError `NOT_FOUND`
   */
  find(name: string, version?: string): ServedModel;
  /** Every model that is served now. */
  all(): readonly ServedModel[];
  /** Whether every runner is ready. */
  isReady(): boolean;
  /** Whether a name is that of a model that was given, and is no part of the repository. */
  isFixed(name: string): boolean;
  /** How the models that were given stand. */
  fixedEntries(): readonly RepositoryEntry[];
}

/** Whether a runner would answer a request that came now; one that cannot tell is taken for ready. */
export function isRunnerReady({ runner }: ServedModel): boolean {
  return runner.health?.().ready !== false;
}

/**
 * @param assignmentOf the operator's option
 * @param owner the factory's name, for the message
 * @throws FairleadError `INVALID_OPTION` for anything but runners, and for a name that the repository has too
 */
export function createCatalog(
  runners: ServedRunners,
  repository: ModelRepository | undefined,
  assignmentOf: AssignmentOf | undefined,
  clock: Clock,
  owner: string,
): Catalog {
  const serve = (name: string, runner: ModelRunner, statistics: ModelStatistics): ServedModel => ({
    name,
    runner,
    outputNames: runner.signature.outputs.map((spec) => spec.name),
    statistics,
    rollout: servedRollout(runner, assignmentOf),
  });
  const fixed = new Map<string, ServedModel>();
  for (const [name, runner] of entriesOf(runners, owner, repository !== undefined)) {
    if (repository?.names.includes(name))
      throw invalidRunners(owner, `runners.${name}`, 'a name of the repository too');
    fixed.set(name, serve(name, runner, createStatistics(clock)));
  }
  const loaded = new Map<string, ServedModel>();
  /** What is kept about a loaded model is made anew with its runner. */
  const findLoaded = (name: string): ServedModel | undefined => {
    const runner = repository?.get(name);
    if (runner === undefined) return undefined;
    const known = loaded.get(name);
    if (known?.runner === runner) return known;
    const model = serve(name, runner, known?.statistics ?? createStatistics(clock));
    loaded.set(name, model);
    return model;
  };
  const all = (): readonly ServedModel[] => {
    const names = repository?.names ?? [];
    // Models that were opened and are unloaded have no name left, and nothing is kept of them.
    if (loaded.size > names.length) for (const name of loaded.keys()) if (!names.includes(name)) loaded.delete(name);
    const present = names.map(findLoaded).filter((model) => model !== undefined);
    return [...fixed.values(), ...present];
  };
  return {
    find(name, version) {
      const model = fixed.get(name) ?? findLoaded(name);
      if (model === undefined) throw notFound('model', name, namesOf(all()));
      const current = model.runner.model.version;
      if (version !== undefined && version !== current)
        throw notFound('version', version, `${quote(current)} of "${name}"`);
      return model;
    },
    all,
    isReady: () => all().every(isRunnerReady),
    isFixed: (name) => fixed.has(name),
    fixedEntries: () => [...fixed.values()].map(({ name, runner }) => entryOfRunner(name, runner)),
  };
}

function namesOf(models: readonly ServedModel[]): string {
  return models.length === 0 ? 'none at present' : `one of ${models.map(({ name }) => quote(name)).join(', ')}`;
}

/** The error for a request that names something which is not served here. */
export function notFound(what: string, given: string, expected: string): FairleadError {
  return new FairleadError('NOT_FOUND', `No ${what} ${describeValue(given)} is served here. There is ${expected}.`, {
    details: { field: what, expected, given: describeValue(given) },
  });
}

function entriesOf(runners: ServedRunners, owner: string, mayBeEmpty: boolean): [string, ModelRunner][] {
  if (isRunner(runners)) return [[runners.model.name, runners]];
  const entries = typeof runners === 'object' && runners !== null ? Object.entries(runners) : [];
  if (entries.length === 0 && (!mayBeEmpty || typeof runners !== 'object' || runners === null))
    throw invalidRunners(owner, 'runners', describeValue(runners));
  for (const [name, runner] of entries) {
    if (name === '') throw invalidRunners(owner, 'runners', 'an empty model name');
    if (!isRunner(runner)) throw invalidRunners(owner, `runners.${name}`, givenOf(runner));
  }
  return entries;
}

/** What createRunner gives is easily forgotten to be awaited. */
function givenOf(value: unknown): string {
  const isPromise = typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
  return isPromise ? 'a promise: await it first' : describeValue(value);
}

function isRunner(value: unknown): value is ModelRunner {
  return typeof value === 'object' && value !== null && typeof (value as Partial<ModelRunner>).run === 'function';
}

function invalidRunners(owner: string, field: string, given: string): FairleadError {
  const expected =
    field === 'runners' ? 'a runner, or an object of runners by model name' : 'a runner under a name of its own';
  return new FairleadError('INVALID_OPTION', `${owner}: "${field}" is wrong: expected ${expected}, given ${given}.`, {
    details: { field, expected, given },
  });
}

function quote(text: string): string {
  return `"${text}"`;
}
