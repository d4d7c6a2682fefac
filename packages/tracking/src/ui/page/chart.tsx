/** @jsxImportSource preact */
import { BarChart, HeatmapChart, LineChart, ParallelChart, ScatterChart } from 'echarts/charts';
import {
  DatasetComponent,
  GridComponent,
  LegendComponent,
  ParallelComponent,
  TitleComponent,
  TooltipComponent,
  VisualMapComponent,
} from 'echarts/components';
import { type EChartsCoreOption, type EChartsType, init, use } from 'echarts/core';
import { CanvasRenderer } from 'echarts/renderers';
import { createContext } from 'preact';
import { useContext, useEffect, useRef } from 'preact/hooks';
import type { ChartColors } from './chart-options';
import { chartColors } from './colors';

/* Lines and parallel coordinates are the page's own; the rest is what figures of users are made of. */
use([
  BarChart,
  HeatmapChart,
  LineChart,
  ParallelChart,
  ScatterChart,
  DatasetComponent,
  GridComponent,
  LegendComponent,
  ParallelComponent,
  TitleComponent,
  TooltipComponent,
  VisualMapComponent,
  CanvasRenderer,
]);

/** The colours of the theme that is seen. */
export const ColorsContext = createContext<ChartColors>(chartColors.light);

/** The colours of the theme that is seen. */
export function useColors(): ChartColors {
  return useContext(ColorsContext);
}

interface ChartProps {
  readonly option: EChartsCoreOption;
  /** What it shows, in words: for who cannot see it. */
  readonly label: string;
  readonly className?: string;
  /** Called once with the chart, for what it tells. */
  readonly onReady?: (chart: EChartsType) => void;
}

/** A chart that fits its box. */
export function Chart({ option, label, className = '', onReady }: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<EChartsType | null>(null);
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const made = init(element);
    chart.current = made;
    onReady?.(made);
    const observer = new ResizeObserver(() => made.resize());
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.dispose();
      chart.current = null;
    };
  }, []);
  useEffect(() => {
    chart.current?.setOption({ animation: false, ...option }, { notMerge: true });
  }, [option]);
  return <div ref={box} role="img" aria-label={label} class={`chart ${className}`} />;
}
