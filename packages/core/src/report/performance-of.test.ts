import { describe, expect, it } from 'vitest';
import { createPerformanceMonitor } from '../monitoring';
import { createVirtualClock } from '../testing/virtual-clock';
import { performanceOf } from './performance-of';
import { renderReport } from './render-report';

describe('performanceOf', () => {
  it('puts what a performance monitor knows on the page', async () => {
    const clock = createVirtualClock();
    const monitor = createPerformanceMonitor({
      task: 'binary',
      clock,
      slices: { country: 'country' },
    });
    for (let i = 0; i < 200; i++) {
      monitor.predict(`p${i}`, { score: (i % 10) / 10 + 0.05, tags: { country: i % 4 < 2 ? 'ch' : 'no' } });
      if (i < 150) monitor.label(`p${i}`, i % 10 >= 5);
    }
    const section = performanceOf(monitor.snapshot());
    const accuracy = section.metrics.find(({ name, slice }) => name === 'accuracy' && slice === undefined);
    expect(accuracy).toMatchObject({ value: 1, rows: 150 });
    expect(accuracy?.lower).toBeLessThan(1);
    expect(section.metrics.map(({ name }) => name)).toContain('log loss');
    expect(section.metrics.filter(({ slice }) => slice === 'country=no')).not.toEqual([]);
    expect(section.facts).toContainEqual({ name: 'predictions with a label', value: '75.0 %' });
    const page = await renderReport({ performance: section });
    expect(page).toContain('country=no');
    expect(page).toContain('150');
    await monitor.close();
  });
});
