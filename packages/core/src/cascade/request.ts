import type { Clock } from '../clock';
import { codeOf, codesFor } from '../resilience/remedies';
import { afterWaiting } from '../resilience/stage';
import { type Settled, type StartedRun, startRun } from '../resilience/started-run';
import type { ModelRunner, RunOptions, RunResult } from '../runner/runner';
import type { ModelSignature } from '../signature';
import type { Tensors } from '../tensor/tensor';
import type { CloudSide } from './cloud-side';
import type { Judge } from './confidence';
import type { EscalationBudget } from './escalation-budget';
import type { CascadeResult, CloudReason, RowOrigin, StayReason } from './result';
import { checkAnswer, pickRows, replaceRows } from './rows';

/** What the requests of one cascade have in common. */
export interface CascadeParts {
  readonly edge: ModelRunner;
  readonly signature: ModelSignature;
  readonly hasRows: boolean;
  readonly clock: Clock;
  readonly budget: EscalationBudget | undefined;
  /** How sure the device must be of a row; undefined where no rule asks. */
  readonly confidence: { readonly judge: Judge; readonly threshold: number } | undefined;
  readonly escalatesFailures: boolean;
  /** Milliseconds after which the cloud is asked beside the device; undefined when it is not. */
  hedgeAfterMs(deadline: number): { readonly afterMs: number; readonly why: CloudReason } | undefined;
  /** The device answered, or was overtaken after so many milliseconds. */
  onEdge(tookMs: number, answered: boolean): void;
  onEscalate(rows: number, why: CloudReason, hedge: boolean): void;
  onStay(rows: number, why: StayReason): void;
  onCloudUnusable(error: unknown, rows: number): void;
}

/** One request. */
export interface CascadeRequest {
  readonly inputs: Tensors;
  readonly rows: number;
  readonly options: RunOptions;
  readonly deadline: number;
  readonly calledAt: number;
  /** The cloud, where this request may leave the device. A request that has none has no way to it. */
  readonly cloud: CloudSide | undefined;
  /** Takes whatever was started, so that the end of the request gives it up. */
  readonly started: { cancel(): void }[];
  /** Whether the caller has his answer or error: nothing may be sent for him any more. */
  ended: boolean;
}

const mendable = codesFor('fallback');

type Answered = Extract<Settled, { ok: true }>;

/** A cloud that was asked beside the device, for all rows. */
interface Hedge {
  /** The run, once it was started. */
  run: StartedRun | undefined;
  /** Resolves when the cloud has answered, and only then. */
  readonly answered: Promise<Answered>;
  stop(): void;
}

/** Answers a request: on the device, in the cloud, or row by row in both. */
export async function answerRequest(parts: CascadeParts, request: CascadeRequest): Promise<CascadeResult> {
  const { edge, clock } = parts;
  const { inputs, options, started } = request;
  const edgeRun = startRun(edge, inputs, options, clock);
  started.push(edgeRun);
  const plan = request.cloud === undefined ? undefined : parts.hedgeAfterMs(request.deadline);
  const hedge = plan === undefined ? undefined : planHedge(parts, request, plan.afterMs, plan.why);
  try {
    const first = await Promise.race([
      edgeRun.settled.then((settled) => ({ edge: settled })),
      ...(hedge === undefined ? [] : [hedge.answered.then((settled) => ({ cloud: settled }))]),
    ]);
    if ('cloud' in first) {
      edgeRun.cancel();
      parts.onEdge(clock.now() - request.calledAt, false);
      return wholeCloud(request, first.cloud, plan?.why ?? 'edge-slow');
    }
    return await afterEdge(parts, request, first.edge, hedge);
  } finally {
    hedge?.stop();
  }
}

/** The device has ended: which of its rows stand, and what becomes of the others. */
async function afterEdge(
  parts: CascadeParts,
  request: CascadeRequest,
  settled: Settled,
  hedge: Hedge | undefined,
): Promise<CascadeResult> {
  const { confidence } = parts;
  if (!settled.ok) return afterEdgeFailure(parts, request, settled.error, hedge);
  parts.onEdge(settled.tookMs, true);
  const { result } = settled;
  try {
    checkAnswer(result.outputs, parts.signature.outputs, request.rows, parts.hasRows);
  } catch (error) {
    return afterEdgeFailure(parts, request, error, hedge);
  }
  if (confidence === undefined || request.ended) {
    return fromEdge(
      result,
      Array.from({ length: request.rows }, () => ({ where: 'edge', why: 'settled' }) as const),
    );
  }
  const confidences = confidence.judge(result.outputs, request.rows);
  const isSure = (row: number): boolean => (confidences[row] as number) >= confidence.threshold;
  const origins: RowOrigin[] = Array.from(confidences, (value) => ({
    where: 'edge',
    why: 'confident',
    confidence: value,
  }));
  const unsure = [...confidences.keys()].filter((row) => !isSure(row));
  if (unsure.length === 0) return fromEdge(result, origins);
  const stay = (rows: readonly number[], why: StayReason): void => {
    for (const row of rows) origins[row] = { ...(origins[row] as RowOrigin), why };
    if (rows.length > 0 && why !== 'cloud-failed') parts.onStay(rows.length, why);
  };

  let asked: readonly number[];
  let answer: Settled;
  let from: readonly number[];
  if (hedge?.run !== undefined) {
    asked = unsure;
    from = unsure;
    answer = await hedge.run.settled;
  } else {
    hedge?.stop();
    // Those that the device is least sure of go first. NaN is less sure than anything.
    const order = [...unsure].sort((a, b) => rank(confidences[a]) - rank(confidences[b]) || a - b);
    const sent = escalate(parts, request, order, 'unsure');
    const granted = new Set(sent.rows);
    stay(
      unsure.filter((row) => !granted.has(row)),
      sent.why,
    );
    if (sent.run === undefined) return fromEdge(result, origins);
    asked = sent.rows;
    from = asked.map((_, index) => index);
    answer = await sent.run.settled;
  }
  if (!answer.ok) {
    stay(asked, 'cloud-failed');
    return fromEdge(result, origins);
  }
  const cloud = answer.result;
  try {
    const outputs = parts.hasRows
      ? replaceRows(result.outputs, cloud.outputs, parts.signature.outputs, asked, from)
      : cloud.outputs;
    for (const row of asked) origins[row] = { ...(origins[row] as RowOrigin), where: 'cloud', why: 'unsure' };
    const all = asked.length === request.rows;
    const late = waited(cloud, request, answer);
    return {
      ...(all ? late : { ...result, timing: late.timing }),
      outputs,
      cascade: {
        rows: origins,
        escalated: asked.length,
        ...(all ? {} : { edge: result.model }),
        cloud: cloud.model,
      },
    };
  } catch (error) {
    parts.onCloudUnusable(error, asked.length);
    stay(asked, 'cloud-failed');
    return fromEdge(result, origins);
  }
}

