export { type GraphNeeds, graphNeedsOf } from './graph-needs';
export { notATensor } from './not-a-tensor';
