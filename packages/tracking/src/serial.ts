/** Runs asynchronous work one piece after the other, in the order of the calls. A failure is its own caller's only. */
export function createSerial(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const next = last.then(work, work);
    last = next.catch(() => undefined); // whoever called hears it from `next`
    return next;
  };
}
