/** Resolves the packages to their builds, as a user's bundler does, and not by the `paths` of tsconfig.json. */
const modifyEsbuildConfig = (config) => ({ ...config, tsconfig: 'tsconfig.dist.json' });

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
    // Fetched when they are needed: the runtime with the first model, the digest in JavaScript on insecure pages alone.
    ignore: ['onnxruntime-web', '@noble/hashes'],
    modifyEsbuildConfig,
  },
];
