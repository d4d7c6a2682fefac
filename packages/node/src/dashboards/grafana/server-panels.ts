import { matching } from '../promql';
import { type PanelRecipe, quantileName } from './panel-recipe';

const success = 'ml_server_request_success';
const failure = 'ml_server_request_failure';
const duration = 'ml_server_request_duration_seconds';
const by = ['protocol', 'operation'];

/** Another query, and 0 where it says nothing: a counter of failures has no series before the first. */
const orZero = (expression: string): string => `${expression} or on () vector(0)`;

/** Codes of calls that were turned away before anything was computed. */
const refusals = matching('code', '=~', 'OVERLOADED|UNAUTHENTICATED|FORBIDDEN');

/** Panels about the calls of a service: what `instrumentCalls` tells. */
export const serverPanels: readonly PanelRecipe[] = [
  {
    section: 'Server',
    title: 'Calls a second',
    kind: 'lines',
    unit: 'reqps',
    width: 8,
    min: 0,
    families: [success, failure],
    queries: (queries) => [
      { expr: queries.rate(success, by), legend: 'answered · {{protocol}} {{operation}}' },
      { expr: orZero(queries.rate(failure, by)), legend: 'failed · {{protocol}} {{operation}}' },
    ],
  },
  {
    section: 'Server',
    title: 'Failed calls by code',
    kind: 'stack',
    unit: 'reqps',
    width: 8,
    min: 0,
    families: [failure],
    queries: (queries) => [
      {
        expr: orZero(queries.rate(failure, ['protocol', 'model', 'code'])),
        legend: '{{code}} · {{protocol}} {{model}}',
      },
    ],
  },
  {
    section: 'Server',
    title: 'Refused calls',
    kind: 'stack',
    unit: 'reqps',
    width: 8,
    min: 0,
    families: [failure],
    note: 'Because the server was full, or because of who called.',
    queries: (queries) => [
      { expr: orZero(queries.rate(failure, ['code'], { where: [refusals] })), legend: '{{code}}' },
    ],
  },
  {
    section: 'Server',
    title: 'Time from the arrival of a call to its end',
    kind: 'lines',
    unit: 's',
    width: 12,
    min: 0,
    families: [duration],
    note: 'What lies between this and the time to an answer below is spent on bodies: receiving, reading and writing them.',
    queries: (queries, { quantiles }) =>
      quantiles.map((quantile) => ({
        expr: queries.quantile(quantile, duration, ['protocol', 'operation', 'model']),
        legend: `${quantileName(quantile)} · {{protocol}} {{operation}} {{model}}`,
      })),
  },
  {
    section: 'Server',
    title: 'Calls under way',
    kind: 'lines',
    unit: 'short',
    width: 12,
    min: 0,
    families: ['ml_server_pending_requests'],
    queries: (queries) => [
      { expr: queries.value('sum', 'ml_server_pending_requests', by), legend: '{{protocol}} {{operation}}' },
    ],
  },
];
