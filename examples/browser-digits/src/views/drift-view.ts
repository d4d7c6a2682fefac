import type { DriftSummary, GroupDrift } from '../drift';
import { element, make } from '../elements';
import { createPixelGrid } from './pixel-grid';
import { count, counted } from './words';

/** Shows how far what comes in is from the training rows. */
export interface DriftView {
  show(summary: DriftSummary): void;
}

const badges = { ok: 'ok', warning: 'warning', drift: 'drifting' } as const;
/** A pixel that has this much more or less ink than in training is shown in full colour. */
const fullDifference = 0.5;
/** A group this far away fills its bar. */
const fullDistance = 0.5;

/** The panel with state, evidence, heat map and groups. */
export function createDriftView(): DriftView {
  const text = (id: string) => element(id, HTMLElement);
  const badge = text('drift-state');
  const meter = element('evidence', HTMLMeterElement);
  const bar = text('evidence-bar');
  const map = createPixelGrid(text('map'));
  const groups = text('groups');

  return {
    show(summary) {
      const { state, rowsSeen, windowRows, trainingRows, evidence, warningAt, pixels } = summary;
      const shown = rowsSeen === 0 ? 'empty' : state;
      const word = shown === 'empty' ? 'no digits yet' : badges[shown];
      // A live region that is given the same text again may say it again.
      if (badge.textContent !== word) badge.textContent = word;
      badge.dataset.state = shown;
      const filled = state === 'drift' ? 1 : evidence;
      bar.dataset.state = shown;
      meter.value = filled * 100;
      meter.textContent = `${Math.round(filled * 100)} % of an alarm`;
      bar.style.setProperty('--filled', String(filled));
      bar.style.setProperty('--warning', String(warningAt));
      text('drift-intro').textContent =
        `Is what comes in still like the ${count(trainingRows)} digits that the model was trained on?`;
      text('drift-sentence').textContent = sentenceFor(summary);
      text('rows-seen').textContent = count(rowsSeen);
      text('window-rows').textContent = windowRows === 0 ? '0' : `last ${count(windowRows)}`;
      const moved = pixels.filter((pixel) => pixel.moved);
      text('moved').textContent = `${moved.length} of ${pixels.length}`;
      map.show(
        pixels.map(({ difference }) => Math.max(-1, Math.min(1, difference / fullDifference))),
        windowRows === 0
          ? 'No digits yet'
          : `Difference from the training digits, pixel by pixel. ${counted(moved.length, 'pixel')} moved.`,
        (pixel) => pixels[pixel]?.moved === true,
      );
      groups.replaceChildren(...summary.groups.map((group) => groupItem(group, windowRows > 0)));
      text('movers').textContent = moversOf(summary);
    },
  };
}

function sentenceFor({ state, rowsSeen, windowRows, alarmAtRow }: DriftSummary): string {
  if (rowsSeen === 0) return 'Draw, or feed written digits.';
  if (state === 'drift')
    return `These are not like the training digits. The alarm came at digit ${count(alarmAtRow ?? 0)}.`;
  if (state === 'warning') return 'Something may have changed; it is not sure yet.';
  return windowRows === 0 ? 'The first comparison comes with the fifth digit.' : 'In line with the training digits.';
}

function groupItem({ name, score, moved, pixels }: GroupDrift, compared: boolean): HTMLLIElement {
  const note =
    moved > 0
      ? `${moved} of ${pixels} pixels moved`
      : compared
        ? 'no more than chance explains'
        : 'nothing to compare yet';
  const track = make('span', 'track');
  const item = make(
    'li',
    moved > 0 ? 'group moved' : 'group',
    make('span', 'name', name),
    make('span', 'score', compared ? score.toFixed(2) : '–'),
    track,
    make('span', 'note', note),
  );
  item.style.setProperty('--share', String(Math.min(1, score / fullDistance)));
  return item;
}

/** The three pixels that moved most. */
function moversOf({ pixels }: DriftSummary): string {
  const movers = pixels
    .filter(({ moved }) => moved)
    .sort((left, right) => right.distance - left.distance)
    .slice(0, 3);
  if (movers.length === 0) return '';
  const places = movers.map(
    ({ row, column, difference }) => `row ${row}, column ${column} (${difference < 0 ? 'less' : 'more'} ink)`,
  );
  return `Moved most: ${places.join('; ')}.`;
}
