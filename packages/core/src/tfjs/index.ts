export { readArtifacts, type TfjsArtifacts } from './artifacts';
export { createDevices, makeBackend, onDevice, onDeviceInTurn, tidily } from './engine';
export { openOnFirstDevice } from './first-device';
export { invalidModel } from './invalid-model';
export {
  bytesNeeded,
  checkWeightSizes,
  isJson,
  type ModelJson,
  type ModelKind,
  modelEntry,
  parseModelJson,
  type WeightGroup,
} from './model-json';
export type { LoaderPackages, Tensorflow, TfjsDevice, TfjsPlatform } from './packages';
export { openTfjsSession } from './session';
export { type ArchivedFile, isTar, packTar, unpackTar } from './tar';
