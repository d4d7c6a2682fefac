/** @jsxImportSource preact */
import { render } from 'preact';
import { fromText } from '../../embedded/event-codec';
import type { ReportData } from '../report-data';
import { App } from './app';
import { reportSource, serverSource } from './source';
import './style/base.css';
import './style/frame.css';
import './style/pieces.css';
import './style/search.css';
import './style/table.css';
import './style/charts.css';
import './style/run.css';
import './style/models.css';
import './style/narrow.css';

/* The page, which a server sends or a report carries. */

const root = document.getElementById('app');
const carried = document.getElementById('report')?.textContent;
if (root !== null) {
  if (carried === undefined || carried === null) {
    const token = document.querySelector<HTMLMetaElement>('meta[name="fairlead-token"]')?.content ?? '';
    render(<App source={serverSource(token)} />, root);
  } else {
    const data = fromText(carried) as ReportData;
    const ids = data.runs.map(({ run }) => run.id);
    render(<App source={reportSource(data)} report={{ title: data.title, ids }} />, root);
  }
}
