import * as z from 'zod/mini';
import { parseOptions } from '../../config';
import type { ServiceResponse } from '../exchange';
import type { ServingProtocol } from '../protocol';

/** Options of {@link openApi}. */
export interface OpenApiOptions {
  /** What the document and the page are called. 1 character or more. @default 'Models' */
  readonly title?: string;
  /** Version of the service, as its operator counts. 1 character or more. @default '1' */
  readonly version?: string;
  /** What a reader should know first: plain text. @default none */
  readonly description?: string;
  /** Whether `GET /docs` answers a page for people. @default true */
  readonly page?: boolean;
}

const schema = z.strictObject({
  title: z.optional(z.string().check(z.minLength(1))),
  version: z.optional(z.string().check(z.minLength(1))),
  description: z.optional(z.string()),
  page: z.optional(z.boolean()),
});

/**
 * Documents what a service speaks, made anew at every request out of the routes that it has and the signatures of the models that it serves
 * at that moment.
 *
 * - `GET /openapi.json`: an OpenAPI 3.1 document. Routes that ask a model stand in it once a model, with the schema of its tensors
 * - `GET /docs`: the same as a page, on which models can be tried. It loads nothing from elsewhere
 *
 * A guard is asked for operation `documentation`.
 *
 * @throws FairleadError `INVALID_OPTION`
 */
export function openApi(options?: OpenApiOptions): ServingProtocol {
  const { title = 'Models', version = '1', description, page = true } = parseOptions(schema, options, 'openApi');
  const about = { title, version, description };
  return {
    name: 'openapi',
    addRoutes(routes, context) {
      // Most servers are never asked: what writes it is loaded when the first one does.
      routes.add('GET', '/openapi.json', 'documentation', async (): Promise<ServiceResponse> => {
        const { makeDocument } = await import('./document');
        return {
          status: 200,
          headers: { 'content-type': 'application/json', 'cache-control': 'no-cache' },
          body: JSON.stringify(await makeDocument(about, context)),
        };
      });
      if (!page) return;
      routes.add('GET', '/docs', 'documentation', async (request): Promise<ServiceResponse> => {
        // The page's links are relative to the path without a slash at its end.
        if (request.path.endsWith('/')) return { status: 308, headers: { location: '../docs' }, body: '' };
        const { renderPage } = await import('./page');
        return renderPage(about, context, request);
      });
    },
    describe: ({ path }) =>
      path === '/docs'
        ? { summary: 'This documentation as a page', response: { 'text/html': { schema: { type: 'string' } } } }
        : { summary: 'This document', response: { 'application/json': { schema: { type: 'object' } } } },
  };
}
