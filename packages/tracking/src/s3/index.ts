export { type S3ArtifactOptions, s3Artifacts } from './s3-artifacts';
