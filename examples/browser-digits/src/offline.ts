/** A page that was opened for the first time does not wait longer than this for its service worker, in milliseconds. */
const patienceMs = 4000;

/**
 * Starts the service worker that keeps the page's own files, and waits until it answers for the page: what is fetched from
 * then on, the runtime above all, is kept.
 *
 * @returns whether the page will open without a network
 */
export async function keepOffline(): Promise<boolean> {
  // Insecure pages and private windows of some browsers have none; in development files change all the time.
  const { serviceWorker } = navigator as { serviceWorker?: ServiceWorkerContainer };
  if (serviceWorker === undefined || import.meta.env.MODE === 'development') return false;
  try {
    await serviceWorker.register('./service-worker.js');
    if (serviceWorker.controller !== null) return true;
    return await new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), patienceMs);
      serviceWorker.addEventListener('controllerchange', () => {
        clearTimeout(timer);
        resolve(true);
      });
    });
  } catch {
    return false; // The browser refused. Everything else works all the same, and the page says that it is not kept.
  }
}
