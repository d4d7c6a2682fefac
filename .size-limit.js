/** Resolves the packages to their builds, as a user's bundler does, and not by the `paths` of tsconfig.json. */
const modifyEsbuildConfig = (config) => ({ ...config, tsconfig: 'tsconfig.dist.json' });

/** Leaves out what an entry imports only when it is needed, as a bundler does that writes chunks. */
const withoutLaterChunks = {
  name: 'without-later-chunks',
  setup(build) {
    build.onResolve({ filter: /./ }, ({ kind }) => (kind === 'dynamic-import' ? { external: true } : undefined));
  },
};

/** Leaves out what few pages fetch: the reader and writer of golden rows, swaps in place, buckets and TensorFlow.js; and what none does, the tuning of lanes. */
const withoutExtras = {
  name: 'without-extras',
  setup(build) {
    const chunks = /\/(check-golden|write-golden|swap-in-place|shape-plan|tune-lanes|(resolve-)?tfjs-\w+)-\w+\.js$/;
    build.onResolve({ filter: chunks }, () => ({ external: true }));
  },
};

/** Adds a plugin to esbuild's. */
const leavingOut = (plugin) => (config) => ({
  ...modifyEsbuildConfig(config),
  plugins: [...(config.plugins ?? []), plugin],
});

const tensorflowPackages = [
  'core',
  'layers',
  'converter',
  'backend-webgpu',
  'backend-webgl',
  'backend-wasm',
  'backend-cpu',
].map((name) => `@tensorflow/tfjs-${name}`);

