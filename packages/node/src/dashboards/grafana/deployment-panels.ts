import { modelLabels } from '../promql';
import { modelLegend, ofModel, type PanelRecipe } from './panel-recipe';

const model = modelLabels;

/** Panels about lanes and versions: the rest of what `instrumentRunner` tells. */
export const deploymentPanels: readonly PanelRecipe[] = [
  {
    section: 'Lanes',
    title: 'Busy share of each lane',
    kind: 'lines',
    unit: 'percentunit',
    width: 8,
    min: 0,
    families: ['ml_lane_busy_seconds'],
    queries: (queries) => [
      {
        expr: queries.orZero(queries.rate('ml_lane_busy_seconds', ['instance', ...model, 'lane'])),
        legend: ofModel('{{lane}} · {{instance}}'),
      },
    ],
  },
  {
    section: 'Lanes',
    title: 'Memory of each lane',
    kind: 'lines',
    unit: 'bytes',
    width: 8,
    min: 0,
    families: ['ml_lane_memory_bytes'],
    queries: (queries) => [
      {
        expr: queries.orZero(queries.value('sum', 'ml_lane_memory_bytes', ['instance', ...model, 'lane'])),
        legend: ofModel('{{lane}} · {{instance}}'),
      },
    ],
  },
  {
    section: 'Lanes',
    title: 'Workers lost and started again',
    kind: 'bars',
    unit: 'short',
    width: 8,
    min: 0,
    families: ['ml_lane_losses', 'ml_lane_restarts'],
    queries: (queries) => [
      { expr: queries.orZero(queries.increase('ml_lane_losses', model)), legend: ofModel('lost') },
      { expr: queries.orZero(queries.increase('ml_lane_restarts', model)), legend: ofModel('started again') },
    ],
  },
  {
    section: 'Model versions',
    title: 'Swaps',
    kind: 'bars',
    unit: 'short',
    width: 8,
    min: 0,
    families: ['ml_model_swaps', 'ml_model_swap_failures'],
    queries: (queries) => [
      { expr: queries.orZero(queries.increase('ml_model_swaps', model)), legend: ofModel('to') },
      {
        expr: queries.orZero(queries.increase('ml_model_swap_failures', model)),
        legend: ofModel('failed, stayed with'),
      },
    ],
  },
  {
    section: 'Model versions',
    title: 'Time to load a model',
    kind: 'lines',
    unit: 's',
    width: 8,
    min: 0,
    families: ['ml_model_load_duration_seconds'],
    queries: (queries) => [
      { expr: queries.orZero(queries.value('max', 'ml_model_load_duration_seconds', model)), legend: modelLegend },
    ],
  },
  {
    section: 'Model versions',
    title: 'Devices that could not be had',
    kind: 'table',
    unit: 'short',
    width: 8,
    valueHeading: 'Loads',
    families: ['ml_model_device_fallbacks'],
    queries: (queries) => [
      { expr: queries.orZero(queries.value('sum', 'ml_model_device_fallbacks', [...model, 'from', 'to'])), legend: '' },
    ],
  },
];
