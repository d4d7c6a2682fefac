/** Resolves the packages to their builds, as a user's bundler does, and not by the `paths` of tsconfig.json. */
const modifyEsbuildConfig = (config) => ({ ...config, tsconfig: 'tsconfig.dist.json' });

/** Leaves out what an entry imports only when it is needed, as a bundler does that writes chunks. */
const withoutLaterChunks = {
  name: 'without-later-chunks',
  setup(build) {
    build.onResolve({ filter: /./ }, ({ kind }) => (kind === 'dynamic-import' ? { external: true } : undefined));
  },
};

export default [
  {
    name: '@fairlead/core',
    path: 'packages/core/dist/index.js',
    limit: '20 kB',
    gzip: true,
    modifyEsbuildConfig,
  },
  {
    name: '@fairlead/core with @fairlead/browser',
    path: 'scripts/sizes/core-and-browser.js',
    limit: '24 kB',
    gzip: true,
    modifyEsbuildConfig: (config) => ({
      ...modifyEsbuildConfig(config),
      plugins: [...(config.plugins ?? []), withoutLaterChunks],
    }),
  },
  {
    name: '@fairlead/core with @fairlead/browser, and what they fetch to load a model in a worker or here',
    path: 'scripts/sizes/core-and-browser.js',
    limit: '31 kB',
    gzip: true,
    // The runtime; the digest in JavaScript, which insecure pages alone fetch; and the tuning of lanes, which no page
    // does, since models stay in a worker there.
    ignore: ['onnxruntime-web', '@noble/hashes', './tune-lanes-*'],
    modifyEsbuildConfig,
  },
];
