import { describe, expect, it } from 'vitest';
import { predictionSinkConformance } from '../../testing/prediction-sink-conformance';
import { createVirtualClock } from '../../testing/virtual-clock';
import { createMemorySink } from './memory-sink';
import { createPredictionLog } from './prediction-log';

describe('a sink in memory', () => {
  for (const { name, run } of predictionSinkConformance({
    createPlace: () => ({ open: createMemorySink, durable: false }),
  })) {
    it(name, run);
  }

  it('keeps within its limits within one turn, however many records come', async () => {
    const log = await createPredictionLog({ sink: createMemorySink(), maxRecords: 5000, clock: createVirtualClock() });
    const model = { name: 'm', version: '1', digest: 'd' };
    for (let i = 0; i < 20_000; i++) log.record({ id: `r${i}`, model });
    expect(log.stats().sink).toMatchObject({ records: 5000, dropped: 15_000 });
    await log.close();
  });
});
