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

/** Takes each module apart where it is imported, so that a bundler leaves the charts out that no page has. */
async function importEcharts() {
  const { init, use } = await import('echarts/core');
  const { BarChart, LineChart } = await import('echarts/charts');
  const { GridComponent, MarkAreaComponent, MarkLineComponent } = await import('echarts/components');
  const { SVGRenderer } = await import('echarts/renderers');
  use([BarChart, LineChart, GridComponent, MarkAreaComponent, MarkLineComponent, SVGRenderer]);
  return init;
}

/**
 * Loads echarts, which writes charts as SVG without a page.
 *
 * @param importInit for tests
 * @throws FairleadError `UNSUPPORTED` when it is not installed or does not load
 */
export async function loadCharts(importInit = importEcharts): Promise<DrawChart> {
  const init = await importInit().catch((cause: unknown) => {
    throw new FairleadError(
      'UNSUPPORTED',
      `The page needs the package echarts for its charts, and it could not be loaded (${messageOf(cause)}). Run \`npm install echarts\`, or take report({ format: 'full' }) and draw it yourself.`,
      { cause, details: { field: 'echarts', expected: 'the package echarts 6', given: 'none that loads' } },
    );
  });
  return (option, width, height) => {
    const chart = init(null, null, { renderer: 'svg', ssr: true, width, height });
    try {
      chart.setOption({ animation: false, useUTC: true, ...option });
      return raw(tidy(chart.renderToSVGString()));
    } finally {
      chart.dispose();
    }
  };
}

/**
 * Leaves out what only a script on the page would use, fonts (the page has its own), clips (no line leaves its axes, and their
 * numbered names would make every page another one), and what would keep the chart from fitting its frame.
 */
function tidy(svg: string): string {
  return svg
    .replace(/<svg [^>]*?(viewBox="[^"]*")[^>]*>/, '<svg $1 aria-hidden="true" focusable="false">')
    .replace(/<(style|defs)[^>]*>[\s\S]*?<\/\1>/g, '')
    .replace(/ (?:ecmeta_\w+|pointer-events|style|xml:space|clip-path)="[^"]*"/g, '')
    .replace(/ class="zr[^"]*"/g, '')
    .replace(/>\s*\n\s*</g, '><');
}
