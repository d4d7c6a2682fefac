export { type RunReportOptions, renderRunReport } from './render-run-report';
export { type ServeUiOptions, serveUi, type UiServer } from './serve-ui';
