export type {
  AlertName,
  AlertRule,
  AlertRuleGroup,
  AlertRules,
  AlertRuleTest,
  AlertRuleTests,
  AlertSeverity,
} from './alert-model';
export type { AlertChange, AlertRulesOptions, AlertThresholds } from './alert-options';
export { type AlertRuleTestsOptions, alertRules, alertRuleTests } from './alert-rules';
export type { FamilySource } from './families';
export { type GrafanaDashboardOptions, grafanaDashboard } from './grafana-dashboard';
export type {
  GrafanaAnnotation,
  GrafanaDashboard,
  GrafanaDataSource,
  GrafanaFieldConfig,
  GrafanaPanel,
  GrafanaPanelType,
  GrafanaPlace,
  GrafanaRow,
  GrafanaTarget,
  GrafanaThreshold,
  GrafanaTransformation,
  GrafanaValueMapping,
  GrafanaVariable,
} from './grafana-model';
export { toYaml } from './to-yaml';
