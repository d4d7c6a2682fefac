import type { Plugin } from 'vite';

/** What the built page may do: its own files and WebAssembly, and nothing from or to anywhere else. */
const policy = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

/** Writes a Content-Security-Policy into the page, so that it holds on hosts whose headers one cannot set. */
export function contentPolicy(): Plugin {
  return {
    name: 'content-policy',
    // The development server puts inline styles and scripts into the page.
    apply: 'build',
    transformIndexHtml: () => [
      { tag: 'meta', attrs: { 'http-equiv': 'Content-Security-Policy', content: policy }, injectTo: 'head-prepend' },
    ],
  };
}
