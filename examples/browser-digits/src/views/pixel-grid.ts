import { pixelCount } from '../downsample';
import { make } from '../elements';

/** A grid of 8 × 8 squares. */
export interface PixelGrid {
  /**
   * @param amounts by pixel: how strong its colour is, −1 to 1; below 0 the colour of less
   * @param marked pixels that get an outline
   * @param description what a person reads who does not see it
   */
  show(amounts: ArrayLike<number>, description: string, marked?: (pixel: number) => boolean): void;
}

/** Fills an element with squares. */
export function createPixelGrid(host: HTMLElement): PixelGrid {
  const squares = Array.from({ length: pixelCount }, () => make('span', 'pixel'));
  host.append(...squares);
  return {
    show(amounts, description, marked = () => false) {
      host.setAttribute('aria-label', description);
      squares.forEach((square, index) => {
        const amount = amounts[index] ?? 0;
        square.style.setProperty('--amount', `${Math.round(Math.abs(amount) * 100)}%`);
        square.classList.toggle('less', amount < 0);
        square.classList.toggle('marked', marked(index));
      });
    },
  };
}
