import { html, type Markup, raw, textOf } from '../../report/markup';
import type { TensorSpec } from '../../signature';
import type { ServiceRequest, ServiceResponse } from '../exchange';
import type { Guard } from '../host/call';
import { isRunnerReady, type ServedModel } from '../host/catalog';
import type { ProtocolContext } from '../protocol';
import { type About, type DocumentedRoute, documentedRoutes } from './document';
import { type FormSettings, routeForm } from './page-route';
import { script } from './page-script';
import { style } from './page-style';

/** The documentation as a page: whole without its script, which only lets routes be tried. */
export async function renderPage(
  about: About,
  context: ProtocolContext,
  request: ServiceRequest,
): Promise<ServiceResponse> {
  const routes = await documentedRoutes(context);
  // Only what bears it runs, so nothing that finds its way into the page by a name does.
  const nonce = crypto.randomUUID();
  const policy = [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src 'nonce-${nonce}'`,
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ];
  return {
    status: 200,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'content-security-policy': policy.join('; '),
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
    },
    body: `<!doctype html>\n${textOf(pageOf(about, context, routes, nonce, originOf(request)))}\n`,
  };
}

/** Where the client thinks that the page is; whatever is no name of a host is not repeated. */
function originOf({ header }: ServiceRequest): string {
  const host = header('host') ?? '';
  return `http://${/^[A-Za-z0-9.-]+(:\d{1,5})?$|^\[[0-9A-Fa-f:]+\](:\d{1,5})?$/.test(host) ? host : 'localhost'}`;
}

/** A route with its place in the page. */
interface PlacedRoute extends DocumentedRoute {
  readonly id: string;
}

function pageOf(
  { title, version, description }: About,
  context: ProtocolContext,
  documented: readonly DocumentedRoute[],
  nonce: string,
  origin: string,
): Markup {
  const { basePath, host } = context;
  const routes = documented.map((route, index): PlacedRoute => ({ ...route, id: `route-${index}` }));
  const models = host.catalog.all();
  const protocols = [...new Set(routes.map(({ route }) => route.protocol))];
  const settings: FormSettings = {
    origin,
    basePath,
    modelNames: models.map(({ name }) => name),
    credentialHeader: credentialHeaderOf(host.guard),
  };
  return html`<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style nonce="${nonce}">${raw(style)}</style>
</head>
<body data-credential-header="${settings.credentialHeader ?? ''}">
<a class="skip" href="#models">Skip to the models</a>
<header>
<p class="eyebrow">Models over HTTP</p>
<h1>${title}</h1>
${description !== undefined && html`<p class="lead">${description}</p>`}
<p class="meta">Version ${version} · ${countOf(models.length, 'model')} · ${countOf(routes.length, 'route')} · ${
    basePath !== '' && html`paths begin with <code>${basePath}</code> · `
  }<a href="openapi.json">openapi.json</a></p>
<nav aria-label="On this page"><p><span>Models</span>${models.map(({ name }, index) => html`<a href="#model-${index}">${name}</a>`)}</p>
<p><span>Protocols</span>${protocols.map((name, index) => html`<a href="#protocol-${index}">${name}</a>`)}</p></nav>
</header>
<main id="models">
${credentials(host.guard, settings)}
${models.length === 0 && html`<p class="card empty">No model is served at present.</p>`}
${models.map((model, index) => modelSection(model, index, routes, settings))}
${protocols.map((name, index) => protocolSection(name, index, routes, settings))}
</main>
<footer>Made anew at every visit from what this server serves. Press Ctrl+Enter in a body to send it.</footer>
<script nonce="${nonce}">${raw(script)}</script>
</body>
</html>`;
}

/** The header that the guard's first scheme reads; undefined where it tells of none. */
function credentialHeaderOf(guard: Guard | undefined): string | undefined {
  for (const scheme of Object.values(guard?.securitySchemes ?? {})) {
    if (scheme.type === 'http') return 'authorization';
    if (scheme.type === 'apiKey' && scheme.in === 'header' && /^[\w-]+$/.test(String(scheme.name)))
      return String(scheme.name);
  }
  return undefined;
}

/** Kept by nobody: it is gone when the page is. */
function credentials(guard: Guard | undefined, { credentialHeader = 'authorization' }: FormSettings): Markup {
  const schemes = Object.entries(guard?.securitySchemes ?? {});
  return html`<details class="card credentials" hidden data-needs-script${raw(schemes.length > 0 ? ' open' : '')}>
<summary>Credentials</summary>
<p class="note">Sent with what you try on this page, and kept nowhere.${schemes.length > 0 && ' One of these is asked for:'}</p>
${schemes.length > 0 && html`<ul>${schemes.map(([name, scheme]) => html`<li><code>${name}</code> ${textOfScheme(scheme)}</li>`)}</ul>`}
<div class="pair">
<label>Header<input id="credential-name" value="${credentialHeader}" autocomplete="off" spellcheck="false"></label>
<label>Value<input id="credential-value" type="password" placeholder="${credentialHeader === 'authorization' ? 'Bearer …' : ''}" autocomplete="off" spellcheck="false"></label>
</div>
</details>`;
}

function textOfScheme({ type, scheme, name, description }: Readonly<Record<string, unknown>>): string {
  const where =
    type === 'http' ? `authorization: ${String(scheme)}` : type === 'apiKey' ? `header ${String(name)}` : String(type);
  return typeof description === 'string' ? `${where}. ${description}` : where;
}

function modelSection(
  model: ServedModel,
  index: number,
  routes: readonly PlacedRoute[],
  settings: FormSettings,
): Markup {
  const { name, runner } = model;
  const { version, digest } = runner.model;
  const { inputs, outputs, batchAxis } = runner.signature;
  const ready = isRunnerReady(model);
  const own = routes.filter((documented) => documented.model === model);
  const protocols = [...new Set(own.map(({ route }) => route.protocol))];
  return html`<section id="model-${index}" aria-labelledby="model-${index}-name">
<div class="head"><h2 id="model-${index}-name">${name}</h2><span class="pill ${ready ? 'good' : 'bad'}">${ready ? 'ready' : 'not ready'}</span></div>
<p class="meta">Version ${version}${digest !== '' && html` · SHA-256 <code title="${digest}">${digest.slice(0, 12)}</code>`} · ${
    batchAxis === null ? 'requests run one by one' : `rows of requests are joined along axis ${batchAxis}`
  }</p>
<div class="tensors">${tensorTable('Inputs', inputs)}${tensorTable('Outputs', outputs)}</div>
${protocols.map(
  (protocol) => html`<div class="card routes"><h3>${protocol}</h3>
${own.filter(({ route }) => route.protocol === protocol).map((each) => routeForm(each, each.id, each === own[0], settings))}</div>`,
)}
</section>`;
}

function tensorTable(caption: string, specs: readonly TensorSpec[]): Markup {
  return html`<div class="card"><table><caption>${caption}</caption>
<thead><tr><th scope="col">Name</th><th scope="col">Type</th><th scope="col">Shape</th></tr></thead>
<tbody>${specs.map(
    ({ name, dtype, shape }) =>
      html`<tr><th scope="row"><code>${name}</code></th><td>${dtype}</td><td><code>[${shape.join(', ')}]</code></td></tr>`,
  )}</tbody></table></div>`;
}

/** All routes of a protocol: those that ask a model lead to its form above. */
function protocolSection(
  protocol: string,
  index: number,
  routes: readonly PlacedRoute[],
  settings: FormSettings,
): Markup {
  const all = routes.filter(({ route }) => route.protocol === protocol);
  const [asking, others] = [
    all.filter(({ model }) => model !== undefined),
    all.filter(({ model }) => model === undefined),
  ];
  return html`<section id="protocol-${index}" aria-labelledby="protocol-${index}-name">
<div class="head"><h2 id="protocol-${index}-name">${protocol}</h2><span class="pill">${countOf(all.length, 'route')}</span></div>
<div class="card routes">
${asking.map(
  ({ id, route, path, description }) =>
    html`<a class="route" href="#${id}"><span class="method ${route.method.toLowerCase()}">${route.method}</span><code class="path">${path}</code><span class="what">${description.summary}</span></a>`,
)}
${others.map((each) => routeForm(each, each.id, false, settings))}
</div>
</section>`;
}

function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
