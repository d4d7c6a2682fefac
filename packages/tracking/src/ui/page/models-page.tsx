/** @jsxImportSource preact */
import type { ModelsAnswer } from '../answers';
import { formatCount } from './format';
import { useAnswer, useNow } from './hooks';
import { Ago, Empty, FailureBox, Loading } from './pieces';
import { modelHash } from './route';

/** The registered models. */
export function ModelsPage() {
  const { answer, failure } = useAnswer<ModelsAnswer>('models');
  const now = useNow(30_000);
  return (
    <>
      <div class="title">
        <h1>Models</h1>
      </div>
      {failure !== undefined && <FailureBox failure={failure} />}
      {answer === undefined && failure === undefined && <Loading />}
      {answer?.models.length === 0 && (
        <Empty title="No models yet">
          <p>Register a version from a run; its aliases can be moved here.</p>
          <pre class="example">{`const { digest } = await run.logArtifact('digits.onnx', './digits.onnx');
await tracker.registry.registerVersion('digits', { artifact: digest, run: run.id });`}</pre>
        </Empty>
      )}
      <ul class="models">
        {answer?.models.map(({ name, versions, aliases, lastRegisteredAt, damaged }) => (
          <li key={name}>
            <a class="card" href={modelHash(name)}>
              <strong>{name}</strong>
              <span class="muted">
                {formatCount(versions, 'version')}
                {lastRegisteredAt > 0 && (
                  <>
                    {' · latest '}
                    <Ago at={lastRegisteredAt} now={now} />
                  </>
                )}
              </span>
              <span class="pills">
                {Object.entries(aliases).map(([alias, version]) => (
                  <span key={alias} class="pill accent">
                    @{alias} → {version}
                  </span>
                ))}
                {damaged && <span class="pill warn">partly unreadable</span>}
              </span>
            </a>
          </li>
        ))}
      </ul>
    </>
  );
}
