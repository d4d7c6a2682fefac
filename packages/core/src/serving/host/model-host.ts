import type { Clock } from '../../clock';
import { deadlineError, noDeadline } from '../../deadline';
import { type FairleadError, stacklessError } from '../../errors';
import type { Logger } from '../../logger';
import type { Priority, RunOptions, RunResult } from '../../runner/runner';
import type { ModelSignature } from '../../signature';
import type { Tensors } from '../../tensor/tensor';
import { type Admission, createAdmission, type Place } from './admission';
import type { AssignmentParameters } from './assignment';
import { createBeginCall } from './begin-call';
import type { Arrival, Call, Guard } from './call';
import { type Catalog, createCatalog, notFound, type ServedModel, type ServedRunners } from './catalog';
import { type ModelHostOptions, parseHostOptions } from './host-options';
import type { ModelRepository } from './model-repository';

/** What a request may have. */
export interface HostLimits {
  readonly maxBodyBytes: number;
  readonly maxTensorElements: number;
}

/** What a request asks of its model, read out of its body. */
export interface ModelRequest<A> {
  readonly inputs: Tensors;
  /** Milliseconds from the arrival, as the body gives them; the deadline of the exchange counts besides. */
  readonly timeoutMs?: number | undefined;
  /** @default 'normal' */
  readonly priority?: Priority | undefined;
  /** What a rollout assigns it by, where the protocol has a place for it beside the headers; not looked at yet. */
  readonly assignment?: AssignmentParameters | undefined;
  /**
   * Whether neither the inputs nor anything else that is kept of the request shares memory with the body, so that it need not be kept.
   * @default false
   */
  readonly isCopied?: boolean | undefined;
  /**
   * Turns the model's answer into the protocol's.
   * @param decisionId names the decision of a rollout that remembers it
   */
  write(result: RunResult, decisionId?: string): A;
}

/** How a protocol gets from its body to its answer. */
export interface ModelExchange<B, A> {
  /** Absolute, on the host's clock; `noDeadline` for none. */
  readonly deadline: number;
  /** Brings the body. Called when the request has a place, which must be told how many bytes it holds. */
  receive(place: Place): B | Promise<B>;
  /**
   * Whether the body may ask for a priority above normal, told without reading it: under overload a request is refused before its body
   * is read where it would be refused whatever that says. Without this, each is read first.
   */
  mayBeUrgent?(body: B): boolean;
  /** Reads it as a request to the model. */
  read(body: B, model: ServedModel): ModelRequest<A>;
}

/**
 * The models of a server, whichever protocol and transport ask for them: what is served, who may ask, how much at once, and the way
 * of a request from its body to a runner and back. Several services (HTTP and gRPC, two ports) may share one host, and with it its
 * limits, its statistics and its guard.
 */
export interface ModelHost {
  readonly catalog: Catalog;
  readonly admission: Admission;
  readonly limits: HostLimits;
  readonly repository: ModelRepository | undefined;
  /** Who decides who may do what; undefined where everybody may do everything. */
  readonly guard: Guard | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Begins a call, and tells the observers. */
  begin(arrival: Arrival): Call;
  /**
   * Has a call answered by the model that it names. The call must have been admitted.
   *
   * @throws FairleadError `NOT_FOUND`, `OVERLOADED`, `DEADLINE_EXCEEDED`, whatever `receive` and `read` throw, and whatever the
   * runner rejects with
   */
  run<B, A>(call: Call, exchange: ModelExchange<B, A>): Promise<A>;
}

/**
 * Gathers runners behind one door.
 *
 * @param runners one runner, served under its model's name, or runners by the names that they are served under
 * @param owner the function that its user called, by which errors begin
 * @throws FairleadError `INVALID_OPTION`
 */
export function createModelHost(
  runners: ServedRunners,
  options?: ModelHostOptions,
  owner = 'createModelHost',
): ModelHost {
  const settings = parseHostOptions(options, owner);
  const { repository, guard, clock, logger, maxBodyBytes, maxTensorElements } = settings;
  const catalog = createCatalog(runners, repository, settings.assignmentOf, clock, owner);
  const admission = createAdmission(settings.maxConcurrentRequests, settings.maxConcurrentBodyBytes);

  const exchangeWith = async <B, A>(call: Call, exchange: ModelExchange<B, A>): Promise<A> => {
    const { model: name = '', version } = call;
    catalog.find(name, version);
    call.reach(name);
    const place = admission.enter();
    try {
      const body = await exchange.receive(place);
      // Asked again: while the body came, the model may have been loaded anew, and the runner before be closing.
      const model = catalog.find(name, version);
      const startedAt = clock.now();
      try {
        refuseUnread(call, model, startedAt, exchange, body);
        return await answer(clock, call, model, startedAt, exchange, body);
      } catch (error) {
        model.statistics.failed(model.runner.model, clock.now() - startedAt);
        throw error;
      }
    } finally {
      place.leave();
    }
  };

  return {
    catalog,
    admission,
    limits: { maxBodyBytes, maxTensorElements },
    repository,
    guard,
    clock,
    logger,
    begin: createBeginCall(settings),
    run: (call, exchange) => call.within(() => exchangeWith(call, exchange)),
  };
}

