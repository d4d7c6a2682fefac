import { darkest } from '../downsample';
import { element, make } from '../elements';
import type { Reading } from '../reader';
import { createPixelGrid } from './pixel-grid';
import { percent } from './words';

/** Shows what the model reads. */
export interface ReadingView {
  /** Says whether answers are on their way: what is shown is then about to change. */
  busy(isBusy: boolean): void;
  /** Shows the pixels that the model sees. */
  see(pixels: Float32Array): void;
  /** Shows an answer; `undefined` takes it away. */
  show(reading: Reading | undefined): void;
  /** Says an answer aloud to who does not see it. */
  announce(reading: Reading): void;
}

/** The card with the digit, its probabilities, and the 8 × 8 pixels. */
export function createReadingView(): ReadingView {
  const digit = element('digit', HTMLElement);
  const confidence = element('confidence', HTMLElement);
  const announcement = element('announcement', HTMLElement);
  const grid = createPixelGrid(element('seen', HTMLElement));
  const bars = Array.from({ length: 10 }, (_, name) => {
    const share = make('span', 'share', '0 %');
    const item = make('li', 'bar', make('span', 'name', String(name)), make('span', 'track'), share);
    return { item, share };
  });
  element('bars', HTMLElement).append(...bars.map(({ item }) => item));
  const nothing = new Array<number>(10).fill(0);

  const card = element('reading', HTMLElement);

  return {
    busy: (isBusy) => card.setAttribute('aria-busy', String(isBusy)),
    see(pixels) {
      const inked = pixels.filter((value) => value > 0).length;
      const description =
        inked === 0 ? 'What the model sees: nothing yet' : `What the model sees: ink in ${inked} of 64 pixels`;
      grid.show(
        Array.from(pixels, (value) => value / darkest),
        description,
      );
    },
    show(reading) {
      const probabilities = reading?.probabilities ?? nothing;
      digit.textContent = reading === undefined ? '–' : String(reading.digit);
      digit.dataset.empty = String(reading === undefined);
      confidence.textContent = reading === undefined ? 'nothing yet' : `${percent(sureness(reading))} sure`;
      bars.forEach(({ item, share }, name) => {
        const probability = probabilities[name] as number;
        item.style.setProperty('--share', String(probability));
        item.classList.toggle('best', name === reading?.digit);
        share.textContent = percent(probability);
      });
      if (reading === undefined) announcement.textContent = '';
    },
    announce(reading) {
      announcement.textContent = `Reads a ${reading.digit}, ${percent(sureness(reading))} sure.`;
    },
  };
}

function sureness({ digit, probabilities }: Reading): number {
  return probabilities[digit] as number;
}
