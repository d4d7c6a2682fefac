import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mlp } from '../lib/onnx/model';
import type { Result, Suite } from '../lib/suite';
import { measureCeiling } from '../serving/ceiling';
import { startDriver } from '../serving/children';
import { measureGrpc } from '../serving/grpc';
import { type Arrivals, measureOverload, overloads } from '../serving/overload';
import { chosenPeers, type Peer, type PeerSettings } from '../serving/peers';
import { binaryBody, jsonBody } from '../serving/requests';
import { servingSettings } from '../serving/settings';
import { measureModel, type ServedModel } from '../serving/throughput';
import { prepareWrk } from '../serving/wrk';

/** Our server over HTTP beside others that serve the same model: one load, one machine, one run. */
export default {
  name: 'serving',
  describe: 'Requests a second over HTTP and gRPC, beside MLServer, BentoML, LitServe, Ray Serve and a bare Fastify.',
  async run(context) {
    const { note } = context;
    const settings = servingSettings(context);
    const peers = chosenPeers(note);
    const folder = await mkdtemp(join(tmpdir(), 'fairlead-bench-'));
    const driver = await startDriver(await prepareWrk(note));
    const measuring = { driver, settings, note };
    try {
      const models = await writeModels(folder);
      const tuned = new Map<Peer, PeerSettings>();
      const results: Result[] = await measureCeiling(measuring);
      for (const model of models) results.push(...(await measureModel(model, peers, tuned, measuring)));
      const [small, large] = models;
      results.push(...(await measureGrpc(small, measuring)));
      const requests: readonly [ServedModel, Omit<Arrivals, 'overload'>][] = [
        [large, { label: 'JSON', toBody: jsonBody }],
        [small, { label: 'JSON', toBody: jsonBody }],
        [small, { label: 'binary', toBody: binaryBody }],
      ];
      for (const [model, sent] of requests)
        for (const overload of overloads)
          results.push(...(await measureOverload(model, { ...sent, overload }, measuring)));
      return results;
    } finally {
      await driver.stop();
      await rm(folder, { recursive: true, force: true });
    }
  },
} satisfies Suite;

async function writeModels(folder: string): Promise<readonly [ServedModel, ServedModel]> {
  const write = async (sizes: readonly number[], goals: ServedModel['goals']): Promise<ServedModel> => {
    const path = join(folder, `${sizes.join('-')}.onnx`);
    await writeFile(path, mlp(sizes));
    return { title: `MLP ${sizes.join('-')}`, path, elements: sizes[0] as number, goals };
  };
  return [
    await write([784, 512, 512, 10], { jsonOfEmpty: '>= 0.85', binaryOfBare: '>= 3', peers: true }),
    await write([784, 2048, 2048, 10], { jsonOfBare: '>= 3', peers: false }),
  ];
}
