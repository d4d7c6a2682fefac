import { expect, test } from 'vitest';
import { createDockerfile, type DockerfileOptions } from './create-dockerfile';

test('packages are a stage of their own, and what runs is no root', () => {
  expect(createDockerfile()).toBe(`FROM node:22-bookworm-slim AS packages
WORKDIR /app
COPY package.json package-lock.json ./
# Without scripts: that of onnxruntime-node would fetch the libraries of CUDA.
RUN npm ci --omit=dev --ignore-scripts

FROM node:22-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=packages /app/node_modules ./node_modules
COPY package.json ./
COPY models ./models
COPY server.js ./server.js
# No account of the machine, by number, so that Kubernetes can tell that it is not root.
USER 65532:65532
EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "server.js"]
`);
});

test('an archive is a base without a registry', () => {
  const text = createDockerfile({
    base: { archive: 'root.tar' },
    entry: 'src/main.mjs',
    files: ['digits.onnx'],
    port: 9000,
  });
  expect(text).toContain('FROM scratch\nADD root.tar /\n');
  expect(text).toContain('COPY node_modules ./node_modules\n');
  expect(text).toContain('COPY digits.onnx ./digits.onnx\nCOPY src/main.mjs ./src/main.mjs\n');
  expect(text).toContain('EXPOSE 9000\n');
  expect(text).toContain('ENTRYPOINT ["node", "src/main.mjs"]\n');
  expect(text).not.toContain('npm');
});

test.each<[object, string]>([
  [{ entry: '/server.js' }, 'entry'],
  [{ entry: '../server.js' }, 'entry'],
  [{ entry: 'server.js"]\nRUN x' }, 'entry'],
  [{ files: ['a b'] }, 'files.0'],
  [{ port: 80 }, 'port'],
  [{ packages: 'none' }, 'packages'],
  [{ base: { archive: 'root.tar' }, packages: 'install' }, 'packages'],
  [{ base: 'node:22\nRUN x' }, 'base'],
  [{ image: 'x' }, 'image'],
])('options are checked: %j', (options, field) => {
  const make = () => createDockerfile(options as DockerfileOptions);
  expect(make).toThrow(
    expect.objectContaining({ code: 'INVALID_OPTION', details: expect.objectContaining({ field }) }),
  );
});
