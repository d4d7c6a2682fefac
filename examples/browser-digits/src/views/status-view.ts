import { FairleadError } from '@fairlead/core';
import { element } from '../elements';
import { kilobytes } from './words';

/** The line that says how the model is. */
export interface StatusView {
  busy(what: string): void;
  /** @param total undefined where the server does not tell */
  progress(bytes: number, total: number | undefined): void;
  ready(what: string): void;
  /** Says what went wrong, and offers to try again. */
  failed(error: unknown): void;
}

/** Makes the line. */
export function createStatusView(retry: () => void): StatusView {
  const status = element('status', HTMLElement);
  const text = element('status-text', HTMLElement);
  const bar = element('status-progress', HTMLProgressElement);
  const button = element('status-retry', HTMLButtonElement);
  button.addEventListener('click', retry);
  const show = (state: 'busy' | 'ready' | 'failed', what: string): void => {
    status.dataset.state = state;
    text.textContent = what;
    bar.hidden = true;
    button.hidden = state !== 'failed';
  };
  return {
    busy: (what) => show('busy', what),
    progress(bytes, total) {
      show('busy', `Fetching the model: ${kilobytes(bytes)}${total === undefined ? '' : ` of ${kilobytes(total)}`}`);
      bar.hidden = false;
      if (total === undefined) bar.removeAttribute('value');
      else bar.value = bytes / total;
    },
    ready: (what) => show('ready', what),
    failed(error) {
      show('failed', FairleadError.isInstance(error) || error instanceof Error ? error.message : String(error));
    },
  };
}
