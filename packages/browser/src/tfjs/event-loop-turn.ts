/**
 * Lets the event loop turn once, so that a worker hears of messages between two runs and a page can draw. Not by a timer:
 * browsers hold those up by 4 ms when one follows the other.
 */
export function eventLoopTurn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}
