const markupOf = Symbol('markup');

/** Text that is HTML already. */
export interface Markup {
  readonly [markupOf]: string;
}

/** What may stand in a template: text is escaped, markup is not, lists are joined, and nothing is nothing. */
export type Part = string | number | Markup | null | undefined | false | readonly Part[];

/** Marks text of our own making as HTML. */
export function raw(text: string): Markup {
  return { [markupOf]: text };
}

/** A template whose values are escaped, so that no name can become markup. They may stand in text and in quoted attributes. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  let text = strings[0] as string;
  parts.forEach((part, index) => {
    text += textOf(part) + strings[index + 1];
  });
  return raw(text);
}

/** The HTML of a part. */
export function textOf(part: Part): string {
  if (part === null || part === undefined || part === false) return '';
  if (typeof part === 'string') return escapeText(part);
  if (typeof part === 'number') return escapeText(String(part));
  return markupOf in part ? part[markupOf] : part.map(textOf).join('');
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
};

/** Control characters, halves of a surrogate pair, and characters that turn the direction of text: shown as a replacement. */
const unprintable = /[\p{Cc}\p{Cs}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

function escapeText(text: string): string {
  return text
    .replace(/[\t\n\r]+/g, ' ')
    .replace(unprintable, '\ufffd')
    .replace(/[&<>"'`]/g, (character) => entities[character] as string);
}

/** Cuts a text in its middle, where names differ least. */
export function shorten(text: string, most = 64): string {
  if (text.length <= most) return text;
  const tail = Math.floor(most / 3);
  return `${text.slice(0, most - tail - 1)}…${text.slice(-tail)}`;
}
