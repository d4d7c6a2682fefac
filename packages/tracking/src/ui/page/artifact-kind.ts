import type { StoredArtifact } from '../../store/run-store';

/** How an artifact is shown. */
export type Preview = 'image' | 'figure' | 'table' | 'json' | 'text' | 'none';

const images = /\.(png|jpe?g|webp|gif|avif|svg)$/i;
const texts = /\.(txt|md|log|ya?ml|toml|ini|html?|xml|js|mjs|ts|tsx|py|sh|sql|diff|patch|jsonl|ndjson)$/i;

/** How an artifact can be shown, by what its run said of it and by its name. */
export function previewOf({ name, kind, mediaType = '' }: StoredArtifact): Preview {
  if (mediaType.startsWith('image/') || (mediaType === '' && images.test(name))) return 'image';
  if (mediaType === 'application/vnd.apache.echarts+json') return 'figure';
  if (kind === 'table' || mediaType === 'text/csv' || /\.csv$/i.test(name)) return 'table';
  if (/[/+]json$/.test(mediaType) || /\.json$/i.test(name)) return 'json';
  if (kind === 'text' || mediaType.startsWith('text/') || texts.test(name)) return 'text';
  return 'none';
}
