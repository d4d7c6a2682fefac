import { createRunner, type Logger } from '@fairlead/core';
import { createRegistry, instrumentRunner } from '@fairlead/core/metrics';
import { createDriftMonitor, fitReference, instrumentMonitor } from '@fairlead/core/monitoring';
import { instrumentCalls } from '@fairlead/core/serving';
import { onnx } from '@fairlead/node';
import { modelFile, readRows } from './digits';

/** The model, warm, with everything that watches it; what `main.ts` serves and `generate.ts` makes panels and alerts for. */
export async function openModels(logger: Logger) {
  const runner = await createRunner({ model: modelFile, backend: onnx({ device: 'cpu' }), logger });
  const monitor = createDriftMonitor({
    reference: await fitReference(await readRows('train'), { inputs: ['pixels'] }),
    meanTimeBetweenFalseAlarms: 10_000_000, // rows
    on: {
      'drift-start': ({ report }) => {
        const topMovers = report.topMovers.map(({ name, psi }) => ({ name, psi }));
        logger.warn({ topMovers }, 'The digits have changed.');
      },
      'drift-end': () => logger.info({}, 'The digits look like the training rows again.'),
    },
    logger,
  });
  monitor.attach(runner);

  const metrics = createRegistry({ logger });
  instrumentRunner(metrics, runner);
  instrumentMonitor(metrics, monitor);
  const countCalls = instrumentCalls(metrics);
  return {
    runner,
    metrics,
    /** Counts the requests of a server. */
    countCalls,
    async close(): Promise<void> {
      await monitor.close();
      await runner.close();
    },
  };
}
