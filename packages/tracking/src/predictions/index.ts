export { createSegmentSink, type SegmentSinkOptions } from './segment-sink';
