const [backslash, first] = [0x5c, 0x70];
const word = new TextEncoder().encode('priority');

/**
 * Whether the JSON of a message may have a parameter `priority`, told without parsing it. Never no where it has one: a name can be
 * written otherwise only by escapes, and where there is one, the answer is yes.
 */
export function mayNamePriority(json: Uint8Array): boolean {
  if (json.includes(backslash)) return true;
  for (let at = json.indexOf(first); at !== -1; at = json.indexOf(first, at + 1)) if (isWordAt(json, at)) return true;
  return false;
}

function isWordAt(json: Uint8Array, at: number): boolean {
  for (let index = 0; index < word.length; index++) if (json[at + index] !== word[index]) return false;
  return true;
}
