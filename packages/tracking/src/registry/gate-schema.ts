import { parseOptions } from '@fairlead/core';
import * as z from 'zod/mini';
import { checkKey, invalidArgument } from '../names';
import type { Gate, MetricGate } from '../store/gate';
import type { CheckGate } from './model-registry';

const bound = z.optional(z.number());
const text = z.string().check(z.minLength(1), z.maxLength(500));

const metricSchema = z.strictObject({
  kind: z.literal('metric'),
  metric: z.string(),
  dataset: z.optional(text),
  min: bound,
  max: bound,
  minChange: bound,
  maxChange: bound,
  minRatio: bound,
  maxRatio: bound,
});

const evaluationSchema = z.strictObject({
  kind: z.literal('evaluation'),
  dataset: z.optional(text),
  metrics: z.optional(z.array(z.string())),
});

const approvalsSchema = z.strictObject({
  kind: z.literal('approvals'),
  count: z.int().check(z.minimum(1), z.maximum(100)),
  gate: z.optional(text),
  actors: z.optional(z.array(text).check(z.minLength(1))),
});

const checkSchema = z.strictObject({
  kind: z.literal('check'),
  name: text,
  expected: z.optional(text),
  check: z.custom<CheckGate['check']>((value) => typeof value === 'function', 'a function'),
});

const schemas = { metric: metricSchema, evaluation: evaluationSchema, approvals: approvalsSchema, check: checkSchema };
const pairs = [
  ['min', 'max'],
  ['minChange', 'maxChange'],
  ['minRatio', 'maxRatio'],
] as const;

function checkMetricGate(field: string, gate: MetricGate): void {
  checkKey('metric', gate.metric);
  const given = pairs.flat().filter((name) => gate[name] !== undefined);
  if (given.length === 0) throw invalidArgument(field, `a gate with at least one of ${pairs.flat().join(', ')}`, gate);
  for (const [low, high] of pairs) {
    const [least, most] = [gate[low], gate[high]];
    if (least !== undefined && most !== undefined && least > most) {
      throw invalidArgument(`${field}.${low}`, `at most ${high} (${most})`, least);
    }
  }
}

function checkGate(field: string, gate: Gate | CheckGate, kinds: readonly string[]): void {
  const kind = (gate as { kind?: unknown } | null)?.kind;
  if (typeof kind !== 'string' || !kinds.includes(kind)) {
    const expected = `one of ${kinds.map((name) => `"${name}"`).join(', ')}`;
    const hint = kind === 'check' ? 'A function cannot be kept: give it to promote().' : '';
    throw invalidArgument(`${field}.kind`, expected, kind, hint);
  }
  parseOptions(schemas[kind as keyof typeof schemas], gate, field);
  if (gate.kind === 'metric') checkMetricGate(field, gate);
  if (gate.kind === 'evaluation') for (const metric of gate.metrics ?? []) checkKey('metric', metric);
  if (gate.kind === 'approvals' && gate.actors !== undefined && gate.actors.length < gate.count) {
    throw invalidArgument(`${field}.count`, `at most the number of actors (${gate.actors.length})`, gate.count);
  }
}

/**
 * Checks gates that are given to a promotion.
 * @throws FairleadError `INVALID_OPTION`, `INVALID_ARGUMENT`
 */
export function checkGates(gates: readonly (Gate | CheckGate)[]): void {
  if (!Array.isArray(gates)) throw invalidArgument('gates', 'an array of gates', gates);
  for (const [index, gate] of gates.entries()) {
    checkGate(`gates[${index}]`, gate, ['metric', 'evaluation', 'approvals', 'check']);
  }
}

/**
 * Checks gates that are to be kept.
 * @throws FairleadError `INVALID_OPTION`, `INVALID_ARGUMENT`
 */
export function checkStoredGates(gates: readonly Gate[]): void {
  if (!Array.isArray(gates)) throw invalidArgument('gates', 'an array of gates', gates);
  for (const [index, gate] of gates.entries()) {
    checkGate(`gates[${index}]`, gate, ['metric', 'evaluation', 'approvals']);
  }
}
