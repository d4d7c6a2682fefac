export { createDockerfile, type DockerfileOptions } from './create-dockerfile';
export { createManifests } from './create-manifests';
export type {
  ContainerResources,
  HorizontalScaling,
  KedaScaling,
  KServeOptions,
  ManifestOptions,
} from './options';
export type { Manifest, ManifestFile } from './pod';
export { manifestsToYaml } from './to-yaml';
