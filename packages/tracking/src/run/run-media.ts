import type { CallOptions } from '@fairlead/core';
import type { ArtifactSource, BlobInfo } from '../store/artifact-store';
import type { DatasetInput, ModelUse } from '../store/stored-run';
import type { DatasetDraft } from './dataset-draft';
import type { Figure } from './media/figure';
import type { ImageSource } from './media/image';
import type { TableData } from './media/table';

/** Where a medium stands. */
export interface MediaOptions extends CallOptions {
  /** The step that it belongs to, a whole number; those of several steps are kept beside one another. */
  readonly step?: number;
}

/** A medium that was kept. */
export interface LoggedMedia extends BlobInfo {
  /** The artifact's name: the given one with an extension, and with the step where there is one: `samples/step-3.png`. */
  readonly name: string;
}

/** What a run keeps beside numbers and texts. All of these are checked, kept by their SHA-256, and listed as artifacts. */
export interface RunMedia {
  /**
   * Keeps bytes with the run, streamed, by their SHA-256; the same content is kept once in the whole store.
   *
   * @param name a relative path such as `model/digits.onnx`; a later artifact of the same name replaces the earlier
   * @param source the bytes, the path of a file, or a stream of bytes
   * @throws FairleadError `INVALID_ARGUMENT`, `NOT_FOUND` for a path that leads nowhere, `STORE_FAILED`, `CLOSED`, `ABORTED`
   */
  logArtifact(name: string, source: ArtifactSource, options?: CallOptions): Promise<BlobInfo>;
  /**
   * Keeps a text as UTF-8, as `name.txt`; a name that ends in `.md` makes it Markdown.
   * @throws FairleadError as {@link logArtifact}
   */
  logText(name: string, text: string, options?: MediaOptions): Promise<LoggedMedia>;
  /**
   * Keeps a table as CSV, and beside it, as `name.csv-metadata.json`, the types of its columns as CSV on the Web has
   * them. NaN is `NaN` and the infinities are `INF` and `-INF`; a missing cell is empty, an empty text is `""`; cells that
   * are objects, and columns of several kinds, are JSON.
   *
   * @param table rows as objects, or columns as arrays of one length
   * @throws FairleadError as {@link logArtifact}; `INVALID_ARGUMENT` that names the cell
   */
  logTable(name: string, table: TableData, options?: MediaOptions): Promise<LoggedMedia & { readonly rows: number }>;
  /**
   * Keeps an image. What kind of file it is, is known by its first bytes; pixels become a PNG without loss.
   *
   * @param image a whole PNG, JPEG, WebP or GIF file, or pixels: `{ width, height, data }`
   * @throws FairleadError as {@link logArtifact}; `INVALID_ARGUMENT` for bytes of no known kind, or sizes that do not fit
   */
  logImage(name: string, image: ImageSource, options?: MediaOptions): Promise<LoggedMedia>;
  /**
   * Keeps a figure: the text of an SVG file (whoever shows it must do so in a sandbox, since SVG can hold scripts), a
   * Vega-Lite specification, or an option of ECharts.
   * @throws FairleadError as {@link logArtifact}; `INVALID_ARGUMENT` for a function or anything else that JSON lacks
   */
  logFigure(name: string, figure: Figure, options?: MediaOptions): Promise<LoggedMedia>;
  /**
   * Records a dataset that goes into the run, with its digest. A later one of the same name, digest and context replaces
   * it.
   * @throws FairleadError `INVALID_ARGUMENT`, `NOT_FOUND` for a file that is not there, `CLOSED`, `ABORTED`
   */
  logDataset(dataset: DatasetDraft, options?: CallOptions): Promise<DatasetInput>;
  /**
   * Records that the run uses a registered model: evaluates it, or goes on from it.
   *
   * @param model `digits@champion` or `digits/2`, which is looked up now, or what is known of a model elsewhere
   * @throws FairleadError `INVALID_ARGUMENT`, `NOT_FOUND` that names what exists, `CLOSED`, `ABORTED`
   */
  useModel(model: string | ModelUse, options?: CallOptions): Promise<ModelUse>;
}
