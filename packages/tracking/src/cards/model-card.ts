/** A measurement in the `model-index` of a card. What the field has beside these stays with it. */
export interface CardMetric {
  /** The kind of metric, such as `accuracy`. */
  readonly type: string;
  /** What it is called in this card. */
  readonly name?: string;
  /** A number in cards of {@link modelCard}; others may have texts and objects. */
  readonly value: unknown;
  readonly [key: string]: unknown;
}

/** What a model scored on some data, as the `model-index` of Hugging Face has it. */
export interface CardResult {
  /** The model that it is about. */
  readonly model: string;
  readonly task: { readonly type: string; readonly name?: string; readonly [key: string]: unknown };
  readonly dataset: {
    /** An identifier of the dataset. */
    readonly type: string;
    /** What people call it. */
    readonly name: string;
    readonly split?: string;
    /** Which state of the dataset, here its digest. */
    readonly revision?: string;
    readonly [key: string]: unknown;
  };
  readonly metrics: readonly CardMetric[];
  readonly [key: string]: unknown;
}

/** A model card: Markdown with YAML front matter, taken apart. */
export interface ModelCard {
  /** The front matter without `model-index`, by Hugging Face's names: `license`, `tags`, `pipeline_tag`, … */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** The `model-index`. */
  readonly results: readonly CardResult[];
  /** The Markdown behind the front matter. */
  readonly body: string;
}
