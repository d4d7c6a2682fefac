/** The name under which every contestant serves the model. */
export const modelName = 'mlp';
/** Where the Open Inference Protocol asks it. */
export const inferPath = `/v2/models/${modelName}/infer`;
/** Header that says how many bytes of a body are JSON; the elements follow. */
export const jsonLengthHeader = 'inference-header-content-length';

/** A body in one of the two ways that the protocol knows. */
export interface Body {
  readonly contentType: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly bytes: Buffer;
}

/** Rows of pictures as clients have them: float32 between 0 and 1. The same in every run. */
export function makeRows(count: number, length: number): Float32Array[] {
  let state = 7;
  return Array.from({ length: count }, () =>
    Float32Array.from({ length }, () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state / 2 ** 32;
    }),
  );
}

/** A row as JSON, each number with all the digits that Python's and JavaScript's printers give the double of a float32. */
export function jsonBody(row: Float32Array): Body {
  const inputs = [{ name: 'x', shape: [1, row.length], datatype: 'FP32', data: Array.from(row) }];
  return { contentType: 'application/json', headers: {}, bytes: Buffer.from(JSON.stringify({ inputs })) };
}

/** A row as bytes behind the JSON, and the answer wanted likewise. */
export function binaryBody(row: Float32Array): Body {
  const parameters = { binary_data_size: row.byteLength };
  const inputs = [{ name: 'x', shape: [1, row.length], datatype: 'FP32', parameters }];
  const json = Buffer.from(JSON.stringify({ inputs, parameters: { binary_data_output: true } }));
  const bytes = Buffer.concat([json, Buffer.from(row.buffer, row.byteOffset, row.byteLength)]);
  return { contentType: 'application/octet-stream', headers: { [jsonLengthHeader]: String(json.length) }, bytes };
}

/** A whole request, as it goes over the wire. */
export function encodeRequest(path: string, { contentType, headers, bytes }: Body): Buffer {
  const lines = [
    `POST ${path} HTTP/1.1`,
    'host: 127.0.0.1',
    `content-type: ${contentType}`,
    `content-length: ${bytes.length}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), bytes]);
}
