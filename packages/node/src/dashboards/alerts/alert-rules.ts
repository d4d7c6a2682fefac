import { type DescribedFamilies, type Families, readFamilies } from '../families';
import { hasKnown } from '../known-families';
import { createQueries, matching, sampleName } from '../promql';
import { type AlertBody, type AlertContext, type AlertDefinition, eventMinute } from './definition';
import { driftAlerts } from './drift-alerts';
import type { AlertRule, AlertRules, AlertRuleTest, AlertRuleTests, AlertSeverity } from './model';
import { type AlertRulesOptions, type AlertSettings, parseAlertOptions } from './options';
import { qualityAlerts } from './quality-alerts';
import { rolloutAlerts } from './rollout-alerts';
import { scrapeAlerts } from './scrape-alerts';
import { serverAlerts } from './server-alerts';
import { servingAlerts } from './serving-alerts';

/** Options of {@link alertRuleTests}: those that the rules were made with, and where they lie. */
export interface AlertRuleTestsOptions extends AlertRulesOptions {
  /** The file of the rules, relative to that of the tests. @default 'alerts.yml' */
  readonly ruleFile?: string;
}

/** An alert with all that was chosen about it. */
interface ChosenAlert {
  readonly definition: AlertDefinition;
  readonly body: AlertBody;
  readonly for: string;
  readonly forMinutes: number;
  readonly severity: AlertSeverity;
}

/**
 * Makes Prometheus alert rules for the families of a registry: about drift, data quality and their monitors, errors, refusals, latency, the
 * queue, lanes, swaps, fallbacks to other devices, circuit breakers, rollouts, targets that are down and metrics that are missing.
 * An alert is left out where the families that it asks for are not registered. Each has a severity, a summary, and a
 * description that says what to do.
 *
 * @returns plain data, which `toYaml` writes as a file of rules
 * @throws FairleadError `INVALID_OPTION`, also for a threshold that a histogram cannot tell; `ALREADY_EXISTS` for two
 * families of one name
 */
export function alertRules(source: DescribedFamilies, options?: AlertRulesOptions): AlertRules {
  const owner = 'alertRules';
  const families = readFamilies(source, owner);
  const settings = parseAlertOptions(options, families, owner);
  const alerts = choose(families, settings);
  const groups = (['server', 'serving', 'rollouts', 'drift', 'quality', 'scrape'] as const).map((group) => ({
    name: `${settings.groupPrefix}-${group}`,
    rules: alerts.filter(({ definition }) => definition.group === group).map((alert) => toRule(alert, settings)),
  }));
  return { groups: groups.filter(({ rules }) => rules.length > 0) };
}

/**
 * Makes tests for `promtool test rules`: for each alert one course of events in which it must be raised, with the very
 * labels and texts, and one, short of it, in which it must not.
 *
 * @param options those given to `alertRules`, and the rules' file
 * @returns plain data, which `toYaml` writes as a file of tests
 * @throws FairleadError as `alertRules`
 */
export function alertRuleTests(source: DescribedFamilies, options: AlertRuleTestsOptions = {}): AlertRuleTests {
  const owner = 'alertRuleTests';
  const families = readFamilies(source, owner);
  const { ruleFile = 'alerts.yml', ...ruleOptions } = options;
  const settings = parseAlertOptions(ruleOptions, families, owner);
  return {
    rule_files: [ruleFile],
    evaluation_interval: '1m',
    tests: choose(families, settings).flatMap((alert) => [
      toTest(alert, settings, true),
      toTest(alert, settings, false),
    ]),
  };
}

function choose(families: Families, settings: AlertSettings): ChosenAlert[] {
  const chosen: ChosenAlert[] = [];
  const definitions = [
    ...serverAlerts,
    ...servingAlerts,
    ...rolloutAlerts,
    ...driftAlerts,
    ...qualityAlerts,
    ...scrapeAlerts,
  ];
  for (const definition of definitions) {
    const change = settings.alerts[definition.alert];
    if (change === false || !definition.families.every((name) => hasKnown(families, name))) continue;
    const duration = change?.for ?? definition.for;
    const forMinutes = minutesOf(duration);
    const body = definition.define(contextOf(families, settings, forMinutes));
    chosen.push({ definition, body, for: duration, forMinutes, severity: change?.severity ?? definition.severity });
  }
  return chosen;
}

