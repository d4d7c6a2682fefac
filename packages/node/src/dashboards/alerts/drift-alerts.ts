import { matching } from '../promql';
import {
  type AlertContext,
  type AlertDefinition,
  alertLabels,
  changing,
  constant,
  growing,
  lookBack,
  percentage,
  seesTooLittle,
  type TestSeries,
} from './definition';

const seen = 'ml_drift_rows_seen';
const observed = 'ml_drift_rows_observed';
const skipped = 'ml_drift_rows_skipped';
const model = 'model {{ $labels.model_name }} {{ $labels.model_version }}';

/** The series of a state set of which one state holds. */
function inState({ families, series }: AlertContext, present: string): TestSeries[] {
  const { name, states } = families.get('ml_drift_state');
  return states.map((state) => series('ml_drift_state', constant(state === present ? 1 : 0), { [name]: state }));
}

/** Says that the monitor is in a state. */
function stateIs(context: AlertContext, state: string) {
  const { name } = context.families.get('ml_drift_state');
  return {
    expr: `${context.queries.value('max', 'ml_drift_state', alertLabels, { where: [matching(name, '=', state)] })} == 1`,
    example: { labels: alertLabels, raised: inState(context, state), quiet: inState(context, 'ok') },
  };
}

/** Says that rows go by without being counted, for a reason. */
function skips({ queries, series }: AlertContext, reason: string) {
  const because = { where: [matching('reason', '=', reason)], window: '15m' };
  return {
    expr: `${queries.rate(skipped, alertLabels, because)} > 0`,
    example: {
      labels: alertLabels,
      value: '1.00',
      raised: [series(skipped, growing(60), { reason })],
      quiet: [series(skipped, constant(60), { reason }), series(skipped, growing(60), { reason: 'another' })],
    },
  };
}

/** Alerts about drift monitors. */
export const driftAlerts: readonly AlertDefinition[] = [
  {
    alert: 'ModelInputDrift',
    group: 'drift',
    severity: 'warning',
    for: '1m',
    families: ['ml_drift_state'],
    define: (context) => ({
      ...stateIs(context, 'drift'),
      summary: `The inputs of ${model} have drifted from the training rows.`,
      description:
        'What the model is asked is no longer what it was trained on. See which features moved (row Drift of the dashboard, or monitor.report()): a feed that broke is mended at its source; a world that changed needs a model trained on newer rows.',
    }),
  },
  {
    alert: 'ModelInputDriftWarning',
    group: 'drift',
    severity: 'info',
    for: '30m',
    families: ['ml_drift_state'],
    define: (context) => ({
      ...stateIs(context, 'warning'),
      summary: `The inputs of ${model} may be drifting from the training rows.`,
      description:
        'The evidence is past the level of a warning and short of that of an alarm. Nothing has to be done yet; see on the dashboard which features move.',
    }),
  },
  {
    alert: 'ModelDriftAlarm',
    group: 'drift',
    severity: 'info',
    for: '1m',
    families: ['ml_drift_alarms'],
    define({ queries, series, forMinutes }) {
      const minutes = lookBack(60, forMinutes);
      const count = queries.increase('ml_drift_alarms', alertLabels, { window: `${minutes}m` });
      return {
        expr: `round(${count}) > 0`,
        summary: `An episode of drift of ${model} began within ${minutes} minutes.`,
        description:
          'Episodes: {{ $value }}. It may be over again; the dashboard shows when it was, and the events drift-start and drift-end of the monitor, which features it was.',
        example: {
          labels: alertLabels,
          value: '1',
          raised: [series('ml_drift_alarms', changing(0, 1))],
          quiet: [series('ml_drift_alarms', constant(1))],
        },
      };
    },
  },
  {
    alert: 'DriftMonitorSeesTooLittle',
    group: 'drift',
    severity: 'warning',
    for: '30m',
    families: [seen, observed],
    define: (context) => ({
      ...seesTooLittle(context, seen, observed),
      summary: `The drift monitor of ${model} counts {{ $value | humanizePercentage }} of the rows.`,
      description:
        'So it notices drift later than it could. The label reason of ml_drift_rows_skipped_total says why rows are left out: for budget give it more time (maxCpuShare), for no_reference a reference, for rejected see why rows do not fit it.',
    }),
  },
  {
    alert: 'DriftMonitorLacksReference',
    group: 'drift',
    severity: 'warning',
    for: '15m',
    families: [skipped],
    define: (context) => ({
      ...skips(context, 'no_reference'),
      summary: `The drift monitor of ${model} has nothing to compare with.`,
      description:
        '{{ printf "%.2f" $value }} rows a second go by uncounted. Give the monitor a reference, or save one beside the model: fitReference from the training rows makes it, serializeReference writes it.',
    }),
  },
  {
    alert: 'DriftMonitorRejectsRows',
    group: 'drift',
    severity: 'warning',
    for: '15m',
    families: [skipped],
    define: (context) => ({
      ...skips(context, 'rejected'),
      summary: `Rows of ${model} do not fit the reference of its drift monitor.`,
      description:
        '{{ printf "%.2f" $value }} rows a second have another width or dtype than the reference, or lack one of its inputs: the reference belongs to another version of the model. Fit one from the training rows of this version.',
    }),
  },
  {
    alert: 'FeatureMissingOften',
    group: 'drift',
    severity: 'warning',
    for: '30m',
    families: ['ml_feature_missing', observed],
    define({ queries, series, thresholds: { missingRatio: limit } }) {
      const labels = [...alertLabels, 'feature'];
      const missing = queries.rate('ml_feature_missing', labels, { window: '15m' });
      const rows = queries.rate(observed, alertLabels, { window: '15m' });
      const share = (1 + limit) / 2;
      const course = (part: number) => [
        series('ml_feature_missing', growing(6000 * part), { feature: 'age' }),
        series(observed, growing(6000)),
      ];
      return {
        expr: `${missing} / on (${alertLabels.join(', ')}) group_left () ${rows} > ${limit}`,
        summary: `Feature {{ $labels.feature }} of ${model} is missing in {{ $value | humanizePercentage }} of the rows.`,
        description:
          'Whatever fills this feature does not. Look at its source; where so many missing values are expected, raise thresholds.missingRatio.',
        example: {
          labels: alertLabels,
          moreLabels: { feature: 'age' },
          value: percentage(share),
          raised: course(share),
          quiet: course(limit / 2),
        },
      };
    },
  },
];
