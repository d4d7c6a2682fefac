import { FairleadError } from '../../errors';
import { Check } from './check';
import { checkRules } from './check-rules';
import type { ConstantCheck, FieldChecks, OwnCheck, ValueCheck } from './field-watch';
import { Freshness } from './freshness';
import type { DataRecord } from './infer-schema';
import type { FieldRule, FreshnessRule, QualityRule, RecordRule } from './rules';
import { rulesOfSchema } from './rules-of-schema';
import type { DataSchema } from './schema';
import {
  categoryTest,
  lengthTest,
  monotoneTest,
  mostKeys,
  patternTest,
  rangeTest,
  typeTest,
  uniqueTest,
} from './value-tests';

/** What rows have in common in metrics, where a rule is about none of their fields. */
export const wholeRow = 'row';

/** A check of whole rows. */
export interface RecordCheck {
  readonly check: Check;
  readonly rule: RecordRule;
}

/** Everything that is checked. */
export interface CompiledRules {
  readonly fields: readonly FieldChecks[];
  readonly records: readonly RecordCheck[];
  /** Freshness by the time of the last row. */
  readonly rowFreshness: readonly Freshness[];
  /** Fields that records may not have. */
  readonly unknownFields: Check | undefined;
  readonly checks: readonly Check[];
  readonly freshness: readonly Freshness[];
  /** ln of the p-value at which a rule fails. */
  readonly lnLevel: number;
}

/** What the levels follow from. */
export interface Levels {
  readonly windowRows: number;
  readonly meanTimeBetweenFalseAlarms: number;
  /** Milliseconds since 1970-01-01 UTC. */
  readonly nowMs: number;
}

type AnyRule = QualityRule;

/**
 * Makes checks of a schema and rules. A rule takes the place of the schema's rule of the same name on the same field. The
 * probability of a false failure in a window is shared by all rules whose tolerance leaves room for one.
 *
 * @throws FairleadError `INVALID_OPTION` for a rule that is wrong, names a field that the schema does not have, or
 * occurs twice
 */
export function compileRules(schema: DataSchema | undefined, given: readonly AnyRule[], levels: Levels): CompiledRules {
  checkRules(given, schema);
  const { windowRows, meanTimeBetweenFalseAlarms, nowMs } = levels;
  const rules = new Map<string, AnyRule>();
  for (const rule of schema === undefined ? [] : rulesOfSchema(schema, Math.min(windowRows, mostKeys))) {
    rules.set(keyOf(rule), rule);
  }
  for (const rule of given) rules.set(keyOf(rule), rule);
  if (rules.size === 0 && schema?.additionalFields !== false) {
    throw new FairleadError(
      'INVALID_OPTION',
      'createQualityMonitor: option "rules" is wrong: expected at least one rule, in it or in a schema, given none. Infer a schema with inferSchema.',
      { details: { field: 'rules', expected: 'at least one rule', given: 'none' } },
    );
  }
  const tests = [...rules.values()].filter(({ rule, ...rest }) => rule === 'constant' || toleranceOf(rest) > 0).length;
  const lnLevel = Math.log(windowRows / meanTimeBetweenFalseAlarms / Math.max(1, tests));
  const all: Check[] = [];
  const makeCheck = (rule: string, feature: string, tolerance: number): Check => {
    const check = new Check({ rule, feature }, tolerance, windowRows, lnLevel);
    all.push(check);
    return check;
  };

  const byField = new Map<string, FieldBuilder>(schema?.fields.map(({ name }) => [name, new FieldBuilder(name)]));
  const records: RecordCheck[] = [];
  const rowFreshness: Freshness[] = [];
  const freshness: Freshness[] = [];
  const builderOf = (name: string): FieldBuilder => {
    const builder = byField.get(name) ?? new FieldBuilder(name);
    byField.set(name, builder);
    return builder;
  };
  for (const rule of rules.values()) {
    const check = makeCheck(rule.name ?? rule.rule, featureOf(rule), toleranceOf(rule));
    if (rule.rule === 'record') {
      records.push({ check, rule });
      for (const field of rule.fields) builderOf(field);
    } else if (rule.rule === 'freshness') {
      const one = new Freshness(rule, check, nowMs);
      freshness.push(one);
      if (rule.field === undefined) rowFreshness.push(one);
      else builderOf(rule.field).freshness.push(one);
    } else builderOf(rule.field).add(rule, check);
  }
  const unknownFields = schema?.additionalFields === false ? makeCheck('unknown-field', wholeRow, 0) : undefined;
  return { fields: [...byField.values()], records, rowFreshness, unknownFields, checks: all, freshness, lnLevel };
}

class FieldBuilder implements FieldChecks {
  readonly name: string;
  readonly values: ValueCheck[] = [];
  readonly own: OwnCheck[] = [];
  readonly freshness: Freshness[] = [];
  readonly missing: Check[] = [];
  readonly types: ValueCheck[] = [];
  readonly constants: ConstantCheck[] = [];

  constructor(name: string) {
    this.name = name;
  }

  add(rule: FieldRule, check: Check): void {
    switch (rule.rule) {
      case 'missing':
        this.missing.push(check);
        break;
      case 'type':
        this.types.push({ check, test: typeTest(rule.type, rule.integer ?? false) });
        break;
      case 'range':
        this.values.push({ check, test: rangeTest(rule) });
        break;
      case 'category':
        this.values.push({ check, test: categoryTest(rule.values) });
        break;
      case 'length':
        this.values.push({ check, test: lengthTest(rule.minimum, rule.maximum) });
        break;
      case 'pattern':
        this.values.push({ check, test: patternTest(rule) });
        break;
      case 'monotone':
        this.values.push({ check, test: monotoneTest(rule) });
        break;
      case 'unique':
        this.values.push({ check, ...uniqueTest() });
        break;
      case 'constant':
        this.constants.push({ check, commonestShare: rule.commonestShare ?? 0.5 });
        break;
      case 'value':
        this.own.push({ check, test: rule.test, testMissing: rule.testMissing ?? false });
        break;
    }
  }
}

/** By what a rule is told from others. */
export function keyOf(rule: AnyRule): string {
  return JSON.stringify([rule.name ?? rule.rule, featureOf(rule)]);
}

function featureOf(rule: FieldRule | FreshnessRule | RecordRule<DataRecord>): string {
  if (rule.rule === 'record') return rule.fields.join(',');
  return rule.field ?? wholeRow;
}

function toleranceOf(rule: object): number {
  return (rule as { tolerance?: number }).tolerance ?? 0;
}
