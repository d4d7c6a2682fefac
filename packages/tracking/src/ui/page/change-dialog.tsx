/** @jsxImportSource preact */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { GateResult } from '../../store/gate';
import type { RegistryOrder } from '../answers';
import { useKept, useSource } from './hooks';
import { RequestFailure } from './source';

/** What a dialog asks the registry to do, but for who and why. */
export type Intent = RegistryOrder extends infer Order
  ? Order extends unknown
    ? Omit<Order, 'evidence'>
    : never
  : never;

interface ChangeDialogProps {
  readonly model: string;
  readonly title: string;
  /** On the button that does it. */
  readonly action: string;
  /** What is to be done; `undefined` while the fields do not say it. */
  readonly intent: Intent | undefined;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}

/** A dialog that changes a model: who does it and why are asked, and kept for ever. */
export function ChangeDialog({ model, title, action, intent, onClose, children }: ChangeDialogProps) {
  const source = useSource();
  const dialog = useRef<HTMLDialogElement>(null);
  const [actor, setActor] = useKept('actor', '');
  const [reason, setReason] = useState('');
  const [failure, setFailure] = useState<RequestFailure>();
  const [busy, setBusy] = useState(false);
  useEffect(() => dialog.current?.showModal(), []);
  const close = (): void => {
    dialog.current?.close();
    onClose();
  };
  const submit = (): void => {
    if (intent === undefined || busy) return;
    setBusy(true);
    const order = { ...intent, evidence: { actor: actor.trim(), reason: reason.trim() } } as RegistryOrder;
    source.changeModel(model, order).then(close, (error: unknown) => {
      setBusy(false);
      setFailure(error instanceof RequestFailure ? error : undefined);
    });
  };
  const ready = intent !== undefined && actor.trim() !== '' && reason.trim() !== '';
  return (
    <dialog ref={dialog} aria-label={title} onClose={onClose}>
      <form
        method="dialog"
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <h2>{title}</h2>
        {children}
        <label class="stacked">
          Who
          <input value={actor} required autocomplete="name" onInput={(event) => setActor(event.currentTarget.value)} />
        </label>
        <label class="stacked">
          Why
          <input value={reason} required autocomplete="off" onInput={(event) => setReason(event.currentTarget.value)} />
        </label>
        {failure !== undefined && (
          <div class="box bad" role="alert">
            {failure.message}
            {failure.answer.gates !== undefined && <GateList results={failure.answer.gates} />}
          </div>
        )}
        <div class="actions">
          <button type="button" class="button" onClick={close}>
            Cancel
          </button>
          <button type="submit" class="button primary" disabled={!ready || busy}>
            {action}
          </button>
        </div>
      </form>
    </dialog>
  );
}

/** What gates said. */
export function GateList({ results }: { results: readonly GateResult[] }) {
  return (
    <ul class="gates">
      {results.map(({ gate, passed, expected, found }) => (
        <li key={gate} class={passed ? 'good' : 'bad'}>
          <span aria-hidden="true">{passed ? '✓' : '✗'}</span>
          <span>
            <strong>{gate}</strong> <span class="hidden">{passed ? 'passes' : 'refuses'}</span> asks for {expected},
            found {found}
          </span>
        </li>
      ))}
    </ul>
  );
}
