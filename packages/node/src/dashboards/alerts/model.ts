/** A file of rules for Prometheus, as plain data. */
export interface AlertRules {
  readonly groups: readonly AlertRuleGroup[];
}

/** Rules that are evaluated together. */
export interface AlertRuleGroup {
  readonly name: string;
  readonly rules: readonly AlertRule[];
}

/** A condition, and what to say when it holds for a while. */
export interface AlertRule {
  readonly alert: AlertName;
  /** PromQL; whatever it answers is an alert. */
  readonly expr: string;
  /** How long it must hold, such as `5m`. */
  readonly for: string;
  readonly labels: Readonly<Record<string, string>> & { readonly severity: AlertSeverity };
  readonly annotations: {
    /** What is the matter, in a line. */
    readonly summary: string;
    /** What it means and what to do. */
    readonly description: string;
    readonly runbook_url?: string;
  };
}

/** How urgent an alert is: wake somebody, look at it today, know about it. */
export type AlertSeverity = 'critical' | 'warning' | 'info';

/** A file of tests for `promtool test rules`, as plain data. */
export interface AlertRuleTests {
  readonly rule_files: readonly string[];
  readonly evaluation_interval: string;
  readonly tests: readonly AlertRuleTest[];
}

/** One course of events, and the alerts that it must raise, or must not. */
export interface AlertRuleTest {
  readonly name: string;
  readonly interval: string;
  readonly input_series: readonly { readonly series: string; readonly values: string }[];
  readonly alert_rule_test: readonly {
    readonly eval_time: string;
    readonly alertname: AlertName;
    readonly exp_alerts: readonly {
      readonly exp_labels: Readonly<Record<string, string>>;
      readonly exp_annotations: Readonly<Record<string, string>>;
    }[];
  }[];
}

/** The alerts there are; which of them a file has depends on the families. */
export const alertNames = [
  'ServerErrorRatioHigh',
  'ServerCallersTurnedAway',
  'ModelErrorRatioHigh',
  'ModelRequestsRefused',
  'ModelLatencyHigh',
  'ModelQueueWaitLong',
  'ModelLanesSaturated',
  'ModelLanesRestarting',
  'ModelSwapFailed',
  'ModelDeviceFallback',
  'ModelCircuitOpen',
  'ModelBulkheadRefusing',
  'RolloutRolledBack',
  'RolloutHarmSuspected',
  'RolloutSampleRatioMismatch',
  'RolloutDegraded',
  'RolloutWaitsForApproval',
  'RolloutShadowDisagrees',
  'ModelInputDrift',
  'ModelInputDriftWarning',
  'ModelDriftAlarm',
  'DriftMonitorSeesTooLittle',
  'DriftMonitorLacksReference',
  'DriftMonitorRejectsRows',
  'FeatureMissingOften',
  'DataQualityRuleBroken',
  'DataQualityMonitorSeesTooLittle',
  'AlertsNotDelivered',
  'ModelTargetDown',
  'ModelMetricsAbsent',
  'MetricsCollectFailing',
  'MetricsValuesDropped',
  'MetricsSeriesFolded',
] as const;

/** The name of an alert. */
export type AlertName = (typeof alertNames)[number];
