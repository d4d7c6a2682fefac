import { describeValue } from '../config';
import { FairleadError } from '../errors';
import type { ModelRunner } from '../runner/runner';
import { compileRequestDecoder, type RequestDecoder } from './open-inference/messages';

/** One runner, served under its model's name, or runners by the names that they are served under. */
export type ServedRunners = ModelRunner | Readonly<Record<string, ModelRunner>>;

/** A runner and what is known about it before the first request. */
export interface ServedModel {
  readonly name: string;
  readonly runner: ModelRunner;
  readonly decode: RequestDecoder;
  readonly outputNames: readonly string[];
}

/** The models of a service. */
export interface Catalog {
  /**
   * The model under that name and, when `version` is given, only while it is the version that answers.
   * @throws FairleadError `NOT_FOUND`
   */
  find(name: string, version: string | undefined): ServedModel;
  /** Whether every runner is ready. */
  isReady(): boolean;
}

/** Whether a runner would answer a request that came now; one that cannot tell is taken for ready. */
export function isRunnerReady({ runner }: ServedModel): boolean {
  return runner.health?.().ready !== false;
}

/**
 * @param owner the factory's name, for the message
 * @throws FairleadError `INVALID_OPTION` for anything but runners
 */
export function createCatalog(runners: ServedRunners, maxElements: number, owner: string): Catalog {
  const models = new Map<string, ServedModel>();
  for (const [name, runner] of entriesOf(runners, owner)) {
    const { signature } = runner;
    models.set(name, {
      name,
      runner,
      decode: compileRequestDecoder(signature, maxElements),
      outputNames: signature.outputs.map((spec) => spec.name),
    });
  }
  return {
    find(name, version) {
      const model = models.get(name);
      if (model === undefined) throw notFound('model', name, `one of ${[...models.keys()].map(quote).join(', ')}`);
      const current = model.runner.model.version;
      if (version !== undefined && version !== current)
        throw notFound('version', version, `${quote(current)} of "${name}"`);
      return model;
    },
    isReady: () => [...models.values()].every(isRunnerReady),
  };
}

/** The error for a request that names something which is not served here. */
export function notFound(what: string, given: string, expected: string): FairleadError {
  return new FairleadError('NOT_FOUND', `No ${what} ${describeValue(given)} is served here. There is ${expected}.`, {
    details: { field: what, expected, given: describeValue(given) },
  });
}

function entriesOf(runners: ServedRunners, owner: string): [string, ModelRunner][] {
  if (isRunner(runners)) return [[runners.model.name, runners]];
  const entries = typeof runners === 'object' && runners !== null ? Object.entries(runners) : [];
  if (entries.length === 0) throw invalidRunners(owner, 'runners', describeValue(runners));
  for (const [name, runner] of entries) {
    if (name === '') throw invalidRunners(owner, 'runners', 'an empty model name');
    if (!isRunner(runner)) throw invalidRunners(owner, `runners.${name}`, describeValue(runner));
  }
  return entries;
}

function isRunner(value: unknown): value is ModelRunner {
  return typeof value === 'object' && value !== null && typeof (value as Partial<ModelRunner>).run === 'function';
}

function invalidRunners(owner: string, field: string, given: string): FairleadError {
  const expected = field === 'runners' ? 'a runner, or an object of runners by model name' : 'a runner';
  return new FairleadError('INVALID_OPTION', `${owner}: "${field}" is wrong: expected ${expected}, given ${given}.`, {
    details: { field, expected, given },
  });
}

function quote(text: string): string {
  return `"${text}"`;
}
