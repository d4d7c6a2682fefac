// What a page loads that tracks to a store of its own or a relay, measured by size-limit.
export { openTracker } from '@fairlead/tracking';
