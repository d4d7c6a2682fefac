import { type Closeable, closeable } from '../../lifecycle';
import type { Registry } from '../../metrics';
import type { DeliveryCounts } from './delivery-queue';
import type { AlertRouter } from './route-alerts';

const outcomes = ['delivered', 'skipped', 'failed', 'dropped'] as const;

/**
 * Writes a router's numbers to a registry, each time it is collected:
 *
 * | Family | Type | Labels |
 * |---|---|---|
 * | `ml_alerts_total` | counter | `sink`, `outcome` (`delivered`, `skipped`, `failed`, `dropped`) |
 * | `ml_alerts_muted_total` | counter | |
 * | `ml_alert_queue_length` | gauge | `sink` |
 * | `ml_alert_episodes_active` | gauge | |
 *
 * @returns closing it writes once more and takes the gauges out; counters stay
 * @throws FairleadError `ALREADY_EXISTS` when the registry holds other families of these names
 */
export function instrumentAlerts(registry: Registry, router: AlertRouter): Closeable {
  const alerts = registry.counter({
    name: 'ml_alerts',
    help: 'Alerts that a sink was given, by what became of them.',
    labels: ['sink', 'outcome'],
  });
  const muted = registry.counter({
    name: 'ml_alerts_muted',
    help: 'Alerts of episodes that began and ended while they were held back.',
  });
  const waiting = registry.gauge({
    name: 'ml_alert_queue_length',
    help: 'Notifications that wait for a sink.',
    labels: ['sink'],
  });
  const active = registry.gauge({ name: 'ml_alert_episodes_active', help: 'Episodes of alerts that last.' });
  const written = new Map<string, DeliveryCounts>();
  let mutedBefore = 0;

  const write = (): void => {
    const health = router.health();
    for (const counts of health.sinks) {
      const { name: sink } = counts;
      const before = written.get(sink);
      for (const outcome of outcomes) alerts.bind({ sink, outcome }).inc(counts[outcome] - (before?.[outcome] ?? 0));
      waiting.bind({ sink }).set(counts.waiting);
      written.set(sink, counts);
    }
    muted.bind().inc(health.muted - mutedBefore);
    mutedBefore = health.muted;
    active.bind().set(health.active);
  };

  write();
  const stop = registry.onCollect(write);
  return closeable(() => {
    stop();
    write();
    for (const sink of written.keys()) waiting.remove({ sink });
    active.remove();
  });
}
