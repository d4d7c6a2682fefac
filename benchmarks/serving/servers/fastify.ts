import { readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import Fastify, { type FastifyRequest } from 'fastify';
import * as ort from 'onnxruntime-node';
import { inferPath, jsonLengthHeader, modelName } from '../requests';
import type { Ready } from './ours';

interface InferBody {
  readonly inputs: readonly { readonly shape: readonly number[]; readonly data: readonly number[] }[];
}

/**
 * What a team writes that has Fastify and onnxruntime-node: read the body, run the session, answer. The same bodies and the
 * same answers as the other contestants, with no more checks than the parsers make.
 *
 * @param threads `one`, or as many as the runtime takes by itself; the suite takes what is faster
 */
export async function startFastify(modelPath: string, threads: string): Promise<Ready> {
  const options = threads === 'one' ? { intraOpNumThreads: 1 } : {};
  const session = await ort.InferenceSession.create(await readFile(modelPath), options);
  const app = Fastify({ bodyLimit: 32 * 1024 * 1024 });
  const head = { model_name: modelName, model_version: '1' };
  app.addContentTypeParser('application/octet-stream', { parseAs: 'buffer' }, (_request, body, done) =>
    done(null, body),
  );
  app.post(inferPath, async (request, reply) => {
    if (request.headers[jsonLengthHeader] !== undefined) {
      const { shape, data } = readBinary(request);
      const { y } = await session.run({ x: new ort.Tensor('float32', data, shape) });
      const { dims, data: answer } = y as ort.TypedTensor<'float32'>;
      const parameters = { binary_data_size: answer.byteLength };
      const outputs = [{ name: 'y', shape: dims, datatype: 'FP32', parameters }];
      const json = Buffer.from(JSON.stringify({ ...head, outputs }));
      reply.header('content-type', 'application/octet-stream').header(jsonLengthHeader, json.length);
      return Buffer.concat([json, Buffer.from(answer.buffer, answer.byteOffset, answer.byteLength)]);
    }
    const [input] = (request.body as InferBody).inputs;
    if (input === undefined) return reply.code(400).send({ error: 'no input' });
    const { y } = await session.run({ x: new ort.Tensor('float32', Float32Array.from(input.data), input.shape) });
    const { dims, data } = y as ort.TypedTensor<'float32'>;
    return { ...head, outputs: [{ name: 'y', shape: dims, datatype: 'FP32', data: Array.from(data) }] };
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  const said = threads === 'one' ? 'one thread' : 'default threads';
  return { port: (app.server.address() as AddressInfo).port, settings: `session.run for each request, ${said}` };
}

function readBinary(request: FastifyRequest): { readonly shape: readonly number[]; readonly data: Float32Array } {
  const body = request.body as Buffer;
  const length = Number(request.headers[jsonLengthHeader]);
  const { inputs } = JSON.parse(body.toString('utf8', 0, length)) as InferBody;
  const bytes = body.buffer.slice(body.byteOffset + length, body.byteOffset + body.length);
  return { shape: inputs[0]?.shape ?? [], data: new Float32Array(bytes as ArrayBuffer) };
}
