/*
 * Markdown around texts that anybody may have chosen: names, tags, descriptions. Such a text shows as it is, and makes
 * no heading, link, image, table cell or HTML.
 */

/** Everything of ASCII that can begin something in Markdown, wherever it stands. */
const special = /[\\`*_{}[\]<>|#~!&@^$]/g;

/** One line of plain text. */
export function plain(text: string): string {
  return (
    text
      .replace(/[\s\p{Cc}]+/gu, ' ')
      // What turns the direction of writing would let a text show as another one.
      .replace(/[\u202a-\u202e\u2066-\u2069]/gu, '')
      .trim()
      .replace(special, (character) => (character === '<' ? '&lt;' : character === '>' ? '&gt;' : `\\${character}`))
      .replace(/:(?=\/\/)|\.(?=\S)(?<=www\.)/gi, (character) => `\\${character}`)
      .replace(/^(\d+)([.)])(?=\s|$)/, '$1\\$2')
      .replace(/^[-+=:]/, '\\$&')
  );
}

/** Paragraphs of plain text, divided where the text has empty lines. */
export function paragraphs(text: string): string {
  return text
    .split(/\r?\n[ \t]*\r?\n/)
    .map(plain)
    .filter((paragraph) => paragraph !== '')
    .join('\n\n');
}

/** A table; its cells are plain text. Empty without rows. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '';
  const line = (cells: readonly string[]): string => `| ${cells.map(plain).join(' | ')} |`;
  return [line(head), `|${head.map(() => '---|').join('')}`, ...rows.map(line)].join('\n');
}

/** A section with a heading; empty without content. */
export function section(heading: string, ...blocks: readonly string[]): string {
  const content = blocks.filter((block) => block !== '');
  return content.length === 0 ? '' : [`## ${plain(heading)}`, ...content].join('\n\n');
}
