/** How the tests start Chromium. */
export const launchArguments = [
  '--no-sandbox',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // Gives a software adapter on machines without a GPU.
  '--enable-unsafe-webgpu',
];
