import { html, type Markup } from './markup';

/** A state of any monitor. */
export type AnyState = 'ok' | 'warning' | 'drift' | 'failed';

const kinds: Readonly<Record<AnyState, string>> = { ok: 'good', warning: 'warn', drift: 'bad', failed: 'bad' };
const words: Readonly<Record<AnyState, string>> = { ok: 'OK', warning: 'Warning', drift: 'Drift', failed: 'Failed' };

/**
 * A state as a word on its colour.
 * @param text what it says, @default the state
 */
export function pill(state: AnyState, text = words[state]): Markup {
  return html`<span class="pill ${kinds[state]}">${text}</span>`;
}
