import type { Alert, AlertNotification } from './alert';

/** Slack's limits: characters of a text object, and blocks of a message. */
const mostCharacters = 3000;
const mostBlocks = 50;

interface SlackSection {
  readonly type: 'section';
  readonly text: { readonly type: 'mrkdwn'; readonly text: string };
}

/** The body of a Slack incoming webhook: a line for the notification, and a section for each alert. */
export function slackBody({ alerts }: AlertNotification): { readonly text: string; readonly blocks: SlackSection[] } {
  const shown = alerts.slice(0, alerts.length > mostBlocks ? mostBlocks - 1 : mostBlocks);
  const blocks = shown.map((alert) =>
    section(`${signOf(alert)} *${escapeText(alert.title)}*\n${escapeText(alert.text)}`),
  );
  if (shown.length < alerts.length) blocks.push(section(`… and ${alerts.length - shown.length} more`));
  const [first] = alerts;
  const more = alerts.length > 1 ? ` and ${alerts.length - 1} more` : '';
  return { text: cut(`${escapeText(first?.title ?? '')}${more}`), blocks };
}

function section(text: string): SlackSection {
  return { type: 'section', text: { type: 'mrkdwn', text: cut(text) } };
}

function signOf({ state, severity }: Alert): string {
  if (state === 'resolved') return ':large_green_circle:';
  return severity === 'critical' ? ':red_circle:' : ':large_yellow_circle:';
}

/** The three characters that mean something to Slack, so that a feature's name cannot mention a channel or a person. */
function escapeText(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
}

function cut(text: string): string {
  return text.length > mostCharacters ? `${text.slice(0, mostCharacters - 1)}…` : text;
}
