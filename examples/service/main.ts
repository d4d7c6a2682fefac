import { renderMetrics } from '@fairlead/core/metrics';
import { accessLog } from '@fairlead/core/serving';
import { traceCalls } from '@fairlead/core/tracing';
import { serve } from '@fairlead/node/server';
import { pino } from 'pino';
import { openModels } from './models';

/*
 * A model service: digits over HTTP, with metrics, drift, logs and traces. It listens only when the model is loaded and warm, so nobody
 * is sent here before; at SIGTERM readiness goes first, then what was accepted is answered, then it ends.
 */

const {
  HOST = '127.0.0.1',
  PORT = '8080',
  LOG_LEVEL = 'info',
  /** Share of the answered calls that stand in the log; those that fail always do. */
  ACCESS_LOG_SAMPLE = '0.01',
  /** How long a balancer takes to see that this process is no longer ready. */
  DRAIN_DELAY_MS = '5000',
} = process.env;

const logger = pino({ level: LOG_LEVEL, base: { service: 'digits' } });
const models = await openModels(logger);
const server = await serve(
  { digits: models.runner },
  {
    host: HOST,
    port: Number(PORT),
    drainDelayMs: Number(DRAIN_DELAY_MS),
    metrics: { render: (accept) => renderMetrics(models.metrics, accept) },
    // Traces go nowhere until the process is started with OpenTelemetry's SDK; see the README.
    observers: [models.countCalls, accessLog({ logger, sample: Number(ACCESS_LOG_SAMPLE) }), traceCalls()],
    logger,
  },
);
logger.info({ url: server.url, model: models.runner.model }, `Listening on ${server.url}`);

let isLeaving = false;
const end = async (signal: NodeJS.Signals): Promise<void> => {
  if (isLeaving) return;
  isLeaving = true;
  logger.info({ signal }, 'Leaving: no longer ready, answering what was accepted.');
  await server.close();
  await models.close();
  logger.info({}, 'Left.');
};
// Not `once`: Ctrl+C reaches the process twice where npm passes it on too, and the second one must not cut the answers off.
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void end(signal));
