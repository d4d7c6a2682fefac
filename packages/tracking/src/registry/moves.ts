import { FairleadError } from '@fairlead/core';
import type { AliasMove, RegistryChange, StoredModel } from '../store/registry-store';

/** Where an alias points; `null` when there is none of that name. */
export function pointedTo(model: StoredModel | undefined, alias: string): string | null {
  const aliases = model?.aliases ?? {};
  return Object.hasOwn(aliases, alias) ? (aliases[alias] ?? null) : null;
}

/** A change of an alias as its history shows it. */
export function toMove({ type: _type, ...move }: Extract<RegistryChange, { type: 'alias' }>): AliasMove {
  return move;
}

/** Every move of an alias, oldest first. */
export function movesOf(model: StoredModel, alias: string): AliasMove[] {
  return model.changes.flatMap((change) => (change.type === 'alias' && change.alias === alias ? [toMove(change)] : []));
}

/**
 * Compares an alias with where a caller expects it.
 * @param expected `null`: that it does not exist; `undefined`: anywhere
 * @throws FairleadError `CONFLICT`
 */
export function checkExpected(
  model: StoredModel | undefined,
  name: string,
  alias: string,
  expected: string | null | undefined,
): void {
  const from = pointedTo(model, alias);
  if (expected === undefined || expected === from) return;
  const given = from === null ? 'it does not exist' : `it points at version ${from}`;
  const wanted = expected === null ? 'that it does not exist' : `version ${expected}`;
  throw new FairleadError(
    'CONFLICT',
    `The alias "${alias}" of "${name}" is not where it was expected: expected ${wanted}, but ${given}. ` +
      'Read it again and decide anew.',
    { details: { field: 'expected', expected: wanted, given } },
  );
}

/** The number of the next version. A damaged commit may have been a version, so its number is not given again. */
export function nextVersion(model: StoredModel | undefined): string {
  const highest = (model?.versions ?? []).reduce((most, known) => Math.max(most, Number(known.version)), 0);
  return String(highest + (model?.damage.length ?? 0) + 1);
}

/**
 * The versions that an alias pointed to one after the other, the present one last, without those that it was rolled back
 * from. A deletion ends what came before.
 */
function trailOf(model: StoredModel, alias: string): string[] {
  let trail: string[] = [];
  for (const { to, rollback } of movesOf(model, alias)) {
    if (to === null) trail = [];
    else if (rollback === true && trail.includes(to)) trail = trail.slice(0, trail.lastIndexOf(to) + 1);
    else trail.push(to);
  }
  return trail;
}

/** The version that a rollback of an alias leads to; `undefined` when there is none before. */
export function beforeOf(model: StoredModel, alias: string): string | undefined {
  const trail = trailOf(model, alias);
  const present = trail.at(-1);
  const kept = new Set(model.versions.flatMap((known) => (known.deletedAt === undefined ? [known.version] : [])));
  return trail.findLast((version, index) => index < trail.length - 1 && version !== present && kept.has(version));
}
