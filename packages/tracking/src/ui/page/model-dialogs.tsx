/** @jsxImportSource preact */
import { useEffect, useState } from 'preact/hooks';
import type { GateResult } from '../../store/gate';
import type { ModelAnswer } from '../answers';
import { ChangeDialog, GateList, type Intent } from './change-dialog';
import { useSource } from './hooks';
import { RequestFailure } from './source';

/** What a dialog of a model is about. */
export type Asked =
  | { readonly kind: 'promote'; readonly alias?: string; readonly version?: string }
  | { readonly kind: 'rollback' | 'delete-alias'; readonly alias: string }
  | { readonly kind: 'approve'; readonly version: string };

interface DialogProps {
  readonly model: ModelAnswer;
  readonly onClose: () => void;
}

/** Moves an alias to a version, if its gates let it. */
export function PromoteDialog({
  model,
  alias: first,
  version: chosen,
  onClose,
}: DialogProps & { alias?: string; version?: string }) {
  const source = useSource();
  const aliases = Object.keys(model.aliases);
  const versions = [...model.versions].reverse();
  const [alias, setAlias] = useState(first ?? aliases[0] ?? '');
  const present = Object.hasOwn(model.aliases, alias) ? (model.aliases[alias] as string) : null;
  const [version, setVersion] = useState(chosen ?? versions.find((each) => each.version !== present)?.version ?? '');
  const [gates, setGates] = useState<readonly GateResult[]>([]);
  const [failure, setFailure] = useState<string>();
  const [force, setForce] = useState(false);
  useEffect(() => {
    if (alias === '' || version === '') return;
    let dropped = false;
    const query = new URLSearchParams({ alias, version });
    source.get<readonly GateResult[]>(`models/${encodeURIComponent(model.name)}/gates?${query}`).then(
      (results) => {
        if (dropped) return;
        setFailure(undefined);
        setGates(results);
      },
      (error: unknown) => {
        if (dropped) return;
        setGates([]);
        setFailure(error instanceof RequestFailure ? error.message : undefined);
      },
    );
    return () => {
      dropped = true;
    };
  }, [source, model, alias, version]);
  const refused = gates.some(({ passed }) => !passed);
  const same = version === present;
  const intent: Intent | undefined =
    alias === '' || version === '' || same || failure !== undefined || (refused && !force)
      ? undefined
      : { action: 'promote', alias, version, expected: present, force: refused && force };
  return (
    <ChangeDialog
      model={model.name}
      title={`Promote a version of ${model.name}`}
      action="Promote"
      intent={intent}
      onClose={onClose}
    >
      <label class="stacked">
        Alias
        <input
          value={alias}
          list="aliases"
          required
          autocomplete="off"
          placeholder="champion"
          onInput={(event) => setAlias(event.currentTarget.value.trim())}
        />
        <datalist id="aliases">
          {aliases.map((each) => (
            <option key={each} value={each} />
          ))}
        </datalist>
      </label>
      <label class="stacked">
        Version
        <select value={version} onChange={(event) => setVersion(event.currentTarget.value)}>
          {versions.map((each) => (
            <option key={each.version} value={each.version}>
              {each.version}
              {each.aliases.length > 0 ? ` (${each.aliases.map((name) => `@${name}`).join(', ')})` : ''}
            </option>
          ))}
        </select>
      </label>
      <p class="muted small">
        {failure ??
          (same
            ? `@${alias} points to version ${version} already.`
            : present === null
              ? 'A new alias.'
              : `@${alias} points to version ${present} now.`)}
      </p>
      {gates.length > 0 && <GateList results={gates} />}
      {refused && (
        <label class="check">
          <input type="checkbox" checked={force} onChange={(event) => setForce(event.currentTarget.checked)} />
          <span>Promote it all the same. Everybody reads in the history that it was forced.</span>
        </label>
      )}
    </ChangeDialog>
  );
}

/** Moves an alias back to where it pointed before. */
export function RollbackDialog({ model, alias, onClose }: DialogProps & { alias: string }) {
  const expected = model.aliases[alias] ?? '';
  return (
    <ChangeDialog
      model={model.name}
      title={`Roll back @${alias}`}
      action="Roll back"
      intent={{ action: 'rollback', alias, expected }}
      onClose={onClose}
    >
      <p>
        @{alias} points to version {expected}. It goes back to where it pointed before; gates are not asked.
      </p>
    </ChangeDialog>
  );
}

/** Deletes an alias. */
export function DeleteAliasDialog({ model, alias, onClose }: DialogProps & { alias: string }) {
  const expected = model.aliases[alias] ?? '';
  return (
    <ChangeDialog
      model={model.name}
      title={`Delete @${alias}`}
      action="Delete"
      intent={{ action: 'delete-alias', alias, expected }}
      onClose={onClose}
    >
      <p>
        What follows @{alias} finds nothing any more. Its history stays; version {expected} is not touched.
      </p>
    </ChangeDialog>
  );
}

/** Votes on a version. */
export function ApproveDialog({ model, version, onClose }: DialogProps & { version: string }) {
  const [gate, setGate] = useState('approval');
  const [approved, setApproved] = useState(true);
  return (
    <ChangeDialog
      model={model.name}
      title={`Vote on version ${version}`}
      action={approved ? 'Approve' : 'Refuse'}
      intent={gate === '' ? undefined : { action: 'approve', version, gate, approved }}
      onClose={onClose}
    >
      <label class="stacked">
        What is voted on
        <input value={gate} required onInput={(event) => setGate(event.currentTarget.value.trim())} />
      </label>
      <fieldset class="choices">
        <legend class="hidden">Vote</legend>
        {[true, false].map((value) => (
          <label key={String(value)} class="check">
            <input type="radio" name="vote" checked={approved === value} onChange={() => setApproved(value)} />
            <span>{value ? 'Approve' : 'Refuse'}</span>
          </label>
        ))}
      </fieldset>
    </ChangeDialog>
  );
}
