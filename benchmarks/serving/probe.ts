import { inferPath, jsonBody } from './requests';

/** How far apart two runtimes may compute one output. */
const tolerance = 1e-4;

/** The outputs that a server answers to a row as JSON; undefined while it does not answer. */
export async function askOnce(port: number, row: Float32Array): Promise<readonly number[] | undefined> {
  const { bytes, contentType } = jsonBody(row);
  let response: Response;
  try {
    response = await fetch(`http://127.0.0.1:${port}${inferPath}`, {
      method: 'POST',
      headers: { 'content-type': contentType },
      body: new Uint8Array(bytes),
    });
  } catch {
    return undefined;
  }
  const text = await response.text();
  if (!response.ok) return undefined;
  // BentoML answers the array of outputs without an object around it.
  const message = JSON.parse(text) as Outputs | { readonly outputs: Outputs };
  return ('outputs' in message ? message.outputs : message)[0]?.data;
}

type Outputs = readonly { readonly data: readonly number[] }[];

/** @throws Error when a server computes something else: its speed would be worth nothing */
export function checkSame(title: string, given: readonly number[] | undefined, expected: readonly number[]): void {
  const isSame =
    given?.length === expected.length &&
    expected.every((value, index) => Math.abs(value - (given[index] as number)) <= tolerance);
  if (!isSame) throw new Error(`${title} answers ${JSON.stringify(given)}; expected ${JSON.stringify(expected)}.`);
}
