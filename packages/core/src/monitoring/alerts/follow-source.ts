import type { Clock } from '../../clock';
import type { AlertSeverity } from './alert';
import type { Episode } from './episodes';
import type { NamedSource } from './router-options';
import { type EpisodeEvents, episodeOf, kindOfState, recordOf } from './source';

/** What following a source does to the router. */
export interface SourceFollower {
  begin(episode: Episode): void;
  end(key: string, endedAtMs: number): void;
  /** Whether warnings are followed too. */
  readonly warnings: boolean;
}

const quietStates: ReadonlySet<string> = new Set(['ok', 'warning']);
/** The alarm state whose episodes the monitor names itself. */
const namedState = 'drift';

/**
 * Makes episodes of what a monitor tells. A monitor that names its episodes is believed; of any other, an episode lasts as
 * long as its state is neither `ok` nor `warning`.
 *
 * @returns ends the following
 */
export function followSource(source: NamedSource, clock: Clock, follower: SourceFollower): () => void {
  let warning: string | undefined;
  let alarm: string | undefined;
  let count = 0;
  const keyOf = (id: string): string => `${source.name}/${id}`;

  const begin = (id: string, kind: string, severity: AlertSeverity, startedAtMs: number, firstReport: unknown): void =>
    follower.begin({
      key: keyOf(id),
      id,
      source,
      kind: source.kind ?? kind,
      severity,
      startedAtMs,
      firstReport,
      endedAtMs: null,
      deliveries: 0,
      known: undefined,
    });

  /** Begins an episode that the monitor did not name. */
  const beginOwn = (kind: string, severity: AlertSeverity): string => {
    const now = clock.epochMs();
    const id = `${source.name}-${severity}-${now.toString(36)}-${++count}`;
    begin(id, kind, severity, now, undefined);
    return keyOf(id);
  };

  const endOwn = (key: string | undefined): undefined => {
    if (key !== undefined) follower.end(key, clock.epochMs());
    return undefined;
  };

  const stops = [
    source.monitor.events.on('state-change', ({ to }) => {
      if (to !== 'warning') warning = endOwn(warning);
      else if (follower.warnings) warning ??= beginOwn(source.kind ?? 'drift', 'warning');
      if (quietStates.has(to)) alarm = endOwn(alarm);
      else if (to !== namedState) alarm ??= beginOwn(kindOfState(to), 'critical');
    }),
    (source.monitor.events as unknown as EpisodeEvents).on('drift-start', (event) => {
      const episode = episodeOf(event);
      if (episode === undefined) return;
      begin(episode.id, 'drift', 'critical', episode.startedAtMs ?? clock.epochMs(), recordOf(event).report);
    }),
    (source.monitor.events as unknown as EpisodeEvents).on('drift-end', (event) => {
      const episode = episodeOf(event);
      if (episode !== undefined) follower.end(keyOf(episode.id), clock.epochMs());
    }),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}
