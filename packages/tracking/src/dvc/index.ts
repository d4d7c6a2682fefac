export { type DvcOutput, type DvcStage, readDvcFile, readDvcLock } from './dvc-file';
export { type DvcEntry, type DvcHash, type DvcHashName, type DvcHashOptions, hashDvc } from './dvc-hash';
export { type DvcCheck, dvcDatasets, verifyDvc } from './verify-dvc';
