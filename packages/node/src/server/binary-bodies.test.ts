import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { createRunner, type ModelRunner, type Tensor, type Tensors } from '@fairlead/core';
import { createService } from '@fairlead/core/serving';
import { createMockBackend, mockModel } from '@fairlead/core/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { toNodeListener } from './adapters';
import { serve } from './serve';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** Doubles rows of two, and keeps the inputs of each request, as a monitor may keep them. */
async function openRunner(): Promise<{ runner: ModelRunner; kept: Tensors[] }> {
  const inner = await createRunner({ model: mockModel(), backend: createMockBackend() });
  const kept: Tensors[] = [];
  const run: ModelRunner['run'] = (inputs, options) => {
    kept.push(inputs as Tensors);
    return inner.run(inputs, options);
  };
  closing.push(() => inner.close());
  return { runner: { ...inner, run }, kept };
}

function bodyOf(id: string, rows: readonly number[]): { head: string; binary: Buffer } {
  const binary = Buffer.from(Float32Array.from(rows).buffer);
  const x = {
    name: 'x',
    shape: [rows.length / 2, 2],
    datatype: 'FP32',
    parameters: { binary_data_size: binary.byteLength },
  };
  return { head: JSON.stringify({ id, inputs: [x], parameters: { binary_data_output: true } }), binary };
}

/** Sends one body behind the other on a connection, each in pieces of so many bytes, and gives the outputs of the answers. */
function ask(port: number, bodies: readonly ReturnType<typeof bodyOf>[], pieceBytes: number): Promise<number[][]> {
  return new Promise((resolve, reject) => {
    const outputs: number[][] = [];
    let came = Buffer.alloc(0);
    const socket: Socket = connect({ port, host: '127.0.0.1', noDelay: true }).on('error', reject);
    closing.push(() => socket.destroy());
    const send = (): void => {
      const { head, binary } = bodies[outputs.length] as ReturnType<typeof bodyOf>;
      const body = Buffer.concat([Buffer.from(head), binary]);
      const headers = `host: x\r\ninference-header-content-length: ${head.length}\r\ncontent-length: ${body.length}`;
      socket.write(`POST /v2/models/mock/infer HTTP/1.1\r\n${headers}\r\n\r\n`);
      for (let at = 0; at < body.length; at += pieceBytes) socket.write(body.subarray(at, at + pieceBytes));
    };
    socket.on('data', (chunk) => {
      came = Buffer.concat([came, chunk]);
      const end = came.indexOf('\r\n\r\n');
      if (end === -1) return;
      const answer = came.subarray(0, end).toString().toLowerCase();
      const numberOf = (name: string): number => Number(new RegExp(`\r\n${name}: (\\d+)`).exec(answer)?.[1]);
      const [length, jsonLength] = [numberOf('content-length'), numberOf('inference-header-content-length')];
      if (came.length < end + 4 + length) return;
      const floats = came.subarray(end + 4 + jsonLength, end + 4 + length);
      outputs.push([...new Float32Array(new Uint8Array(floats).buffer)]);
      came = came.subarray(end + 4 + length);
      if (outputs.length === bodies.length) resolve(outputs);
      else send();
    });
    send();
  });
}

const bodies = Array.from({ length: 24 }, (_, index) => {
  const rows = Array.from({ length: 2 * (1 + (index % 3)) }, (_, place) => index * 10 + place);
  // Of every length, so that the elements begin anywhere.
  return { rows, ...bodyOf('n'.repeat((index >> 2) % 5), rows) };
});

describe('binary bodies', () => {
  it.each([1_000_000, 50, 7])(
    'whose JSON came before are read in their place, in pieces of %i bytes',
    async (pieceBytes) => {
      const { runner, kept } = await openRunner();
      const server = await serve({ mock: runner }, { port: 0, handleSignals: false });
      closing.push(() => server.close());
      const twice = [...bodies, ...bodies];
      const answers = await Promise.all([ask(server.port, twice, pieceBytes), ask(server.port, twice, pieceBytes)]);
      for (const outputs of answers) expect(outputs).toEqual(twice.map(({ rows }) => rows.map((value) => value * 2)));
      const byFirst = (a: readonly number[], b: readonly number[]): number => (a[0] ?? 0) - (b[0] ?? 0);
      const sent = [...twice, ...twice].map(({ rows }) => rows).sort(byFirst);
      expect(kept.map(({ x }) => [...((x as Tensor).data as Float32Array)]).sort(byFirst)).toEqual(sent);
    },
  );

  it('that a parser before the service has read are left as they are', async () => {
    const { runner } = await openRunner();
    const listener = toNodeListener(createService({ mock: runner }));
    const left: string[] = [];
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const body = Buffer.concat(chunks);
        const before = body.toString('hex');
        Object.assign(request, { body });
        response.on('close', () => void (body.toString('hex') === before && left.push(before)));
        listener(request, response);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closing.push(() => new Promise((resolve) => server.close(resolve)));
    const { port } = server.address() as AddressInfo;
    const twice = [...bodies, ...bodies];
    expect(await ask(port, twice, 1_000_000)).toEqual(twice.map(({ rows }) => rows.map((value) => value * 2)));
    expect(left).toHaveLength(twice.length);
  });
});
