import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { FairleadError, messageOf } from '../errors';
import { stageAround } from '../resilience/stage';
import type { ModelRunner, RunResult } from '../runner/runner';
import type { AnySignature } from '../signature';
import { own, standard } from './attributes';
import { parseTracingOptions, type TracedOptions } from './options';
import { addRunPhases } from './request-phases';

/**
 * Makes a span of every request, `run` and the model's name, below the one that is active where the runner is asked, with its phases
 * `queue` and `compute`. What happens inside, such as the request of a remote runner, is below it in turn. Each batch is a span
 * without a parent, and linked with the requests that it held. Closing closes the runner inside.
 *
 * The active span is known where OpenTelemetry has a context manager, as its SDK for Node sets one; elsewhere each request begins a trace.
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function traced<S extends AnySignature>(runner: ModelRunner<S>, options?: TracedOptions): ModelRunner<S> {
  // Inside, signatures are data: the type parameter speaks to the caller alone.
  return tracedAround(runner as unknown as ModelRunner, options) as unknown as ModelRunner<S>;
}

function tracedAround(runner: ModelRunner, options: TracedOptions | undefined): ModelRunner {
  const { tracer: tracerNow, clock } = parseTracingOptions(options, 'traced');
  return stageAround(runner, {
    name: 'traces',
    run(inputs, runOptions) {
      const tracer = tracerNow();
      const parent = context.active();
      const askedAtEpochMs = clock.epochMs();
      const askedAt = clock.now();
      const { name } = runner.model;
      const span = tracer.startSpan(
        `run ${name}`,
        { kind: SpanKind.INTERNAL, startTime: askedAtEpochMs, attributes: { [own.modelName]: name } },
        parent,
      );
      const inside = trace.setSpan(parent, span);
      const end = (): void => span.end(askedAtEpochMs + clock.now() - askedAt);
      const onAnswer = (result: RunResult): RunResult => {
        if (span.isRecording()) addRunPhases({ tracer, clock, span, context: inside }, { ...result, askedAtEpochMs });
        end();
        return result;
      };
      const onError = (error: unknown): never => {
        const code = FairleadError.isInstance(error) ? error.code : 'RUN_FAILED';
        span.setAttribute(standard.errorType, code);
        span.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(error) });
        end();
        throw error;
      };
      let answering: Promise<RunResult>;
      try {
        answering = context.with(inside, () => runner.run(inputs, runOptions));
      } catch (error) {
        return onError(error);
      }
      return answering.then(onAnswer, onError);
    },
  });
}
