import { html, type Markup, type Part, raw } from '../../report/markup';
import type { ParameterDescription } from '../protocol';
import { curlOf, joinLines } from './curl';
import { type DocumentedRoute, errorsOf } from './document';
import { formatJson } from './format-json';

/** What all forms of a page have in common. */
export interface FormSettings {
  /** Of the page's own address, for commands; the script corrects it. */
  readonly origin: string;
  readonly basePath: string;
  /** Models that a path may name. */
  readonly modelNames: readonly string[];
  /** Header that carries credentials, where the guard tells of one. */
  readonly credentialHeader: string | undefined;
}

const json = 'application/json';

/** A body that can be typed. */
interface TextBody {
  readonly type: string;
  readonly text: string;
}

/**
 * One route: what it is for, a form that sends it, and the command that does the same.
 *
 * @param id unique in the page
 * @param open whether its form is seen at once
 */
export function routeForm(documented: DocumentedRoute, id: string, open: boolean, settings: FormSettings): Markup {
  const { route, path, description } = documented;
  const { method } = route;
  const bodies = textBodies(documented);
  const types = Object.keys(description.request ?? {});
  const others = types.filter((type) => !bodies.some((body) => body.type === type));
  return html`<details class="route" id="${id}"${raw(open ? ' open' : '')}>
<summary><span class="method ${method.toLowerCase()}">${method}</span><code class="path">${path}</code><span class="what">${description.summary}</span></summary>
<form data-method="${method}" data-path="${path}"${documented.isGuarded && settings.credentialHeader !== undefined && raw(' data-guarded')}${
    bodies.length === 0 && others.length > 0 && html` data-file-type="${others[0] as string}"`
  }>
${parameterFields(documented, id, settings)}
${bodies.length > 0 && bodyFields(bodies, id)}
${others.length > 0 && html`<p class="note">${bodies.length > 0 ? 'Takes also' : 'Takes'} ${commas(others)}.</p>`}
<div class="actions"><button type="submit" hidden data-needs-script>Send</button><noscript>Sending needs JavaScript.</noscript></div>
<div class="answer" hidden aria-live="polite"><p><span class="pill"></span> <span class="took"></span></p><pre tabindex="0"></pre></div>
<div class="command"><pre class="curl" tabindex="0">${linesOf(commandOf(documented, bodies[0], others[0], settings))}</pre><button type="button" class="copy" hidden data-needs-script>Copy</button></div>
${answersOf(documented)}
</form>
</details>`;
}

/** The bodies of text, with their examples. */
function textBodies({ description }: DocumentedRoute): readonly TextBody[] {
  return Object.entries(description.request ?? {})
    .filter(([type]) => /^text\/|json/.test(type))
    .map(([type, { example }]) => ({
      type,
      text: typeof example === 'string' && type !== json ? example : textOf(example),
    }));
}

function textOf(example: unknown): string {
  return example === undefined ? '' : formatJson(example);
}

function bodyFields(bodies: readonly TextBody[], id: string): Markup {
  const names = bodies.map(({ type }) => type);
  return html`${
    bodies.length > 1 &&
    html`<label hidden data-needs-script>Body is<select class="type">${names.map((type) => html`<option>${type}</option>`)}</select></label>`
  }${bodies.map(({ type, text }, index) => {
    const rows = Math.min(14, Math.max(3, text.split('\n').length + 1));
    return html`<div class="body"><label for="${id}-body-${index}">Body, ${type}</label>
<textarea id="${id}-body-${index}" data-type="${type}" rows="${rows}" spellcheck="false" autocapitalize="off" placeholder="${
      text === '' ? 'No example stands here: one row of this model would be long, or the model is not known.' : ''
    }">${linesOf(text)}</textarea></div>`;
  })}`;
}

function parameterFields({ path, description }: DocumentedRoute, id: string, { modelNames }: FormSettings): Part {
  const names = [...path.matchAll(/\{([^}]+)\}/g)].map(([, name]) => name as string);
  const { parameters = [] } = description;
  if (names.length + parameters.length === 0) return null;
  return html`<div class="pair">${names.map((name) =>
    name === 'model' && modelNames.length > 0
      ? html`<label>${name}<select data-in="path" data-name="${name}">${modelNames.map((each) => html`<option>${each}</option>`)}</select></label>`
      : html`<label>${name}<input data-in="path" data-name="${name}" required autocomplete="off" spellcheck="false"></label>`,
  )}${parameters.map((parameter, index) => readField(parameter, `${id}-read-${index}`))}</div>`;
}

function readField({ name, in: place, description }: ParameterDescription, id: string): Markup {
  return html`<label for="${id}">${name}, ${place}<input id="${id}" data-in="${place}" data-name="${name}" placeholder="${description}" autocomplete="off" spellcheck="false"></label>`;
}

/** The command of the form as it stands before anybody has touched it. */
function commandOf(
  { route, path, isGuarded }: DocumentedRoute,
  body: TextBody | undefined,
  fileType: string | undefined,
  { origin, basePath, modelNames, credentialHeader }: FormSettings,
): string {
  const filled = path.replace(/\{([^}]+)\}/g, (_found, name: string) =>
    name === 'model' && modelNames[0] !== undefined ? encodeURIComponent(modelNames[0]) : name.toUpperCase(),
  );
  const text = body?.type === json ? joinLines(body.text) : body?.text;
  return curlOf({
    method: route.method,
    url: `${origin}${basePath}${filled}`,
    contentType: body === undefined ? fileType : text === '' ? undefined : body.type,
    body:
      body === undefined
        ? fileType === undefined
          ? undefined
          : { file: 'body' }
        : text === '' || text === undefined
          ? undefined
          : { text },
    credentialHeader: isGuarded ? credentialHeader : undefined,
  });
}

function answersOf(documented: DocumentedRoute): Markup {
  const { response = {}, isAnswered = true } = documented.description;
  const types = Object.keys(response);
  const errors = errorsOf(documented);
  return html`<details class="answers"><summary>Answers</summary><dl>${
    isAnswered && html`<div><dt>200</dt><dd>${types.length === 0 ? 'The answer' : commas(types)}</dd></div>`
  }${errors.map(([status, { description }]) => html`<div><dt>${status}</dt><dd>${description}</dd></div>`)}</dl></details>`;
}

function commas(names: readonly string[]): Markup {
  return html`${names.map((name, index) => [index > 0 && ', ', html`<code>${name}</code>`])}`;
}

/** Lines stay lines, which escaping would join. */
function linesOf(text: string): Part {
  return text.split('\n').map((line, index) => [index > 0 && raw('\n'), line]);
}
