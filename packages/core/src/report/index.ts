export { performanceOf } from './performance-of';
export { renderReport } from './render-report';
export type {
  AlertRow,
  PerformanceFact,
  PerformanceMetric,
  PerformancePoint,
  PerformanceSection,
  PerformanceSeries,
  ReportOptions,
  ReportSections,
  RolloutSection,
} from './sections';
