/** @jsxImportSource preact */
import { useEffect, useState } from 'preact/hooks';
import type { StoredArtifact } from '../../store/run-store';
import { type Preview, previewOf } from './artifact-kind';
import { Chart } from './chart';
import { parseCsv } from './csv';
import { parseFigure } from './figure';
import { formatBytes, formatCount } from './format';
import { useSource } from './hooks';
import { Digest, Empty, FailureBox, Loading, Scroll } from './pieces';
import { RequestFailure } from './source';

/** Text and tables of more bytes are not shown, but can be saved. */
const mostShown = 2_000_000;
const mostRows = 200;
/** Which kind is shown first where nobody chose: what one sees at a glance. */
const showOrder: readonly Preview[] = ['image', 'figure', 'table', 'text', 'json', 'none'];

/** The artifacts of a run, and one of them. */
export function Artifacts({ run, artifacts }: { run: string; artifacts: readonly StoredArtifact[] }) {
  const sorted = [...artifacts].sort((a, b) => (a.name < b.name ? -1 : 1));
  const [name, setName] = useState<string>();
  const best = [...sorted].sort((a, b) => showOrder.indexOf(previewOf(a)) - showOrder.indexOf(previewOf(b)))[0];
  const chosen = sorted.find((artifact) => artifact.name === name) ?? best;
  if (chosen === undefined) {
    return (
      <Empty title="No artifacts">
        <p>
          <code>await run.logArtifact('model.onnx', './model.onnx')</code> keeps a file with the run.
        </p>
      </Empty>
    );
  }
  return (
    <div class="artifacts card flush">
      <ul class="files">
        {sorted.map((artifact) => (
          <li key={artifact.name}>
            <button type="button" aria-pressed={artifact === chosen} onClick={() => setName(artifact.name)}>
              <span>{artifact.name}</span>
              <span class="muted small">{formatBytes(artifact.size)}</span>
            </button>
          </li>
        ))}
      </ul>
      <ArtifactView key={chosen.name} run={run} artifact={chosen} />
    </div>
  );
}

function ArtifactView({ run, artifact }: { run: string; artifact: StoredArtifact }) {
  const source = useSource();
  const { name, size, digest, step, mediaType } = artifact;
  const preview = previewOf(artifact);
  const url = source.artifactUrl(run, name);
  const facts = [formatBytes(size), mediaType, step === undefined ? undefined : `step ${step}`].filter(Boolean);
  return (
    <div class="preview">
      <div class="row">
        <div>
          <h3>{name}</h3>
          <p class="muted small">
            {facts.join(' · ')}
            {digest === undefined ? '' : ' · '}
            {digest !== undefined && <Digest value={digest} />}
          </p>
        </div>
        {url !== undefined && (
          <a
            class="button"
            href={source.artifactUrl(run, name, true) ?? url}
            download={name.slice(name.lastIndexOf('/') + 1)}
          >
            Save
          </a>
        )}
      </div>
      {url === undefined && <p class="muted">The bytes are not part of this report.</p>}
      {url !== undefined && preview === 'image' && <img src={url} alt={name} />}
      {url !== undefined && preview !== 'image' && preview !== 'none' && size <= mostShown && (
        <ArtifactText run={run} name={name} preview={preview} />
      )}
      {url !== undefined && (preview === 'none' || (preview !== 'image' && size > mostShown)) && (
        <p class="muted">{preview === 'none' ? 'No preview for this kind of file.' : 'Too large for a preview.'}</p>
      )}
    </div>
  );
}

function ArtifactText({
  run,
  name,
  preview,
}: {
  run: string;
  name: string;
  preview: 'figure' | 'table' | 'json' | 'text';
}) {
  const source = useSource();
  const [text, setText] = useState<string>();
  const [failure, setFailure] = useState<RequestFailure>();
  useEffect(() => {
    source.artifactText(run, name).then(setText, (error: unknown) => {
      if (error instanceof RequestFailure) setFailure(error);
    });
  }, [source, run, name]);
  if (failure !== undefined) return <FailureBox failure={failure} />;
  if (text === undefined) return <Loading />;
  if (preview === 'table') return <CsvTable text={text} name={name} />;
  const figure = preview === 'figure' ? parseFigure(text) : undefined;
  if (figure !== undefined) return <Chart option={figure} label={name} className="figure-chart" />;
  return (
    <Scroll label={name} className="text">
      <pre>{preview === 'text' ? text : indented(text)}</pre>
    </Scroll>
  );
}

function indented(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), undefined, 2);
  } catch {
    return text; // Its name says JSON, and it is none: it is shown as it is.
  }
}

function CsvTable({ text, name }: { text: string; name: string }) {
  const [head = [], ...rows] = parseCsv(text, mostRows + 2);
  const shown = rows.slice(0, mostRows);
  return (
    <>
      <Scroll label={name}>
        <table>
          <thead>
            <tr>
              {head.map((cell, i) => (
                <th key={i} scope="col">
                  {cell}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.map((row, i) => (
              <tr key={i}>
                {row.map((cell, j) => (
                  <td key={j} class={cell !== '' && !Number.isNaN(Number(cell)) ? 'n' : ''}>
                    {cell}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      {rows.length > shown.length && <p class="note">The first {formatCount(shown.length, 'row')} are shown.</p>}
    </>
  );
}
