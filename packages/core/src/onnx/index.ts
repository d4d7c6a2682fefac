export { notATensor } from './not-a-tensor';
