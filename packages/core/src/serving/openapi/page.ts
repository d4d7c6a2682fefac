import { html, type Markup, raw, textOf } from '../../report/markup';
import type { TensorSpec } from '../../signature';
import type { ServiceResponse } from '../exchange';
import { isRunnerReady, type ServedModel } from '../host/catalog';
import type { ProtocolContext } from '../protocol';
import { type About, type DocumentedRoute, documentedRoutes } from './document';
import { formatJson } from './format-json';
import { script } from './page-script';
import { style } from './page-style';

/** The documentation as a page: whole without its script, which only lets models be tried. */
export function renderPage(about: About, context: ProtocolContext): ServiceResponse {
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
    body: `<!doctype html>\n${textOf(pageOf(about, context, nonce))}\n`,
  };
}

function pageOf({ title, version, description }: About, context: ProtocolContext, nonce: string): Markup {
  const routes = documentedRoutes(context);
  const models = context.host.catalog.all();
  return html`<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style nonce="${nonce}">${raw(style)}</style>
</head>
<body>
<a class="skip" href="#models">Skip to the models</a>
<header>
<p class="eyebrow">Models over HTTP</p>
<h1>${title}</h1>
${description !== undefined && html`<p class="lead">${description}</p>`}
<p class="meta">Version ${version} · ${countOf(models.length, 'model')} · ${
    context.basePath !== '' && html`paths begin with <code>${context.basePath}</code> · `
  }<a href="openapi.json">openapi.json</a></p>
<nav aria-label="On this page">${models.map(({ name }, index) => html`<a href="#model-${index}">${name}</a>`)}<a href="#routes">All routes</a></nav>
</header>
<main id="models">
${credentials()}
${models.length === 0 && html`<p class="card empty">No model is served at present.</p>`}
${models.map((model, index) => modelSection(model, index, routes))}
${routesSection(routes)}
</main>
<footer>Made anew at every visit from what this server serves. Press Ctrl+Enter in a body to send it.</footer>
<script nonce="${nonce}">${raw(script)}</script>
</body>
</html>`;
}

/** Kept by nobody: it is gone when the page is. */
function credentials(): Markup {
  return html`<details class="card credentials" hidden data-needs-script>
<summary>Credentials</summary>
<p class="note">Sent with what you try on this page, and kept nowhere.</p>
<div class="pair">
<label>Header<input id="credential-name" value="authorization" autocomplete="off" spellcheck="false"></label>
<label>Value<input id="credential-value" type="password" placeholder="Bearer …" autocomplete="off" spellcheck="false"></label>
</div>
</details>`;
}

function modelSection(model: ServedModel, index: number, routes: readonly DocumentedRoute[]): Markup {
  const { name, runner } = model;
  const { version, digest } = runner.model;
  const { inputs, outputs, batchAxis } = runner.signature;
  const ready = isRunnerReady(model);
  const own = routes.filter((documented) => documented.model === model);
  return html`<section id="model-${index}" aria-labelledby="model-${index}-name">
<div class="head"><h2 id="model-${index}-name">${name}</h2><span class="pill ${ready ? 'good' : 'bad'}">${ready ? 'ready' : 'not ready'}</span></div>
<p class="meta">Version ${version}${digest !== '' && html` · SHA-256 <code title="${digest}">${digest.slice(0, 12)}</code>`} · ${
    batchAxis === null ? 'requests run one by one' : `rows of requests are joined along axis ${batchAxis}`
  }</p>
<div class="tensors">${tensorTable('Inputs', inputs)}${tensorTable('Outputs', outputs)}</div>
${own.map((documented, position) => tryForm(documented, `${index}-${position}`, position === 0))}
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

function tryForm({ route, path, description }: DocumentedRoute, id: string, open: boolean): Markup {
  const example = description.request?.['application/json']?.example;
  const lines = example === undefined ? [] : formatJson(example).split('\n');
  return html`<details class="card route"${raw(open ? ' open' : '')}>
<summary><span class="method">${route.method}</span> <code class="path">${path}</code> <span class="what">${description.summary}</span></summary>
<form data-method="${route.method}" data-path="${path}">
<label for="body-${id}">Body, JSON</label>
<textarea id="body-${id}" rows="${Math.min(16, Math.max(4, lines.length + 2))}" spellcheck="false" autocapitalize="off" placeholder="${
    example === undefined ? 'No example stands here: one row of this model would be long.' : ''
  }">${lines.map((line) => [line, raw('\n')])}</textarea>
<div class="actions"><button type="submit" hidden data-needs-script>Send</button><noscript>Sending needs JavaScript.</noscript></div>
<div class="answer" hidden aria-live="polite"><p><span class="pill"></span> <span class="took"></span></p><pre tabindex="0"></pre></div>
</form>
</details>`;
}

function routesSection(routes: readonly DocumentedRoute[]): Markup {
  const protocols = [...new Set(routes.map(({ route }) => route.protocol))];
  return html`<section id="routes"><h2>All routes</h2>
${protocols.map(
  (protocol) => html`<div class="card"><table class="routes"><caption>${protocol}</caption>
<thead class="hidden"><tr><th scope="col">Method</th><th scope="col">Path</th><th scope="col">What it answers</th></tr></thead>
<tbody>${routes
    .filter(({ route }) => route.protocol === protocol)
    .map(
      ({ route, path, description }) =>
        html`<tr><td><span class="method">${route.method}</span></td><th scope="row"><code>${path}</code></th><td>${description.summary}</td></tr>`,
    )}</tbody></table></div>`,
)}
</section>`;
}

function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
