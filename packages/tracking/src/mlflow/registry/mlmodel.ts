/*
 * The little of an `MLmodel` file that is needed: which file the ONNX flavour names. The file is YAML as MLflow writes it, of
 * nested mappings in block style; what is not so is let be.
 */

function unquoted(value: string): string {
  const match = /^'(.*)'$|^"(.*)"$/.exec(value);
  return match === null ? value : (match[1] ?? match[2] ?? '').replaceAll("''", "'");
}

/** The value at a path of keys in a text of nested mappings; `undefined` when there is none. */
function valueAt(text: string, path: readonly string[]): string | undefined {
  const open: { readonly indent: number; readonly key: string }[] = [];
  for (const line of text.split(/\r?\n/)) {
    const match = /^( *)([\w.-]+): *(.*?) *$/.exec(line);
    if (match === null) continue;
    const [, spaces = '', key = '', value = ''] = match;
    while ((open.at(-1)?.indent ?? -1) >= spaces.length) open.pop();
    open.push({ indent: spaces.length, key });
    if (open.length === path.length && value !== '' && open.every((part, at) => part.key === path[at])) {
      return unquoted(value);
    }
  }
  return undefined;
}

/** The path of the ONNX file below the folder of a model, as its `MLmodel` file says. */
export function onnxPathOf(mlmodel: string): string | undefined {
  const path = valueAt(mlmodel, ['flavors', 'onnx', 'data']);
  return path === undefined || path === 'null' || path.split('/').includes('..') ? undefined : path;
}
