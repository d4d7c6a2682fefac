/**
 * The protocol by which a session lives in a worker, for authors of lane hosts: `connectLane` on the side that owns the
 * worker, `serveLane` inside it. What makes the worker is the platform's: `@fairlead/node` and `@fairlead/browser` have
 * one each.
 */
export { type ConnectLaneOptions, connectLane } from './connect-lane';
export type { LanePort, WorkerPort } from './port';
export { type ServeLaneOptions, serveLane } from './serve-lane';
