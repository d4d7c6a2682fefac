import { sha256Hex } from '@fairlead/core';
import { platformFiles } from '#files';
import type { ArtifactSource } from '../store/artifact-store';
import { type Bench, bytesOf, gatherPieces, type StoreCase, textOf } from './bench';
import { expectCode, expectEqual, expectFields, expectSameElements, expectThat } from './expectations';

/* Bytes: those that runs log, and those that a store keeps by their digest alone. */

async function readAnew(bench: Bench, id: string) {
  return (await bench.tracker()).getRun(id);
}

/** Bytes without a pattern that a short digest or a cut piece would hide. */
function noise(size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let state = size + 1;
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

async function* piecesOf(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
}

async function expectBytes(what: string, given: Uint8Array, expected: Uint8Array): Promise<void> {
  expectEqual(`the size of ${what}`, given.byteLength, expected.byteLength);
  expectEqual(`the SHA-256 of ${what}`, await sha256Hex(given), await sha256Hex(expected));
}

/** A file in the place's folder, or its bytes as a stream where there are no files. */
async function fileOf({ folder }: Bench, name: string, bytes: Uint8Array): Promise<ArtifactSource> {
  if (folder === undefined) return piecesOf(bytes, 1000);
  const path = platformFiles.join(folder, name);
  await platformFiles.claim(path, bytes);
  return path;
}

export const artifactCases: readonly StoreCase[] = [
  [
    'bytes, streams and files come back as they were, with size and SHA-256; empty ones, and 5 MB, too',
    async (bench) => {
      const tracker = await bench.tracker();
      const run = await tracker.startRun({ experiment: bench.experiment });
      const large = noise(5_000_000);
      const sources: [name: string, source: ArtifactSource, bytes: Uint8Array][] = [
        ['model/digits.onnx', noise(1000), noise(1000)],
        ['empty.bin', new Uint8Array(), new Uint8Array()],
        ['empty stream', piecesOf(new Uint8Array(), 1), new Uint8Array()],
        ['large/stream.bin', piecesOf(large, 300_001), large],
        ['file.bin', await fileOf(bench, 'file.bin', noise(70_000)), noise(70_000)],
        ['a b/c+d %20 ü 語 😀/#?&=.txt', bytesOf('odd name'), bytesOf('odd name')],
      ];
      for (const [name, source, bytes] of sources) {
        const blob = await run.logArtifact(name, source);
        expectEqual(`what logging ${name} answers`, blob, { digest: await sha256Hex(bytes), size: bytes.byteLength });
      }
      await run.complete();
      const record = await readAnew(bench, run.id);
      expectSameElements(
        'the artifacts',
        record.artifacts.map(({ name }) => name),
        sources.map(([name]) => name),
      );
      for (const [name, , bytes] of sources) {
        const artifact = record.artifact(name);
        expectFields(`the artifact ${name}`, artifact, { digest: await sha256Hex(bytes), size: bytes.byteLength });
        await expectBytes(name, await artifact.read(), bytes);
        await expectBytes(`${name} in pieces`, await gatherPieces(artifact.stream()), bytes);
      }
      await expectCode('an artifact that is not there', 'NOT_FOUND', async () => record.artifact('nothing'));
    },
  ],
  [
    'a later artifact of one name replaces the earlier, and one content may have two names',
    async (bench) => {
      const tracker = await bench.tracker();
      const run = await tracker.startRun({ experiment: bench.experiment });
      await run.logArtifact('model.bin', noise(5000));
      const { loggedAt: before } = (await readAnew(bench, await flushed(run))).artifact('model.bin');
      await bench.tick();
      await run.logArtifact('model.bin', noise(300));
      await run.logArtifact('copy.bin', noise(300));
      await run.complete();
      const record = await readAnew(bench, run.id);
      expectSameElements(
        'the artifacts',
        record.artifacts.map(({ name, size }) => [name, size]),
        [
          ['model.bin', 300],
          ['copy.bin', 300],
        ],
      );
      for (const name of ['model.bin', 'copy.bin'])
        await expectBytes(name, await record.artifact(name).read(), noise(300));
      const { loggedAt } = record.artifact('model.bin');
      expectThat(loggedAt > before, `the later one was logged later than ${before}, not at ${loggedAt}`);
    },
  ],
  [
    'an artifact is read from an offset on, up to its end and not past it',
    async (bench) => {
      const tracker = await bench.tracker();
      const run = await tracker.startRun({ experiment: bench.experiment });
      const bytes = noise(100_000);
      await run.logArtifact('a.bin', bytes);
      await run.complete();
      const artifact = (await readAnew(bench, run.id)).artifact('a.bin');
      for (const offset of [0, 1, 65_537, 99_999, 100_000]) {
        await expectBytes(
          `what follows ${offset}`,
          await gatherPieces(artifact.stream({ offset })),
          bytes.slice(offset),
        );
      }
      for (const offset of [100_001, -1, 1.5]) {
        await expectCode(`the offset ${offset}`, 'INVALID_ARGUMENT', () => gatherPieces(artifact.stream({ offset })));
      }
    },
  ],
  [
    'bytes that are not those they should be are told, never answered',
    async (bench) => {
      const tracker = await bench.tracker();
      const store = await bench.store();
      const run = await tracker.startRun({ experiment: bench.experiment });
      const { digest, size } = await run.logArtifact('a.bin', noise(4000));
      const place = { run: run.id, name: 'a.bin' };
      await run.complete();
      const { artifacts } = store;
      await expectBytes('the artifact', await artifacts.read({ digest, size, place }), noise(4000));
      await expectCode('another size', 'DIGEST_MISMATCH', () => artifacts.read({ digest, size: size + 1, place }));
      const other = '0'.repeat(64);
      for (const read of [
        () => artifacts.read({ digest: other, place }),
        () => gatherPieces(artifacts.stream({ digest: other, place })),
      ]) {
        const error = await read().then(
          () => undefined,
          (reason: unknown) => reason as { code?: string },
        );
        const code = error?.code;
        expectThat(
          code === 'DIGEST_MISMATCH' || code === 'NOT_FOUND',
          `another digest is refused, not ${String(code ?? 'answered')}`,
        );
      }
      await expectCode('a put of another size', 'DIGEST_MISMATCH', () =>
        artifacts.put(noise(10), { size: 11, place: { run: run.id, name: 'b.bin' } }),
      );
      expectEqual(
        'the artifacts',
        (await readAnew(bench, run.id)).artifacts.map(({ name }) => name),
        ['a.bin'],
      );
    },
  ],
  [
    'what was never kept is not there, and a source that fails keeps nothing',
    async (bench) => {
      const tracker = await bench.tracker();
      const { artifacts } = await bench.store();
      const digest = await sha256Hex(bytesOf(bench.newRunId()));
      expectEqual('what is known of it', await artifacts.stat({ digest }), undefined);
      await expectCode('reading it', 'NOT_FOUND', () => artifacts.read({ digest }));
      await expectCode('streaming it', 'NOT_FOUND', () => gatherPieces(artifacts.stream({ digest })));
      const run = await tracker.startRun({ experiment: bench.experiment });
      const failing = async function* (): AsyncGenerator<Uint8Array> {
        yield noise(1000);
        throw new RangeError('the source failed');
      };
      const error = await run.logArtifact('half.bin', failing()).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expectThat(error instanceof RangeError, `the error of a source is thrown on, not ${String(error)}`);
      if (bench.folder !== undefined) {
        const missing = platformFiles.join(bench.folder, 'missing.bin');
        await expectCode('a path that leads nowhere', 'NOT_FOUND', () => run.logArtifact('a.bin', missing));
      }
      const signal = AbortSignal.abort();
      await expectCode('an upload that was called off', 'ABORTED', () =>
        run.logArtifact('a.bin', noise(9), { signal }),
      );
      await run.complete();
      expectEqual('the artifacts', (await readAnew(bench, run.id)).artifacts, []);
    },
  ],
  [
    'a folder is kept file by file, by the paths in it',
    async (bench) => {
      const tracker = await bench.tracker();
      const run = await tracker.startRun({ experiment: bench.experiment });
      const files = { 'a.txt': 'first', 'deep/er/b ü.txt': 'second', 'deep/empty': '' };
      if (bench.folder === undefined) {
        for (const [name, text] of Object.entries(files)) await run.logArtifact(`out/${name}`, bytesOf(text));
      } else {
        const folder = platformFiles.join(bench.folder, 'outputs');
        await platformFiles.makeFolder(platformFiles.join(folder, 'deep/er'));
        for (const [name, text] of Object.entries(files))
          await platformFiles.claim(platformFiles.join(folder, name), bytesOf(text));
        const logged = await run.logArtifacts(folder, { prefix: 'out' });
        expectEqual('how many files were logged', logged.length, 3);
      }
      await run.complete();
      const record = await readAnew(bench, run.id);
      const texts: Record<string, string> = {};
      for (const { name, read } of record.artifacts) texts[name] = textOf(await read());
      expectEqual(
        'the artifacts',
        texts,
        Object.fromEntries(Object.entries(files).map(([name, text]) => [`out/${name}`, text])),
      );
    },
  ],
  [
    'bytes without a run are found by their digest, by other stores too, and kept once',
    async (bench) => {
      const [mine, theirs] = [await bench.store(), await bench.store()];
      const bytes = noise(20_000 + Number.parseInt(bench.newRunId().slice(0, 3), 16));
      const blob = await mine.artifacts.put(bytes);
      expectEqual('what the store answers', blob, { digest: await sha256Hex(bytes), size: bytes.byteLength });
      expectEqual('a second put', await theirs.artifacts.put(piecesOf(bytes, 999)), blob);
      for (const { artifacts } of [mine, theirs, await bench.store()]) {
        expectEqual('what is known of it', await artifacts.stat({ digest: blob.digest }), blob);
        await expectBytes('the bytes', await artifacts.read(blob), bytes);
        await expectBytes(
          'the bytes from 7 on',
          await gatherPieces(artifacts.stream(blob, { offset: 7 })),
          bytes.slice(7),
        );
      }
      await expectCode('another size', 'DIGEST_MISMATCH', () => mine.artifacts.read({ ...blob, size: 1 }));
    },
  ],
  [
    'uploads at once, of one tracker and of two, do not disturb one another, and say how far they are',
    async (bench) => {
      const [mine, theirs] = [await bench.tracker(), await bench.tracker()];
      const run = await mine.startRun({ experiment: bench.experiment });
      const other = await theirs.startRun({ experiment: bench.experiment });
      const sent = new Map<string, number>();
      mine.events.on('artifact-progress', ({ name, sentBytes }) => void sent.set(name, sentBytes));
      const sizes = [0, 10, 70_000, 70_000, 300_000];
      const upload = (to: typeof run) => sizes.map((size, i) => to.logArtifact(`${i}.bin`, noise(size)));
      await Promise.all([...upload(run), ...upload(other)]);
      await Promise.all([run.complete(), other.complete()]);
      for (const { id } of [run, other]) {
        const record = await readAnew(bench, id);
        for (const [i, size] of sizes.entries())
          await expectBytes(`${i}.bin`, await record.artifact(`${i}.bin`).read(), noise(size));
      }
      expectEqual(
        'the bytes that were said to be sent',
        sizes.map((_, i) => sent.get(`${i}.bin`)),
        sizes,
      );
    },
  ],
];

async function flushed(run: { readonly id: string; flush(): Promise<void> }): Promise<string> {
  await run.flush();
  return run.id;
}
