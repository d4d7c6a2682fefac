/** @jsxImportSource preact */
import { useEffect, useRef } from 'preact/hooks';
import { ColorsContext } from './chart';
import { chartColors } from './colors';
import { ComparePage } from './compare-page';
import { SourceContext, useRoute } from './hooks';
import { ModelPage } from './model-page';
import { ModelsPage } from './models-page';
import { Empty } from './pieces';
import { toHash } from './route';
import { RunPage } from './run-page';
import { RunsPage } from './runs-page';
import type { Source } from './source';
import { type ThemeChoice, useTheme } from './theme';

const nextTheme: Readonly<Record<ThemeChoice, ThemeChoice>> = { system: 'light', light: 'dark', dark: 'system' };
const themeNames: Readonly<Record<ThemeChoice, string>> = { system: 'Auto', light: 'Light', dark: 'Dark' };

interface AppProps {
  readonly source: Source;
  /** Of a report: its heading, and where it begins. */
  readonly report?: { readonly title: string; readonly ids: readonly string[] };
}

/** The whole page. */
export function App({ source, report }: AppProps) {
  const { theme, choice, choose } = useTheme();
  const { path, query } = useRoute();
  const main = useRef<HTMLElement>(null);
  const place = path.join('/');
  const seen = useRef(place);
  useEffect(() => {
    // A new place is read from its top, and by a screen reader too; a change of the query is the same place.
    if (seen.current === place) return;
    seen.current = place;
    scrollTo(0, 0);
    main.current?.focus({ preventScroll: true });
  }, [place]);
  return (
    <SourceContext.Provider value={source}>
      <ColorsContext.Provider value={chartColors[theme]}>
        <button type="button" class="skip" onClick={() => main.current?.focus()}>
          Skip to the content
        </button>
        <header class="top">
          <a class="brand" href={toHash(report === undefined ? ['runs'] : [])}>
            <svg viewBox="0 0 32 32" width="22" height="22" aria-hidden="true">
              <circle cx="16" cy="16" r="10" fill="none" stroke="currentColor" stroke-width="6" />
            </svg>
            Fairlead
          </a>
          {report === undefined ? (
            <nav aria-label="Main">
              <a href={toHash(['runs'])} aria-current={path[0] !== 'models' ? 'page' : undefined}>
                Runs
              </a>
              <a href={toHash(['models'])} aria-current={path[0] === 'models' ? 'page' : undefined}>
                Models
              </a>
            </nav>
          ) : (
            <span class="report-title">{report.title}</span>
          )}
          <button
            type="button"
            class="quiet"
            aria-label={`Colours: ${themeNames[choice]}. Change to ${themeNames[nextTheme[choice]]}`}
            onClick={() => choose(nextTheme[choice])}
          >
            <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
              <circle cx="8" cy="8" r="6.25" fill="none" stroke="currentColor" stroke-width="1.5" />
              <path d="M8 1.75a6.25 6.25 0 0 1 0 12.5z" fill="currentColor" />
            </svg>
            {themeNames[choice]}
          </button>
        </header>
        <main ref={main} tabIndex={-1}>
          <Place path={path} query={query} report={report?.ids} />
        </main>
      </ColorsContext.Provider>
    </SourceContext.Provider>
  );
}

function Place({
  path: [head, name],
  query,
  report,
}: {
  path: readonly string[];
  query: URLSearchParams;
  report: readonly string[] | undefined;
}) {
  if (head === 'run' && name !== undefined) return <RunPage key={name} id={name} />;
  if (report !== undefined) {
    const [only, ...rest] = report;
    return only !== undefined && rest.length === 0 ? <RunPage id={only} /> : <ComparePage ids={report} />;
  }
  if (head === undefined || head === 'runs') return <RunsPage query={query} />;
  if (head === 'compare') return <ComparePage ids={query.getAll('run')} />;
  if (head === 'models' && name !== undefined) return <ModelPage key={name} name={name} />;
  if (head === 'models') return <ModelsPage />;
  return (
    <Empty title="There is nothing here">
      <p>
        <a href={toHash(['runs'])}>Go to the runs</a>
      </p>
    </Empty>
  );
}
