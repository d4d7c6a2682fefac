/** The arrows of the house: node → core, browser → core, tracking → core; inside core, nothing leads from the root entry to a subpath. */

const test = '(\\.test\\.tsx?$|\\.fixture\\.ts$|/fixtures/)';

/** Rooms of core that have an entry of their own; who imports `@fairlead/core` alone must not pay for them. */
const rooms =
  '^packages/core/src/(cache|cascade|features|resilience|rollouts|monitoring|metrics|onnx|pool|report|remote|run-many|serving|telemetry|testing|tfjs|tracing)(/|\\.ts$)';

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment:
        'Files that import each other cannot be read, tested or loaded apart. Move what they share into a third file.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'core-imports-no-other-package',
      comment: 'Core stands alone: put what needs a platform into node or browser, behind a contract of core.',
      severity: 'error',
      from: { path: '^packages/core/', pathNot: test },
      to: { path: '^packages/(node|browser|tracking)/' },
    },
    {
      name: 'packages-meet-only-in-core',
      comment: 'node, browser and tracking import core and never one another.',
      severity: 'error',
      from: { path: '^packages/(node|browser|tracking)/', pathNot: test },
      to: { path: '^packages/(node|browser|tracking)/', pathNot: '^packages/$1/' },
    },
    {
      name: 'core-needs-no-node',
      comment: 'Core runs in every runtime: take what needs Node as an option, or put it into the node package.',
      severity: 'error',
      from: { path: '^packages/core/src/', pathNot: test },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'core-root-reaches-no-room',
      comment:
        'A user pays for what he imports: nothing that src/index.ts reaches may lie in a room with its own entry.',
      severity: 'error',
      from: { path: '^packages/core/src/index\\.ts$' },
      to: { path: rooms, reachable: true },
    },
    {
      name: 'hono-serves-only',
      comment: 'Hono is a dependency of core for the serving entry alone.',
      severity: 'error',
      from: { path: '^packages/core/src/', pathNot: ['^packages/core/src/serving/', test] },
      to: { path: '(^|/)node_modules/hono/' },
    },
    {
      name: 'no-undeclared-dependency',
      comment: 'Declare it in the package.json of the package that imports it.',
      severity: 'error',
      // A page is built with all that it needs, so that a user installs none of it.
      from: { path: '^packages/', pathNot: [test, '^packages/tracking/src/ui/page/'] },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['npm', 'npm-peer'] },
    },
    {
      name: 'no-unresolvable',
      comment: 'This import leads nowhere.',
      severity: 'error',
      from: {},
      // A script that a test starts as a process of its own needs the build, which may not be there yet.
      to: { couldNotResolve: true, pathNot: '/dist/' },
    },
    {
      name: 'no-tests-in-the-product',
      comment: 'What a test needs and the product too lies in a file of its own.',
      severity: 'error',
      from: { pathNot: test },
      to: { path: test },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^packages/[^/]+/dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'types', 'node', 'default'],
      extensions: ['.ts', '.tsx', '.js', '.mjs', '.cjs', '.json', '.node'],
    },
  },
};
