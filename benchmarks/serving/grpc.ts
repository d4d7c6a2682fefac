import { median } from '../lib/statistics';
import type { Result } from '../lib/suite';
import { startServer } from './children';
import type { GrpcLoadResult } from './grpc-load';
import { makeRows, modelName } from './requests';
import type { Measuring, ServedModel } from './throughput';

const method = '/inference.GRPCInferenceService/ModelInfer';
/** Connections of the client. */
const channels = 4;

/** Our server over gRPC, with elements as bytes, as Triton's client sends them: a figure, beside those over HTTP. */
export async function measureGrpc(
  { title, path, elements }: Pick<ServedModel, 'title' | 'path' | 'elements'>,
  { driver, settings, note }: Measuring,
): Promise<Result[]> {
  const server = await startServer('ours-grpc', path);
  try {
    note(`${title}, ours over gRPC: ${server.settings}; client: grpc-js, at most ${channels} connections`);
    const messages = makeRows(32, elements).map((row) => inferMessage(row).toString('base64'));
    const results: Result[] = [];
    for (const inFlight of settings.connections) {
      const drive = async () => {
        const result = await driver.driveGrpc({
          port: server.port,
          method,
          messages,
          inFlight,
          channels,
          ...settings.length,
        });
        if (result.failed > 0) throw new Error(`Ours over gRPC failed ${result.failed} times: ${result.failure}`);
        return result;
      };
      const rounds: GrpcLoadResult[] = [];
      for (let round = 0; round < settings.rounds; round++) rounds.push(await drive());
      const label = `${title}, ${inFlight} in flight: ours over gRPC, raw contents`;
      const middle = (figure: 'perSecond' | 'p50' | 'p99') => median(rounds.map((each) => each[figure]));
      results.push(
        { name: label, value: middle('perSecond'), unit: 'requests/s' },
        { name: `${label}: p50`, value: middle('p50'), unit: 'ms' },
        { name: `${label}: p99`, value: middle('p99'), unit: 'ms' },
      );
    }
    return results;
  } finally {
    await server.stop();
  }
}

/** A `ModelInferRequest` of one row, written field by field: name of the model 1, inputs 5, raw contents 7. */
export function inferMessage(row: Float32Array): Buffer {
  const shape = Buffer.from([1, ...varint(row.length)]);
  const input = Buffer.concat([field(1, Buffer.from('x')), field(2, Buffer.from('FP32')), field(3, shape)]);
  const elements = Buffer.from(row.buffer, row.byteOffset, row.byteLength);
  return Buffer.concat([field(1, Buffer.from(modelName)), field(5, input), field(7, elements)]);
}

/** A field that says its length. */
function field(id: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([(id << 3) | 2, ...varint(content.length)]), content]);
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}
