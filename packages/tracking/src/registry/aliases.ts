import { type CallOptions, type Evidence, FairleadError, parseOptions } from '@fairlead/core';
import * as z from 'zod/mini';
import { checkAlias, checkModelName, checkVersion } from '../names';
import type { AliasMove, StoredModel } from '../store/registry-store';
import { createAliasControl } from './alias-control';
import { checkEvidence } from './evidence';
import { checkGates, checkStoredGates } from './gate-schema';
import { gatesOf } from './gates';
import { findAlias, findModel } from './lookup';
import type { ModelRegistry, PromoteOptions, SetAliasOptions } from './model-registry';
import { beforeOf, checkExpected, movesOf, pointedTo, toMove } from './moves';
import { askGates, promote } from './promotion';
import { edit, type RegistryContext } from './registry-context';

/** The part of the registry that moves aliases. */
export type AliasWriter = Pick<
  ModelRegistry,
  | 'setAlias'
  | 'promote'
  | 'checkGates'
  | 'setGates'
  | 'gates'
  | 'rollback'
  | 'deleteAlias'
  | 'aliasHistory'
  | 'audit'
  | 'alias'
>;

const anything = z.optional(z.custom<unknown>(() => true));
const signal = z.optional(z.custom<AbortSignal>((value) => value instanceof AbortSignal, 'an AbortSignal'));
const expected = z.optional(z.nullable(z.string()));
const moveSchema = z.strictObject({ expected, signal });
const promoteSchema = z.strictObject({ expected, signal, gates: anything, force: z.optional(z.boolean()) });

/** Points aliases at versions, back, and nowhere. */
export function createAliasWriter(context: RegistryContext): AliasWriter {
  const { store, clock, events, logger, checkOpen } = context;
  const { registry } = store;

  const begin = (name: string, alias: string): void => {
    checkOpen();
    checkModelName(name);
    checkAlias(alias);
  };

  const checkMove = (options: SetAliasOptions): void => {
    parseOptions(moveSchema, options, 'options');
    if (typeof options.expected === 'string') checkVersion(options.expected);
  };

  const promoteTo = async (
    name: string,
    alias: string,
    version: string,
    evidence: Evidence,
    options: PromoteOptions,
  ): Promise<AliasMove> => {
    begin(name, alias);
    checkVersion(version);
    parseOptions(promoteSchema, options, 'promote');
    if (typeof options.expected === 'string') checkVersion(options.expected);
    checkGates(options.gates ?? []);
    return promote(context, { name, alias, version, evidence: checkEvidence(evidence), options });
  };

  /** Moves an alias to wherever `target` says, with no gate asked. */
  const moveFreely = async (
    name: string,
    alias: string,
    evidence: Evidence,
    options: SetAliasOptions,
    target: (model: StoredModel) => { readonly to: string | null; readonly rollback?: true },
  ): Promise<AliasMove> => {
    begin(name, alias);
    checkMove(options);
    const kept = checkEvidence(evidence);
    const { change } = await edit(context, name, options, (model) => {
      findAlias(model, alias);
      checkExpected(model, name, alias, options.expected);
      const from = pointedTo(model, alias);
      return { type: 'alias', alias, from, ...target(model), evidence: kept, at: clock.epochMs() };
    });
    if (change?.type !== 'alias') throw new FairleadError('STORE_FAILED', `The store did not keep the move.`);
    const move = toMove(change);
    events.emit('alias-move', { name, ...move });
    return move;
  };

  /** @param only the one version that the way back may lead to; any when absent */
  const rollBack = (name: string, alias: string, evidence: Evidence, options: SetAliasOptions, only?: string) =>
    moveFreely(name, alias, evidence, options, (model) => {
      const to = beforeOf(model, alias);
      const present = pointedTo(model, alias);
      if (to === undefined) {
        throw new FairleadError(
          'NOT_FOUND',
          `The alias "${alias}" of "${name}" has nothing to roll back to: no version before ${present} is left. Set it to ` +
            'another version with setAlias().',
          { details: { field: 'alias', expected: 'an alias that pointed elsewhere before', given: alias } },
        );
      }
      if (only !== undefined && to !== only) {
        const message = `The alias "${alias}" of "${name}" moved meanwhile. Read it again and decide anew.`;
        throw new FairleadError('CONFLICT', message, { details: { field: 'version', expected: to, given: only } });
      }
      return { to, rollback: true };
    });

  const modelOf = async (name: string, alias: string, call: CallOptions): Promise<StoredModel> => {
    begin(name, alias);
    return findModel(registry, name, call.signal);
  };

  return {
    setAlias: async (name, alias, version, evidence, options = {}) => {
      checkMove(options);
      return promoteTo(name, alias, version, evidence, options);
    },
    promote: async (name, alias, version, evidence, options = {}) => promoteTo(name, alias, version, evidence, options),
    async checkGates(name, alias, version, options = {}) {
      checkVersion(version);
      checkGates(options.gates ?? []);
      const model = await modelOf(name, alias, options);
      return askGates(model, { alias, version, options });
    },
    async setGates(name, alias, gates, evidence, call = {}) {
      begin(name, alias);
      checkStoredGates(gates);
      const kept = checkEvidence(evidence);
      const own = structuredClone(gates);
      const { change } = await edit(context, name, call, () => ({
        type: 'gates',
        at: clock.epochMs(),
        evidence: kept,
        alias,
        gates: own,
      }));
      if (change !== undefined) events.emit('gates-set', { name, alias, gates: own, evidence: kept, at: change.at });
    },
    gates: async (name, alias, call = {}) => gatesOf(await modelOf(name, alias, call), alias),
    rollback: async (name, alias, evidence, options = {}) => rollBack(name, alias, evidence, options),
    deleteAlias: async (name, alias, evidence, options = {}) =>
      moveFreely(name, alias, evidence, options, () => ({ to: null })),
    async aliasHistory(name, alias, call = {}) {
      const model = await modelOf(name, alias, call);
      const moves = movesOf(model, alias);
      if (moves.length === 0) findAlias(model, alias);
      return moves;
    },
    async audit(name, { signal: abort } = {}) {
      checkOpen();
      checkModelName(name);
      return (await findModel(registry, name, abort)).changes;
    },
    alias(name, alias) {
      begin(name, alias);
      const setAlias = async (version: string, evidence: Evidence, seen: string | undefined): Promise<AliasMove> => {
        const model = await modelOf(name, alias, {});
        const expected = seen ?? pointedTo(model, alias);
        // Back to where it was before: whoever made the move may take it back.
        return beforeOf(model, alias) === version
          ? rollBack(name, alias, evidence, { expected }, version)
          : promoteTo(name, alias, version, evidence, seen === undefined ? {} : { expected });
      };
      return createAliasControl({ store: registry, name, alias, logger, setAlias });
    },
  };
}