const minutesPerUnit: Readonly<Record<string, number>> = { s: 1 / 60, m: 1, h: 60, d: 1440 };

function minutesOf(duration: string): number {
  return Math.ceil(Number(duration.slice(0, -1)) * (minutesPerUnit[duration.slice(-1)] as number));
}

/** Minutes that the series of a test last: until after the event, until a series that ended is gone, and `for` is over. */
function minutesOfTest(forMinutes: number): number {
  return eventMinute + 8 + forMinutes;
}

function contextOf(families: Families, { where, thresholds }: AlertSettings, forMinutes: number): AlertContext {
  const matchers = Object.entries(where).map(([label, value]) => matching(label, '=', value));
  const minutes = minutesOfTest(forMinutes);
  const labelled = (metric: string, labels: Readonly<Record<string, string>>): string =>
    `${metric}{${Object.entries(labels)
      .map(([label, value]) => matching(label, '=', value))
      .join(', ')}}`;
  return {
    families,
    queries: createQueries(families, { window: '5m', matchersFor: () => matchers }),
    thresholds,
    where: matchers,
    forMinutes,
    series(name, values, labels = {}) {
      const family = families.get(name);
      return { series: labelled(sampleName(family), { ...labelsOfTests(where), ...labels }), values: values(minutes) };
    },
    target: (metric, values) => ({ series: labelled(metric, { ...targetOfTests, ...where }), values: values(minutes) }),
  };
}

const targetOfTests = { job: 'shop', instance: 'shop-1:8080' };

/** The labels of the series that tests make up. */
function labelsOfTests(where: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return { ...targetOfTests, model_name: 'digits', model_version: '2', ...where };
}

function toRule({ definition, body, for: duration, severity }: ChosenAlert, settings: AlertSettings): AlertRule {
  const { runbookUrl } = settings;
  return {
    alert: definition.alert,
    expr: body.expr,
    for: duration,
    labels: { ...settings.labels, severity },
    annotations: {
      summary: body.summary,
      description: body.description,
      ...(runbookUrl === undefined ? {} : { runbook_url: `${runbookUrl}#${definition.alert.toLowerCase()}` }),
    },
  };
}

function toTest(alert: ChosenAlert, settings: AlertSettings, isRaised: boolean): AlertRuleTest {
  const { definition, body, forMinutes } = alert;
  const { labels, moreLabels, raised, quiet } = body.example;
  const all = labelsOfTests(settings.where);
  const own = { ...Object.fromEntries(labels.map((label) => [label, all[label] ?? ''])), ...moreLabels };
  const rule = toRule(alert, settings);
  const expected = {
    exp_labels: { ...own, ...rule.labels },
    exp_annotations: Object.fromEntries(
      Object.entries(rule.annotations).map(([name, text]) => [name, fillIn(text, own, body.example.value)]),
    ),
  };
  return {
    name: `${definition.alert} is ${isRaised ? 'raised' : 'quiet'}`,
    interval: '1m',
    input_series: isRaised ? raised : quiet,
    alert_rule_test: [
      {
        eval_time: `${minutesOfTest(forMinutes)}m`,
        alertname: definition.alert,
        exp_alerts: isRaised ? [expected] : [],
      },
    ],
  };
}

/** What Prometheus makes of a text, given what it makes of `$value`. */
function fillIn(text: string, labels: Readonly<Record<string, string>>, value = ''): string {
  return text
    .replace(/\{\{ \$labels\.(\w+) \}\}/g, (_, label: string) => labels[label] ?? '')
    .replace(/\{\{[^}]*\$value[^}]*\}\}/g, () => value);
}
