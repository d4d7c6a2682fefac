import { parseOptions } from '@fairlead/core';
import * as z from 'zod/mini';
import type { Gate, GateResult } from '../store/gate';
import type { Tracker } from '../tracker';
import type { ModelAnswer, ModelsAnswer, RegistryOrder } from './answers';

/** Every model, by name. */
export async function modelsAnswer(tracker: Tracker): Promise<ModelsAnswer> {
  const models = await tracker.registry.models();
  return {
    models: models.map(({ name, versions, aliases, damage }) => ({
      name,
      versions: versions.length,
      aliases,
      lastRegisteredAt: Math.max(0, ...versions.map(({ registeredAt }) => registeredAt)),
      damaged: damage.length > 0,
    })),
  };
}

/** One model. @throws FairleadError `NOT_FOUND` */
export async function modelAnswer(tracker: Tracker, name: string): Promise<ModelAnswer> {
  const { registry } = tracker;
  const [model, changes] = await Promise.all([registry.getModel(name), registry.audit(name)]);
  const gates: Record<string, readonly Gate[]> = {};
  const named = changes.flatMap((change) => (change.type === 'gates' ? [change.alias] : []));
  for (const alias of new Set(named)) {
    const kept = await registry.gates(name, alias);
    if (kept.length > 0) gates[alias] = kept;
  }
  return { name, versions: model.versions, aliases: model.aliases, damage: model.damage, changes, gates };
}

/** What the gates of an alias would say to a version. */
export async function gatesAnswer(
  tracker: Tracker,
  name: string,
  query: URLSearchParams,
): Promise<readonly GateResult[]> {
  return tracker.registry.checkGates(name, query.get('alias') ?? '', query.get('version') ?? '');
}

const evidence = z.strictObject({
  actor: z.string().check(z.trim(), z.minLength(1)),
  reason: z.string().check(z.trim(), z.minLength(1)),
});

const orderSchema = z.discriminatedUnion('action', [
  z.strictObject({
    action: z.literal('promote'),
    evidence,
    alias: z.string(),
    version: z.string(),
    expected: z.nullable(z.string()),
    force: z.boolean(),
  }),
  z.strictObject({ action: z.literal('rollback'), evidence, alias: z.string(), expected: z.string() }),
  z.strictObject({ action: z.literal('delete-alias'), evidence, alias: z.string(), expected: z.string() }),
  z.strictObject({
    action: z.literal('approve'),
    evidence,
    version: z.string(),
    gate: z.string(),
    approved: z.boolean(),
  }),
]);

/**
 * Does what the page asks for, and answers the model as it is then.
 * @throws FairleadError `INVALID_OPTION` for an order that is none, and as the registry does
 */
export async function changeModel(tracker: Tracker, name: string, body: unknown): Promise<ModelAnswer> {
  const order: RegistryOrder = parseOptions(orderSchema, body, 'order');
  const { registry } = tracker;
  switch (order.action) {
    case 'promote': {
      const { expected, force } = order;
      await registry.promote(name, order.alias, order.version, order.evidence, { expected, force });
      break;
    }
    case 'rollback':
      await registry.rollback(name, order.alias, order.evidence, { expected: order.expected });
      break;
    case 'delete-alias':
      await registry.deleteAlias(name, order.alias, order.evidence, { expected: order.expected });
      break;
    case 'approve': {
      const { gate, approved } = order;
      await registry.approve(name, order.version, order.evidence, { gate, approved });
      break;
    }
  }
  return modelAnswer(tracker, name);
}
