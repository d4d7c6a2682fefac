import type { BarSeriesOption, LineSeriesOption } from 'echarts/charts';
import type { GridComponentOption, MarkAreaComponentOption, MarkLineComponentOption } from 'echarts/components';
import type { ComposeOption } from 'echarts/core';
import { FairleadError, messageOf } from '../errors';
import { type Markup, raw } from './markup';

/** What a chart is drawn from. */
export type ChartOption = ComposeOption<
  BarSeriesOption | LineSeriesOption | GridComponentOption | MarkAreaComponentOption | MarkLineComponentOption
>;

/** Draws a chart as an SVG of its own. */
export type DrawChart = (option: ChartOption, width: number, height: number) => Markup;

const importEcharts = () =>
  Promise.all([
    import('echarts/core'),
    import('echarts/charts'),
    import('echarts/components'),
    import('echarts/renderers'),
  ]);

/**
 * Loads echarts, which writes charts as SVG without a page.
 *
 * @param importModules for tests
 * @throws FairleadError `UNSUPPORTED` when it is not installed or does not load
 */
export async function loadCharts(importModules = importEcharts): Promise<DrawChart> {
  const [core, charts, components, renderers] = await importModules().catch((cause: unknown) => {
    throw new FairleadError(
      'UNSUPPORTED',
      `The page needs the package echarts for its charts, and it could not be loaded (${messageOf(cause)}). Run \`npm install echarts\`, or take report({ format: 'full' }) and draw it yourself.`,
      { cause, details: { field: 'echarts', expected: 'the package echarts 6', given: 'none that loads' } },
    );
  });
  core.use([
    charts.BarChart,
    charts.LineChart,
    components.GridComponent,
    components.MarkAreaComponent,
    components.MarkLineComponent,
    renderers.SVGRenderer,
  ]);
  return (option, width, height) => {
    const chart = core.init(null, null, { renderer: 'svg', ssr: true, width, height });
    try {
      chart.setOption({ animation: false, useUTC: true, ...option });
      return raw(tidy(chart.renderToSVGString()));
    } finally {
      chart.dispose();
    }
  };
}

/** Leaves out what only a script on the page would use, fonts (the page has its own), and what would keep the chart from fitting its frame. */
function tidy(svg: string): string {
  return svg
    .replace(/<svg [^>]*?(viewBox="[^"]*")[^>]*>/, '<svg $1 aria-hidden="true" focusable="false">')
    .replace(/<style[^>]*>[\s\S]*?<\/style>/g, '')
    .replace(/ (?:ecmeta_\w+|pointer-events|style|xml:space)="[^"]*"/g, '')
    .replace(/ class="zr[^"]*"/g, '')
    .replace(/>\s*\n\s*</g, '><');
}
