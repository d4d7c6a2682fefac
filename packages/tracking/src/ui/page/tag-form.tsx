/** @jsxImportSource preact */
import { useState } from 'preact/hooks';
import { useSource } from './hooks';
import { FailureBox } from './pieces';
import { RequestFailure } from './source';

/** Sets a tag of a run, also after its end. */
export function TagForm({ run }: { run: string }) {
  const source = useSource();
  const [name, setName] = useState('');
  const [value, setValue] = useState('');
  const [failure, setFailure] = useState<RequestFailure>();
  const submit = (): void => {
    source.setTags(run, { [name.trim()]: value }).then(
      () => {
        // The page watches the run, so that the tag appears by itself.
        setName('');
        setValue('');
        setFailure(undefined);
      },
      (error: unknown) => setFailure(error instanceof RequestFailure ? error : undefined),
    );
  };
  return (
    <form
      class="tag-form"
      aria-label="Set a tag"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <input
        class="field"
        required
        value={name}
        placeholder="tag"
        aria-label="Tag"
        autocomplete="off"
        onInput={(event) => setName(event.currentTarget.value)}
      />
      <input
        class="field"
        value={value}
        placeholder="value"
        aria-label="Value"
        autocomplete="off"
        onInput={(event) => setValue(event.currentTarget.value)}
      />
      <button type="submit" class="button" disabled={name.trim() === ''}>
        Set
      </button>
      {failure !== undefined && <FailureBox failure={failure} />}
    </form>
  );
}
