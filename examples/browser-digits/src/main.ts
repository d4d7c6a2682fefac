import { samples } from 'virtual:digits';
import { createCounting } from './counting';
import { downsample } from './downsample';
import { element, make } from './elements';
import { type Machine, startMachine } from './machine';
import { keepOffline } from './offline';
import { createPad } from './pad';
import { type Change, createSampleReel } from './samples';
import { createSketch } from './sketch';
import { createDriftView } from './views/drift-view';
import { createFactsView } from './views/facts-view';
import { createReadingView } from './views/reading-view';
import { createStatusView } from './views/status-view';

/** Digits that a button feeds. */
const fedAtOnce = 25;
/** Answers that may be on their way while a pen moves; frames beyond are left out. */
const mostInFlight = 4;

const changes = { none: 'As they are', inverted: 'Inverted', shifted: 'One pixel off' } as const;

const readingView = createReadingView();
const factsView = createFactsView();
const driftView = createDriftView();
const statusView = createStatusView(() => void start());
const reel = createSampleReel(samples);
const undo = element('undo', HTMLButtonElement);
const clear = element('clear', HTMLButtonElement);
const forget = element('forget', HTMLButtonElement);
const feeders = [...document.querySelectorAll<HTMLButtonElement>('[data-feed]')];

let machine: Machine | undefined;
/** A sample that lies on the paper in place of a drawing. */
let picture: Float32Array | undefined;
let isFrameAhead = false;
let lastAsked = 0;
let lastShown = 0;
let inFlight = 0;
let isFinal = false;

const counting = createCounting((pixels) => {
  machine?.count(pixels);
  showDrift();
});

const sketch = createSketch((change) => {
  picture = undefined;
  if (change === 'ink') counting.inked();
  else if (change === 'clear') counting.cleared();
  else counting.lifted(sketch.drawing.length === 0 ? undefined : downsample(sketch.drawing));
  pad.show();
  paperChanged(change !== 'ink');
});

const penState = element('pen-state', HTMLElement);
const pad = createPad(element('paper', SVGSVGElement), sketch, (what) => {
  penState.textContent = what;
});

/** Shows what lies on the paper at the next frame, and asks the model about it. */
function paperChanged(finalNow: boolean): void {
  const isEmpty = sketch.drawing.length === 0 && picture === undefined;
  element('paper-hint', HTMLElement).hidden = !isEmpty;
  undo.disabled = sketch.drawing.length === 0;
  clear.disabled = isEmpty;
  isFinal ||= finalNow;
  readingView.busy(true);
  if (isFrameAhead) return;
  isFrameAhead = true;
  requestAnimationFrame(() => {
    isFrameAhead = false;
    const announce = isFinal;
    isFinal = false;
    void look(announce).finally(() => readingView.busy(inFlight > 0 || isFrameAhead));
  });
}

async function look(announce: boolean): Promise<void> {
  readingView.see(picture ?? downsample(sketch.drawing));
  if (picture === undefined && sketch.drawing.length === 0) {
    lastShown = ++lastAsked; // Answers that are still on their way are about what is gone.
    readingView.show(undefined);
    return;
  }
  if (machine === undefined || (inFlight >= mostInFlight && !announce)) return;
  const number = ++lastAsked;
  inFlight++;
  try {
    const reading = await (picture === undefined ? machine.readDrawing(sketch.drawing) : machine.readPicture(picture));
    factsView.showPace(machine.pace);
    if (number < lastShown) return;
    lastShown = number;
    readingView.show(reading);
    if (announce) readingView.announce(reading);
  } catch (error) {
    statusView.failed(error);
  } finally {
    inFlight--;
  }
}

function showDrift(): void {
  if (machine !== undefined) driftView.show(machine.drift);
}

/** Puts a digit on the paper that somebody else wrote. */
function takeSample(digit: number): void {
  const { pixels } = reel.nextOf(digit);
  sketch.clear();
  picture = pixels;
  pad.showPicture(pixels);
  counting.lifted(pixels);
  paperChanged(true);
}

async function feed(change: Change): Promise<void> {
  if (machine === undefined) return;
  for (const button of feeders) button.disabled = true;
  try {
    const right = await machine.feed(reel.next(fedAtOnce), change);
    element('feed-result', HTMLElement).textContent = `${changes[change]}: ${right} of ${fedAtOnce} read right.`;
    factsView.showPace(machine.pace);
    showDrift();
  } catch (error) {
    statusView.failed(error);
  } finally {
    for (const button of feeders) button.disabled = false;
  }
}

async function start(): Promise<void> {
  statusView.busy('Opening the model…');
  try {
    const kept = await keeping;
    machine ??= await startMachine({
      progress: ({ bytes, total }) => statusView.progress(bytes, total),
      fetched: () => statusView.busy('Starting the runtime…'),
      worker: (state) =>
        state === 'lost' ? statusView.busy('The worker was lost; starting another…') : statusView.ready('Ready again'),
    });
    statusView.ready(kept ? 'Ready, with or without a network' : 'Ready');
    factsView.showModel(machine.model);
    showDrift();
    for (const button of [...feeders, forget]) button.disabled = false;
    paperChanged(true);
  } catch (error) {
    statusView.failed(error);
  }
}

for (let digit = 0; digit < 10; digit++) {
  const chip = make('button', 'chip', String(digit));
  chip.type = 'button';
  chip.setAttribute('aria-label', `A written ${digit}`);
  chip.addEventListener('click', () => takeSample(digit));
  element('chooser', HTMLElement).append(chip);
}
undo.addEventListener('click', () => sketch.undo());
clear.addEventListener('click', () => sketch.clear());
forget.addEventListener('click', () => {
  machine?.forget();
  element('feed-result', HTMLElement).textContent = '';
  showDrift();
});
for (const button of feeders) {
  button.addEventListener('click', () => void feed(button.dataset.feed as Change));
}
readingView.see(new Float32Array());
const keeping = keepOffline();
void start();
