import type { ChartColors } from './chart-options';

/** Colours of the charts in either theme; those of the style sheet beside them. Each is told apart in its theme by WCAG's 3:1. */
export const chartColors: Readonly<Record<'light' | 'dark', ChartColors>> = {
  light: {
    ink: '#171b22',
    muted: '#5a6372',
    line: '#e6e9ee',
    card: '#ffffff',
    series: [
      '#2f6fed',
      '#d9590c',
      '#12844a',
      '#8e44d6',
      '#c42b3a',
      '#0b8793',
      '#c2308f',
      '#7a7300',
      '#8a5a2b',
      '#55657f',
    ],
  },
  dark: {
    ink: '#e8ebf0',
    muted: '#9aa4b4',
    line: '#272d37',
    card: '#1c2129',
    series: [
      '#6ea1ff',
      '#ff9a56',
      '#5fcf90',
      '#bd8cf5',
      '#ff7f87',
      '#4cc9d4',
      '#f27ec4',
      '#cfc54a',
      '#d0a06c',
      '#9fb0cc',
    ],
  },
};