export default [
  {
    name: '@fairlead/core',
    path: 'packages/core/dist/index.js',
    limit: '20 kB',
    gzip: true,
    modifyEsbuildConfig: leavingOut(withoutLaterChunks),
  },
  {
    name: '@fairlead/core with all that a runner may fetch later: what runs a model, and every extra',
    path: 'packages/core/dist/index.js',
    limit: '46 kB',
    gzip: true,
    modifyEsbuildConfig,
  },
  {
    name: '@fairlead/core with @fairlead/browser',
    path: 'scripts/sizes/core-and-browser.js',
    limit: '24 kB',
    gzip: true,
    modifyEsbuildConfig: leavingOut(withoutLaterChunks),
  },
  {
    name: '@fairlead/core with @fairlead/browser, and what they fetch to load a model in a worker or here',
    path: 'scripts/sizes/core-and-browser.js',
    limit: '50.1 kB',
    gzip: true,
    // The runtime; the digest in JavaScript, which insecure pages alone fetch; what names the type of an output that is no
    // tensor, which a page fetches only for a model that it cannot load; and the self-test, which is for a GPU alone.
    ignore: ['onnxruntime-web', '@noble/hashes', '@fairlead/core/onnx', '@fairlead/core/self-test'],
    modifyEsbuildConfig: leavingOut(withoutExtras),
  },
  {
    name: '@fairlead/browser: what tfjs() fetches to load a model here beside TensorFlow.js, with what of it the root has already',
    path: ['packages/browser/dist/resolve-tfjs-model-*.js', 'packages/browser/dist/tfjs-session-*.js'],
    limit: '31 kB',
    gzip: true,
    ignore: tensorflowPackages,
    modifyEsbuildConfig: leavingOut(withoutLaterChunks),
  },
  {
    name: '@fairlead/tracking in a page: openTracker, without the store of a folder, which it loads for one alone',
    path: 'scripts/sizes/open-tracker.js',
    limit: '50 kB',
    gzip: true,
    modifyEsbuildConfig: leavingOut(withoutLaterChunks),
  },
  {
    name: '@fairlead/tracking in a page: all of its entry',
    path: 'packages/tracking/dist/index.js',
    limit: '56 kB',
    gzip: true,
    modifyEsbuildConfig: leavingOut(withoutLaterChunks),
  },
  {
    name: '@fairlead/tracking in a page: what openTracker({ relay }) loads, with what of it the entry has already',
    path: 'packages/tracking/dist/relay-store-*.js',
    limit: '15 kB',
    gzip: true,
    modifyEsbuildConfig: leavingOut(withoutLaterChunks),
  },
  {
    name: '@fairlead/tracking/mlflow: the client, a store on a server with its registry, and the import',
    path: 'packages/tracking/dist/mlflow.js',
    limit: '55 kB',
    gzip: true,
    modifyEsbuildConfig: leavingOut(withoutLaterChunks),
  },
  {
    name: '@fairlead/tracking/export, on Node',
    path: 'packages/tracking/dist/export.js',
    limit: '13.3 kB',
    gzip: true,
    modifyEsbuildConfig: (config) => ({ ...leavingOut(withoutLaterChunks)(config), platform: 'node' }),
  },
  {
    name: '@fairlead/core/cascade',
    path: 'packages/core/dist/cascade.js',
    limit: '25 kB',
    gzip: true,
    modifyEsbuildConfig,
  },
  {
    name: '@fairlead/core/features',
    path: 'packages/core/dist/features.js',
    limit: '26.5 kB',
    gzip: true,
    modifyEsbuildConfig,
  },
  {
    name: '@fairlead/core/pool',
    path: 'packages/core/dist/pool.js',
    limit: '22 kB',
    gzip: true,
    modifyEsbuildConfig,
  },
  {
    name: '@fairlead/core/remote: remote(), with the protocol that it takes by itself',
    path: 'packages/core/dist/remote.js',
    import: '{ remote }',
    limit: '25 kB',
    gzip: true,
    modifyEsbuildConfig,
  },
  {
    name: '@fairlead/core/run-many',
    path: 'packages/core/dist/run-many.js',
    limit: '4.5 kB',
    gzip: true,
    modifyEsbuildConfig,
  },
  {
    name: '@fairlead/core/serving: createHandler, with the protocol that it takes by itself',
    path: 'packages/core/dist/serving.js',
    import: '{ createHandler }',
    limit: '36 kB',
    gzip: true,
    modifyEsbuildConfig: leavingOut(withoutLaterChunks),
  },
  {
    name: '@fairlead/node/auth, without jose',
    path: 'packages/node/dist/auth.js',
    limit: '16.2 kB',
    gzip: true,
    modifyEsbuildConfig: (config) => ({ ...leavingOut(withoutLaterChunks)(config), platform: 'node' }),
  },
  {
    name: '@fairlead/node/audit',
    path: 'packages/node/dist/audit.js',
    limit: '16 kB',
    gzip: true,
    modifyEsbuildConfig: (config) => ({ ...leavingOut(withoutLaterChunks)(config), platform: 'node' }),
  },
  {
    name: '@fairlead/node/cluster',
    path: 'packages/node/dist/cluster.js',
    limit: '24.5 kB',
    gzip: true,
    modifyEsbuildConfig: (config) => ({ ...leavingOut(withoutLaterChunks)(config), platform: 'node' }),
  },
  {
    name: '@fairlead/core/rollouts: all of it',
    path: 'packages/core/dist/rollouts.js',
    limit: '56.6 kB',
    gzip: true,
    modifyEsbuildConfig,
  },
  {
    name: '@fairlead/core/tracing, without OpenTelemetry',
    path: 'packages/core/dist/tracing.js',
    limit: '11 kB',
    gzip: true,
    ignore: ['@opentelemetry/api'],
    modifyEsbuildConfig,
  },
  {
    name: '@fairlead/browser/model-cache',
    path: 'packages/browser/dist/model-cache.js',
    limit: '28.5 kB',
    gzip: true,
    modifyEsbuildConfig: leavingOut(withoutLaterChunks),
  },
  {
    name: '@fairlead/browser/telemetry: all of it, with what it takes of core',
    path: 'packages/browser/dist/telemetry.js',
    limit: '24 kB',
    gzip: true,
    modifyEsbuildConfig: leavingOut(withoutLaterChunks),
  },
  {
    name: '@fairlead/browser/store, with what of core it needs',
    path: 'packages/browser/dist/store.js',
    limit: '7.5 kB',
    gzip: true,
    modifyEsbuildConfig: leavingOut(withoutLaterChunks),
  },
  {
    name: '@fairlead/browser/react beside it, without React',
    path: 'packages/browser/dist/react.js',
    limit: '7.8 kB',
    gzip: true,
    ignore: ['react'],
    modifyEsbuildConfig: leavingOut(withoutLaterChunks),
  },
];
