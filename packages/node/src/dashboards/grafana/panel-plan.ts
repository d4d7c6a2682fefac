import type { Section } from '../known-families';

/** How a panel shows its queries. */
export type PanelKind =
  /** One line a series. */
  | 'lines'
  /** Areas on top of one another, for parts of a whole. */
  | 'stack'
  /** Bars, for what happens now and then. */
  | 'bars'
  /** A large number. */
  | 'number'
  /** The present state, in words. */
  | 'state'
  /** States over time, in words and colours. */
  | 'states'
  /** A line of coloured cells for each series: how far each is off, over time. */
  | 'cells'
  /** A distribution over time. */
  | 'distribution'
  /** Labels, and a value where one is named. */
  | 'table';

/** A query, and how its series are called. */
export interface PanelQuery {
  readonly expr: string;
  /** Text with `{{label}}` in it. */
  readonly legend: string;
}

/** A panel before it has a place. */
export interface PanelPlan {
  /** Tells the panel from all others of any version of the dashboard. */
  readonly key: string;
  readonly section: Section;
  readonly title: string;
  readonly description: string;
  readonly kind: PanelKind;
  /** Grafana's name of the unit. */
  readonly unit: string;
  /** Of 24 columns; the last panel of a line takes what is left. */
  readonly width: number;
  /** In rows of about 30 pixels. */
  readonly height: number;
  readonly queries: readonly PanelQuery[];
  /** Bounds of the axis, or of the colours. @default what the data has */
  readonly min?: number;
  readonly max?: number;
  /** Of state panels: the states, in the order of their numbers. */
  readonly states?: readonly string[];
  /** Of tables: the heading of the value, which is else left out. */
  readonly valueHeading?: string;
  /** From which value on a number is red. */
  readonly badFrom?: number;
}
