import type { CallOptions } from '@fairlead/core';
import { invalidArgument } from '../../names';
import type { ArtifactFacts, ArtifactLog } from '../artifact-log';
import type { LoggedMedia, MediaOptions } from '../run-media';
import { encodeFigure, type Figure } from './figure';
import { type ImageSource, toEncodedImage } from './image';
import { mediaName } from './media-name';
import { encodeTable, type TableData, tableMetadata } from './table';

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

async function keep(
  log: ArtifactLog,
  name: string,
  bytes: Uint8Array,
  facts: ArtifactFacts,
  { step, signal }: MediaOptions,
): Promise<LoggedMedia> {
  const call: CallOptions = signal === undefined ? {} : { signal };
  const blob = await log.log(name, bytes, { ...facts, ...(step === undefined ? {} : { step }) }, call);
  return { name, ...blob };
}

/** Keeps a text: see `RunMedia.logText`. */
export async function logText(log: ArtifactLog, name: string, text: string, options: MediaOptions) {
  if (typeof text !== 'string') throw invalidArgument('text', 'a string', text);
  const file = mediaName(name, ['.txt', '.md'], options.step);
  const mediaType = file.toLowerCase().endsWith('.md') ? 'text/markdown' : 'text/plain';
  return keep(log, file, utf8(text), { kind: 'text', mediaType }, options);
}

/** Keeps a table: see `RunMedia.logTable`. */
export async function logTable(log: ArtifactLog, name: string, table: TableData, options: MediaOptions) {
  const file = mediaName(name, ['.csv'], options.step);
  const encoded = encodeTable(table);
  const metadata = utf8(tableMetadata(file, encoded));
  await keep(log, `${file}-metadata.json`, metadata, { mediaType: 'application/csvm+json' }, options);
  const media = await keep(log, file, utf8(encoded.csv), { kind: 'table', mediaType: 'text/csv' }, options);
  return { ...media, rows: encoded.rows };
}

/** Keeps an image: see `RunMedia.logImage`. */
export async function logImage(log: ArtifactLog, name: string, image: ImageSource, options: MediaOptions) {
  mediaName(name, ['.png'], options.step); // a name that cannot be used is refused before anything is encoded
  const { bytes, mediaType, extensions } = await toEncodedImage(image);
  return keep(log, mediaName(name, extensions, options.step), bytes, { kind: 'image', mediaType }, options);
}

/** Keeps a figure: see `RunMedia.logFigure`. */
export async function logFigure(log: ArtifactLog, name: string, figure: Figure, options: MediaOptions) {
  const { text, mediaType, extensions } = encodeFigure(figure);
  return keep(log, mediaName(name, extensions, options.step), utf8(text), { kind: 'figure', mediaType }, options);
}
