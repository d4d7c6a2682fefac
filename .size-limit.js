/** Resolves the packages to their builds, as a user's bundler does, and not by the `paths` of tsconfig.json. */
const modifyEsbuildConfig = (config) => ({ ...config, tsconfig: 'tsconfig.dist.json' });

/** Leaves out what an entry imports only when it is needed, as a bundler does that writes chunks. */
const withoutLaterChunks = {
  name: 'without-later-chunks',
  setup(build) {
    build.onResolve({ filter: /./ }, ({ kind }) => (kind === 'dynamic-import' ? { external: true } : undefined));
  },
};

/** Leaves out what a runner fetches only where it has buckets. */
const withoutBuckets = {
  name: 'without-buckets',
  setup(build) {
    build.onResolve({ filter: /\/shape-plan-/ }, () => ({ external: true }));
  },
};

/** Adds a plugin to esbuild's. */
const modifiedBy = (plugin) => (config) => ({
  ...modifyEsbuildConfig(config),
  plugins: [...(config.plugins ?? []), plugin],
});

export default [
  {
    name: '@fairlead/core',
    path: 'packages/core/dist/index.js',
    limit: '20 kB',
    gzip: true,
    modifyEsbuildConfig: modifiedBy(withoutLaterChunks),
  },
  {
    name: '@fairlead/core with the buckets that a runner with shapes fetches',
    path: 'packages/core/dist/index.js',
    limit: '25 kB',
    gzip: true,
    modifyEsbuildConfig,
  },
  {
    name: '@fairlead/core with @fairlead/browser',
    path: 'scripts/sizes/core-and-browser.js',
    limit: '24 kB',
    gzip: true,
    modifyEsbuildConfig: modifiedBy(withoutLaterChunks),
  },
  {
    name: '@fairlead/core with @fairlead/browser, and what they fetch to load a model in a worker or here',
    path: 'scripts/sizes/core-and-browser.js',
    limit: '30 kB',
    gzip: true,
    // The runtime, and the digest in JavaScript, which insecure pages alone fetch.
    ignore: ['onnxruntime-web', '@noble/hashes'],
    modifyEsbuildConfig: modifiedBy(withoutBuckets),
  },
];
