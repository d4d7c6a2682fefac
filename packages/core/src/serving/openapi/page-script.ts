/** So many characters of an answer are shown. */
const mostShown = 20_000;

/** What the page runs: sends the forms. Plain JavaScript, since nobody builds it; `format` is that of format-json.ts. */
export const script = `
'use strict';
(() => {
  const plain = (value) => JSON.stringify(value);
  const base = location.pathname.replace(/\\/docs\\/?$/, '');
  for (const element of document.querySelectorAll('[data-needs-script]')) element.hidden = false;

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

  const send = async (form) => {
    const body = form.querySelector('textarea').value;
    const answer = form.querySelector('.answer');
    const button = form.querySelector('button');
    try {
      JSON.parse(body);
    } catch (error) {
      show(answer, 'bad', 'not sent', 'The body is no JSON.', String(error.message));
      return;
    }
    const headers = { 'content-type': 'application/json' };
    const value = document.getElementById('credential-value').value;
    const startedAt = performance.now();
    button.disabled = true;
    try {
      if (value !== '') headers[document.getElementById('credential-name').value] = value;
      const response = await fetch(base + form.dataset.path, { method: form.dataset.method, headers, body });
      const text = await response.text();
      const took = (performance.now() - startedAt).toFixed(1) + ' ms';
      let shown = text;
      try {
        shown = format(JSON.parse(text));
      } catch {}
      show(answer, response.ok ? 'good' : 'bad', response.status + ' ' + response.statusText, took, shown);
    } catch (error) {
      show(answer, 'bad', 'not answered', '', String(error.message));
    } finally {
      button.disabled = false;
    }
  };

  for (const form of document.querySelectorAll('form')) {
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      void send(form);
    });
    form.querySelector('textarea').addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      void send(form);
    });
  }
})();
`;