async function afterEdgeFailure(
  parts: CascadeParts,
  request: CascadeRequest,
  error: unknown,
  hedge: Hedge | undefined,
): Promise<CascadeResult> {
  if (request.ended || !parts.escalatesFailures || !mendable.has(codeOf(error))) throw error;
  let run = hedge?.run;
  if (run === undefined) {
    hedge?.stop();
    const all = Array.from({ length: request.rows }, (_, row) => row);
    const sent = escalate(parts, request, all, 'edge-failed');
    if (sent.run === undefined) parts.onStay(request.rows, sent.why);
    run = sent.run;
  }
  // Whatever the cloud says then, it was the device that should have answered.
  const answer = await run?.settled;
  if (answer === undefined || !answer.ok) throw error;
  return wholeCloud(request, answer, 'edge-failed');
}

/** Sends rows to the cloud, as many as the budget allows; all or none where the device has no answer to stand for them. */
function escalate(
  parts: CascadeParts,
  request: CascadeRequest,
  order: readonly number[],
  why: CloudReason,
): { readonly rows: readonly number[]; readonly why: StayReason; readonly run?: StartedRun } {
  const { cloud, deadline, options, inputs } = request;
  if (cloud === undefined) return { rows: [], why: 'local-only' };
  const obstacle = cloud.obstacle(deadline);
  if (obstacle !== undefined) return { rows: [], why: obstacle };
  const { budget, clock } = parts;
  let granted = order.length;
  if (budget !== undefined) {
    const some = why === 'unsure' && parts.hasRows;
    granted = some
      ? budget.take(order.length, clock.now())
      : budget.takeAll(order.length, clock.now())
        ? order.length
        : 0;
  }
  if (granted === 0) return { rows: [], why: 'budget' };
  const rows = order.slice(0, granted).sort((a, b) => a - b);
  parts.onEscalate(granted, why, false);
  const run = cloud.ask(granted === request.rows ? inputs : pickRows(inputs, rows), granted, options, deadline);
  request.started.push(run);
  return { rows, why: 'budget', run };
}

/** Asks the cloud for all rows when the device has not answered after so long. */
function planHedge(parts: CascadeParts, request: CascadeRequest, afterMs: number, why: CloudReason): Hedge {
  const { clock, budget } = parts;
  const { cloud, rows, deadline, inputs, options } = request;
  let onAnswer: (settled: Answered) => void = () => {};
  const answered = new Promise<Answered>((resolve) => {
    onAnswer = resolve;
  });
  const begin = (): void => {
    if (cloud === undefined || hedge.run !== undefined || request.ended) return;
    const obstacle = cloud.obstacle(deadline);
    if (obstacle !== undefined || budget?.takeAll(rows, clock.now()) === false) {
      parts.onStay(rows, obstacle ?? 'budget');
      return;
    }
    parts.onEscalate(rows, why, true);
    const run = cloud.ask(inputs, rows, options, deadline);
    hedge.run = run;
    request.started.push(run);
    void run.settled.then((settled) => {
      if (settled.ok) onAnswer(settled);
    });
  };
  const timer = afterMs <= 0 ? undefined : clock.setTimer(begin, afterMs);
  const hedge: Hedge = {
    run: undefined,
    answered,
    stop: () => timer?.clear(),
  };
  if (timer === undefined) begin();
  else request.started.push({ cancel: hedge.stop });
  return hedge;
}

function fromEdge(result: RunResult, rows: readonly RowOrigin[]): CascadeResult {
  return { ...result, cascade: { rows, escalated: 0, edge: result.model } };
}

function wholeCloud(request: CascadeRequest, answer: Answered, why: CloudReason): CascadeResult {
  const rows = Array.from({ length: request.rows }, (): RowOrigin => ({ where: 'cloud', why }));
  const result = waited(answer.result, request, answer);
  return { ...result, cascade: { rows, escalated: request.rows, cloud: result.model } };
}

/** What went before the cloud was asked counts as waiting. */
function waited(result: RunResult, request: CascadeRequest, { endedAt, tookMs }: Answered): RunResult {
  return afterWaiting(result, Math.max(0, endedAt - tookMs - request.calledAt));
}

function rank(confidence: number | undefined): number {
  return confidence === undefined || Number.isNaN(confidence) ? Number.NEGATIVE_INFINITY : confidence;
}
