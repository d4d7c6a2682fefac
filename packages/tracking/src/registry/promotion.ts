import { type CallOptions, type Evidence, FairleadError, messageOf, throwIfAborted } from '@fairlead/core';
import type { GateResult } from '../store/gate';
import type { AliasMove, RegistryChange, StoredModel, StoredVersion } from '../store/registry-store';
import { askGate, gatesOf } from './gates';
import { findModel, findVersion, toModelVersion } from './lookup';
import type { CheckGate, PromoteOptions } from './model-registry';
import { checkExpected, movesOf, pointedTo, toMove } from './moves';
import type { RegistryContext } from './registry-context';

/** A promotion whose arguments were checked. */
export interface Promotion {
  readonly name: string;
  readonly alias: string;
  readonly version: string;
  readonly evidence: Evidence;
  readonly options: PromoteOptions;
}

/** How often what the gates looked at may change while they look. */
const maxAttempts = 100;

/** The version that an alias points to, even one that was deleted behind our back. */
function currentOf(model: StoredModel, alias: string): StoredVersion | undefined {
  const present = pointedTo(model, alias);
  return model.versions.find((known) => known.version === present);
}

async function askCheck(
  gate: CheckGate,
  model: StoredModel,
  candidate: StoredVersion,
  current: StoredVersion | undefined,
  call: CallOptions,
): Promise<GateResult> {
  const { name, expected = 'that it passes' } = gate;
  try {
    const versions = [candidate, current].map((known) => (known === undefined ? known : toModelVersion(model, known)));
    const [shown, compared] = versions as [ReturnType<typeof toModelVersion>, ReturnType<typeof toModelVersion>?];
    const answer = await gate.check(shown, compared, call);
    // Only `true` passes: a check that forgot to answer does not.
    if (typeof answer !== 'object' || answer === null) {
      const passed = answer === true;
      return { gate: `check ${name}`, passed, expected, found: passed ? 'it passes' : 'it does not' };
    }
    const passed = answer.passed === true;
    return { gate: `check ${name}`, passed, expected, found: answer.found ?? (passed ? 'it passes' : 'it does not') };
  } catch (error) {
    throwIfAborted(call.signal, 'The promotion');
    return { gate: `check ${name}`, passed: false, expected, found: `it threw: ${messageOf(error)}` };
  }
}

/** Asks the gates of an alias and those given, all of them. @throws FairleadError `NOT_FOUND`, `ABORTED` */
export async function askGates(
  model: StoredModel,
  { alias, version, options: { gates = [], signal } }: Pick<Promotion, 'alias' | 'version' | 'options'>,
): Promise<GateResult[]> {
  const candidate = findVersion(model, version);
  const current = currentOf(model, alias);
  const call = signal === undefined ? {} : { signal };
  const results: GateResult[] = [];
  for (const gate of [...gatesOf(model, alias), ...gates]) {
    throwIfAborted(signal, 'The promotion');
    results.push(
      gate.kind === 'check'
        ? await askCheck(gate, model, candidate, current, call)
        : askGate(gate, { model, candidate, current }),
    );
  }
  return results;
}

/** Whether a change may alter what the gates of a promotion say. */
function matters(change: RegistryChange, { alias, version }: Promotion, from: string | null): boolean {
  if (change.type === 'alias' || change.type === 'gates') return change.alias === alias;
  const number = typeof change.version === 'string' ? change.version : change.version.version;
  return number === version || number === from;
}

function isStale(asked: StoredModel, present: StoredModel, promotion: Promotion): boolean {
  const from = pointedTo(asked, promotion.alias);
  return present.changes.slice(asked.changes.length).some((change) => matters(change, promotion, from));
}

function refused({ name, alias, version }: Promotion, gates: readonly GateResult[]): FairleadError {
  const lines = gates
    .filter((gate) => !gate.passed)
    .map(({ gate, expected, found }) => `${gate}: expected ${expected}, found ${found}`);
  const count = lines.length === 1 ? 'a gate refuses' : `${lines.length} gates refuse`;
  return new FairleadError(
    'GATE_REFUSED',
    `Version ${version} of "${name}" cannot become ${name}@${alias}, because ${count}. ${lines.join('. ')}.`,
    { details: { field: 'version', given: version, gates } },
  );
}

/**
 * Moves an alias to a version that its gates let pass. What they looked at is compared with the state at the moment of
 * the commit: where it changed meanwhile, they are asked again.
 */
export async function promote(context: RegistryContext, promotion: Promotion): Promise<AliasMove> {
  const { store, clock, events } = context;
  const { name, alias, version, evidence, options } = promotion;
  const { expected, force = false, signal } = options;
  const call = signal === undefined ? {} : { signal };
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    const asked = await findModel(store.registry, name, signal);
    findVersion(asked, version);
    checkExpected(asked, name, alias, expected);
    if (pointedTo(asked, alias) === version) return lastMove(asked, alias, promotion);
    const gates = await askGates(asked, promotion);
    const isRefused = gates.some((gate) => !gate.passed);
    if (isRefused && !force) {
      events.emit('promotion-refuse', { name, alias, version, evidence, gates });
      throw refused(promotion, gates);
    }
    let stale = false;
    const { model, change } = await store.registry.commit(
      name,
      (present) => {
        stale = present === undefined || isStale(asked, present, promotion);
        const from = pointedTo(present, alias);
        if (stale) return undefined;
        return {
          type: 'alias',
          alias,
          from,
          to: version,
          evidence,
          at: clock.epochMs(),
          ...(gates.length === 0 ? {} : { gates }),
          ...(isRefused ? { forced: true } : {}),
        };
      },
      call,
    );
    if (stale) continue;
    if (change?.type !== 'alias') return lastMove(model ?? asked, alias, promotion);
    events.emit('alias-move', { name, ...toMove(change) });
    return toMove(change);
  }
  throw new FairleadError('CONFLICT', `The alias "${alias}" of "${name}" changes too fast. Try again.`, {
    details: { field: 'alias', given: alias },
  });
}

/** How an alias that points where it should came there; a damaged registry may have lost that. */
function lastMove(model: StoredModel, alias: string, { version, evidence }: Promotion): AliasMove {
  return movesOf(model, alias).at(-1) ?? { alias, from: null, to: version, evidence, at: 0 };
}
