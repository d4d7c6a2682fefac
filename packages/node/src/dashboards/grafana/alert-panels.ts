import type { PanelRecipe } from './panel-recipe';

/** Panels about the alerts that monitors send: what `instrumentAlerts` tells. */
export const alertPanels: readonly PanelRecipe[] = [
  {
    section: 'Alerts',
    title: 'Alerts by sink and outcome',
    kind: 'bars',
    unit: 'short',
    width: 12,
    min: 0,
    families: ['ml_alerts'],
    queries: (queries) => [
      { expr: queries.increase('ml_alerts', ['sink', 'outcome']), legend: '{{sink}} {{outcome}}' },
    ],
  },
  {
    section: 'Alerts',
    title: 'Episodes that last',
    kind: 'lines',
    unit: 'short',
    width: 6,
    min: 0,
    families: ['ml_alert_episodes_active'],
    also: ['ml_alerts_muted'],
    queries: (queries) => [
      { expr: queries.value('sum', 'ml_alert_episodes_active', []), legend: 'last' },
      ...(queries.has('ml_alerts_muted')
        ? [{ expr: queries.increase('ml_alerts_muted', []), legend: 'held back' }]
        : []),
    ],
  },
  {
    section: 'Alerts',
    title: 'Alerts that wait for a sink',
    kind: 'lines',
    unit: 'short',
    width: 6,
    min: 0,
    families: ['ml_alert_queue_length'],
    queries: (queries) => [{ expr: queries.value('sum', 'ml_alert_queue_length', ['sink']), legend: '{{sink}}' }],
  },
];
