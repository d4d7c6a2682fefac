export { type AlertRuleTestsOptions, alertRules, alertRuleTests } from './alerts/alert-rules';
export type {
  AlertName,
  AlertRule,
  AlertRuleGroup,
  AlertRules,
  AlertRuleTest,
  AlertRuleTests,
  AlertSeverity,
} from './alerts/model';
export type { AlertChange, AlertRulesOptions, AlertThresholds } from './alerts/options';
export type { DescribedFamilies } from './families';
export { type GrafanaDashboardOptions, grafanaDashboard } from './grafana/grafana-dashboard';
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
} from './grafana/model';
export { toYaml } from './to-yaml';