/** Whether something is a host, and no runners yet. */
export function isModelHost(value: unknown): value is ModelHost {
  return typeof value === 'object' && value !== null && typeof (value as Partial<ModelHost>).begin === 'function';
}

async function answer<B, A>(
  clock: Clock,
  call: Call,
  model: ServedModel,
  startedAt: number,
  exchange: ModelExchange<B, A>,
  body: B,
): Promise<A> {
  const { runner, rollout } = model;
  const { version, signal } = call;
  const request = exchange.read(body, model);
  const { inputs, timeoutMs, priority = 'normal' } = request;
  const deadline =
    timeoutMs === undefined ? exchange.deadline : Math.min(exchange.deadline, call.arrivedAt + timeoutMs);
  const readAt = clock.now();
  if (isOneTooMany(call, deadline) && priority !== 'high') throw tooMuch();
  const plain = runOptionsOf(priority, signal, deadline, readAt);
  const options = rollout === undefined ? plain : { ...plain, ...rollout.optionsOf(call, request.assignment) };
  const result = await runner.run(inputs, options);
  if (version !== undefined && result.model.version !== version) {
    // The runner swapped between the look-up and the run: an answer of another version would break the pin.
    throw notFound('version', version, `"${result.model.version}" of "${model.name}"`);
  }
  const writtenFrom = clock.now();
  const decisionId = rollout?.decisionOf(result);
  if (decisionId !== undefined) call.decide(decisionId);
  const answered = request.write(result, decisionId);
  const endedAt = clock.now();
  const rows = rowsOf(inputs, runner.signature);
  model.statistics.succeeded(result, rows, {
    totalMs: endedAt - startedAt,
    inputMs: readAt - startedAt,
    outputMs: endedAt - writtenFrom,
  });
  if (!call.isWatched) return answered;
  const { arrivedAt } = call;
  call.note({
    model: result.model,
    rows,
    timing: result.timing,
    batchSize: result.batchSize,
    moments: {
      receivedMs: startedAt - arrivedAt,
      readMs: readAt - arrivedAt,
      answeredMs: writtenFrom - arrivedAt,
      writtenMs: endedAt - arrivedAt,
    },
  });
  return answered;
}

/** Rows of a request, 1 where they cannot be joined. Inputs fit the signature, or the run had failed. */
function rowsOf(inputs: Tensors, { inputs: specs, batchAxis }: ModelSignature): number {
  const [first] = specs;
  return (batchAxis === null || first === undefined ? undefined : inputs[first.name]?.shape[batchAxis]) ?? 1;
}

/**
 * Refuses a request that would be refused whatever its body holds: that body is not read then, which takes longer than most models.
 *
 * @throws FairleadError `DEADLINE_EXCEEDED`, and what the runner would reject with
 */
function refuseUnread<B, A>(
  call: Call,
  { runner }: ServedModel,
  now: number,
  { deadline, mayBeUrgent }: ModelExchange<B, A>,
  body: B,
): void {
  // What the body gives can only be less.
  const left = timeLeft(deadline, now);
  if (mayBeUrgent === undefined) return;
  const refuse = isOneTooMany(call, deadline)
    ? tooMuch
    : runner.foresee?.(left === undefined ? {} : { timeoutMs: left });
  if (refuse !== undefined && !mayBeUrgent(body)) throw refuse();
}

/** Whether its server has read more than it can answer in time, for one who does not wait for ever. Who goes first is let in all the same. */
function isOneTooMany({ delay }: Call, deadline: number): boolean {
  return delay?.isTooMuch === true && deadline !== noDeadline;
}

/** The runner may count on another clock, so it gets what is left. */
function runOptionsOf(priority: Priority, signal: AbortSignal | undefined, deadline: number, now: number): RunOptions {
  const timeoutMs = timeLeft(deadline, now);
  if (signal === undefined) return timeoutMs === undefined ? { priority } : { priority, timeoutMs };
  return timeoutMs === undefined ? { priority, signal } : { priority, signal, timeoutMs };
}

/** Milliseconds until a deadline; undefined where there is none. */
function timeLeft(deadline: number, now: number): number | undefined {
  if (deadline === noDeadline) return undefined;
  if (deadline <= now) throw deadlineError('before its body could be read');
  return deadline - now;
}

function tooMuch(): FairleadError {
  return stacklessError('OVERLOADED', 'More requests come than can be answered. Try again in 1 ms.', {
    details: { retryAfterMs: 1 },
  });
}
