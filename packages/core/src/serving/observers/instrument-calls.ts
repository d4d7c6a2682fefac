import type { Exemplar, Registry } from '../../metrics';
import type { Arrival, CallObserver, Operation } from '../host/call';
import { readTraceParent } from './trace-parent';

/** The handles of one kind of call that was answered, or failed with one code. */
interface Handles {
  count(): void;
  observe(seconds: number, exemplar: Exemplar | undefined): void;
}

/**
 * Keeps metrics of the calls of a service, for the option `observers` of `createHandler`, `serve` and the like. One observer may serve
 * several of them.
 *
 * | Family | Meaning, and the name in Triton that it mirrors |
 * |---|---|
 * | `ml_server_request_success_total{protocol,operation,model}` | calls answered (`nv_inference_request_success`) |
 * | `ml_server_request_failure_total{protocol,operation,model,code}` | calls that failed (`nv_inference_request_failure{reason}`); those with `OVERLOADED`, `UNAUTHENTICATED` and `FORBIDDEN` were refused |
 * | `ml_server_request_duration_seconds{protocol,operation,model}` | from the arrival to the end, answered or not (`nv_inference_request_duration_us`) |
 * | `ml_server_pending_requests{protocol,operation}` | under way (`nv_inference_pending_request_count`) |
 *
 * `model` is the name under which a model is served, once it was found, and empty before: names that clients make up have no series.
 * A call of a trace that its client records is the exemplar of its bucket, by `trace_id`, which leads from a slow bucket to a trace.
 * What runners do themselves is told by `instrumentRunner`.
 *
 * @throws FairleadError `ALREADY_EXISTS` when the registry has other families of these names
 */
export function instrumentCalls(registry: Registry): CallObserver {
  const labels = ['protocol', 'operation', 'model'] as const;
  const succeeded = registry.counter({
    name: 'ml_server_request_success',
    help: 'Calls that the server answered.',
    labels,
  });
  const failed = registry.counter({
    name: 'ml_server_request_failure',
    help: 'Calls that failed or were refused, by code.',
    labels: [...labels, 'code'],
  });
  const duration = registry.histogram({
    name: 'ml_server_request_duration_seconds',
    unit: 'seconds',
    help: 'From the arrival of a call to its end.',
    labels,
  });
  const pending = registry.gauge({
    name: 'ml_server_pending_requests',
    help: 'Calls that are under way.',
    labels: ['protocol', 'operation'],
  });

  const known = new Map<string, Handles>();
  const handlesOf = (protocol: string, operation: Operation, model: string, code: string | undefined): Handles => {
    const key = `${protocol} ${operation} ${code ?? ''} ${model}`;
    const found = known.get(key);
    if (found !== undefined) return found;
    const of = { protocol, operation, model };
    const counter = code === undefined ? succeeded.bind(of) : failed.bind({ ...of, code });
    const histogram = duration.bind(of);
    const handles = { count: () => counter.inc(), observe: histogram.observe.bind(histogram) };
    known.set(key, handles);
    return handles;
  };
  const underWay = new Map<string, ReturnType<typeof pending.bind>>();
  const gaugeOf = (protocol: string, operation: Operation) => {
    const key = `${protocol} ${operation}`;
    let gauge = underWay.get(key);
    if (gauge === undefined) {
      gauge = pending.bind({ protocol, operation });
      underWay.set(key, gauge);
    }
    return gauge;
  };

  return {
    begin(call) {
      const { protocol, operation } = call;
      const gauge = gaugeOf(protocol, operation);
      gauge.inc();
      return {
        end({ code, durationMs, served = '' }) {
          gauge.dec();
          const handles = handlesOf(protocol, operation, served, code);
          handles.count();
          handles.observe(durationMs / 1000, exemplarOf(call));
        },
      };
    },
  };
}

function exemplarOf({ header }: Arrival): Exemplar | undefined {
  const trace = readTraceParent(header('traceparent'));
  return trace?.isSampled ? { labels: { trace_id: trace.traceId } } : undefined;
}
