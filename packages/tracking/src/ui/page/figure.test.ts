import { expect, it } from 'vitest';
import { parseFigure } from './figure';

it('keeps what a figure is drawn from', () => {
  const option = { xAxis: { type: 'category', data: ['a'] }, yAxis: {}, series: [{ type: 'bar', data: [1] }] };
  expect(parseFigure(JSON.stringify(option))).toEqual(option);
});

it('leaves out what would put markup or addresses on the page', () => {
  const option = {
    title: { text: 'Scores', link: 'https://example.org', sublink: 'javascript:alert(1)', target: 'self' },
    tooltip: { formatter: '<img src=x onerror=alert(1)>' },
    toolbox: { feature: {} },
    graphic: [{ type: 'image', style: { image: 'https://example.org/pixel' } }],
    series: { type: 'line', tooltip: { formatter: '<b>' }, data: [1, 2] },
  };
  expect(parseFigure(JSON.stringify(option))).toEqual({
    title: { text: 'Scores' },
    series: { type: 'line', data: [1, 2] },
  });
});

it.each([['no JSON'], ['[]'], ['{}'], ['{"series":[]}'], ['{"series":[{"type":"map"}]}'], ['{"series":[3]}']])(
  'does not take %s for a figure that it can draw',
  (text) => {
    expect(parseFigure(text)).toBeUndefined();
  },
);
