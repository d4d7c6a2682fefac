import { mostCurlCharacters } from './curl';

/** So many characters of an answer are shown. */
const mostShown = 20_000;

/**
 * What the page runs: sends the forms, and writes their commands. Plain JavaScript, since nobody builds it; `format` is that of
 * format-json.ts, and `command` does what curl.ts does.
 */
export const script = `
'use strict';
(() => {
  const plain = (value) => JSON.stringify(value);
  const base = location.pathname.replace(/\\/docs\\/?$/, '');
  const credentialName = document.getElementById('credential-name');
  const credentialValue = document.getElementById('credential-value');
  const all = (root, selector) => [...root.querySelectorAll(selector)];
  for (const element of all(document, '[data-needs-script]')) element.hidden = false;

  const format = (value, indent = '') => {
    const inner = indent + '  ';
    if (Array.isArray(value)) {
      if (!value.some((item) => typeof item === 'object' && item !== null)) return '[' + value.map(plain).join(', ') + ']';
      return '[\\n' + value.map((item) => inner + format(item, inner)).join(',\\n') + '\\n' + indent + ']';
    }
    if (typeof value !== 'object' || value === null) return plain(value);
    const fields = Object.entries(value).map(([key, item]) => inner + plain(key) + ': ' + format(item, inner));
    return fields.length === 0 ? '{}' : '{\\n' + fields.join(',\\n') + '\\n' + indent + '}';
  };

  const show = (answer, kind, status, took, text) => {
    answer.hidden = false;
    const pill = answer.querySelector('.pill');
    pill.className = 'pill ' + kind;
    pill.textContent = status;
    answer.querySelector('.took').textContent = took;
    const rest = text.length - ${mostShown};
    answer.querySelector('pre').textContent = rest > 0 ? text.slice(0, ${mostShown}) + '\\n… and ' + rest + ' characters more' : text;
  };

  const bodyOf = (form) => all(form, 'textarea').find((each) => !each.closest('.body').hidden);

  const urlOf = (form, isDraft) => {
    const values = {};
    const query = new URLSearchParams();
    for (const { dataset, value } of all(form, '[data-in]')) {
      if (dataset.in === 'path') values[dataset.name] = value === '' && isDraft ? dataset.name.toUpperCase() : encodeURIComponent(value);
      else if (dataset.in === 'query' && value !== '') query.set(dataset.name, value);
    }
    const path = form.dataset.path.replace(/\\{([^}]+)\\}/g, (found, name) => values[name] ?? found);
    const search = query.toString();
    return base + path + (search === '' ? '' : '?' + search);
  };

  const headersOf = (form) =>
    Object.fromEntries(all(form, '[data-in=header]').filter(({ value }) => value !== '').map(({ dataset, value }) => [dataset.name, value]));

  const quoted = (text) => "'" + text.replaceAll("'", "'\\\\''") + "'";

  const command = (form) => {
    const { method, fileType, guarded } = form.dataset;
    const field = bodyOf(form);
    const type = field?.dataset.type ?? fileType;
    let text = field?.value ?? '';
    if (type === 'application/json') text = text.trim().replace(/\\s*\\n\\s*/g, ' ');
    const hasBody = text !== '' || (field === undefined && fileType !== undefined);
    const isPlain = hasBody ? method === 'POST' : method === 'GET';
    const parts = ['curl ' + (isPlain ? '' : '-X ' + method + ' ') + quoted(location.origin + urlOf(form, true))];
    const name = credentialName.value;
    if ((guarded !== undefined || credentialValue.value !== '') && /^[\\w-]+$/.test(name))
      parts.push('-H "' + name + ': ' + (name.toLowerCase() === 'authorization' ? 'Bearer ' : '') + '$TOKEN"');
    for (const [header, value] of Object.entries(headersOf(form))) parts.push('-H ' + quoted(header + ': ' + value));
    if (hasBody) {
      parts.push('-H ' + quoted('content-type: ' + type));
      parts.push('--data-binary ' + (field === undefined || text.length > ${mostCurlCharacters} ? '@body' : quoted(text)));
    }
    return parts.join(' \\\\\\n  ');
  };

  const refresh = (form) => {
    form.querySelector('.curl').textContent = command(form);
  };

  const shownText = async (response) => {
    const type = response.headers.get('content-type') ?? '';
    if (!/json|text|^$/.test(type)) return (await response.arrayBuffer()).byteLength + ' bytes of ' + type;
    const text = await response.text();
    try {
      return format(JSON.parse(text));
    } catch {
      return text;
    }
  };

  const send = async (form) => {
    const field = bodyOf(form);
    const body = field?.value ?? '';
    const answer = form.querySelector('.answer');
    const button = form.querySelector('button[type=submit]');
    const headers = headersOf(form);
    if (field !== undefined && body !== '') {
      headers['content-type'] = field.dataset.type;
      if (field.dataset.type === 'application/json') {
        try {
          JSON.parse(body);
        } catch (error) {
          show(answer, 'bad', 'not sent', 'The body is no JSON.', String(error.message));
          return;
        }
      }
    }
    const startedAt = performance.now();
    button.disabled = true;
    try {
      if (credentialValue.value !== '') headers[credentialName.value] = credentialValue.value;
      const response = await fetch(urlOf(form, false), { method: form.dataset.method, headers, ...(body !== '' && { body }) });
      const text = await shownText(response);
      const took = (performance.now() - startedAt).toFixed(1) + ' ms';
      show(answer, response.ok ? 'good' : 'bad', response.status + ' ' + response.statusText, took, text);
    } catch (error) {
      show(answer, 'bad', 'not answered', '', String(error.message));
    } finally {
      button.disabled = false;
    }
  };

  const copy = async (button, text) => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = 'Copied';
    } catch {
      getSelection().selectAllChildren(button.previousElementSibling);
      button.textContent = 'Selected';
    }
    setTimeout(() => { button.textContent = 'Copy'; }, 1500);
  };

  const forms = all(document, 'form');
  const choose = (form) => {
    const type = form.querySelector('.type')?.value;
    for (const body of all(form, '.body')) body.hidden = type !== undefined && body.querySelector('textarea').dataset.type !== type;
  };
  for (const form of forms) {
    choose(form);
    refresh(form);
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      void send(form);
    });
    form.addEventListener('input', () => {
      choose(form);
      refresh(form);
    });
    form.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey) || event.target.tagName !== 'TEXTAREA') return;
      event.preventDefault();
      form.requestSubmit();
    });
    const button = form.querySelector('.copy');
    button.addEventListener('click', () => void copy(button, form.querySelector('.curl').textContent));
  }
  for (const field of [credentialName, credentialValue]) field.addEventListener('input', () => forms.forEach(refresh));

  const reveal = () => {
    const target = document.getElementById(location.hash.slice(1));
    if (target === null || target.tagName !== 'DETAILS') return;
    target.open = true;
    target.scrollIntoView();
  };
  addEventListener('hashchange', reveal);
  reveal();
})();
`;
