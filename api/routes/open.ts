import { join } from 'node:path';
import swaggerUi from 'swagger-ui-dist';
import type { Response } from 'express';
import { isFromLoopback } from '../guard.ts';
import type { Readiness } from '../health.ts';
import type { Metrics } from '../metrics.ts';
import { notFound } from '../../application/error.ts';
import type { OpenRoute } from '../route.ts';

export interface OpenRouteDeps {
  readonly readiness: Readiness;
  readonly metrics: Metrics;
  /** Made once all routes are known. */
  readonly document: () => unknown;
}

/** What answers without a credential: health, documents, metrics. */
export function openRoutes(deps: OpenRouteDeps): OpenRoute[] {
  return [
    {
      name: 'GET /healthz',
      summary: 'The process lives',
      contentType: 'application/json',
      handle: (_request, response) => sendJson(response, 200, { status: 'ok' }),
    },
    {
      name: 'GET /readyz',
      summary: 'PostgreSQL and Temporal are within reach; at most two seconds old',
      contentType: 'application/json',
      handle: (_request, response) => {
        const { ready, checks } = deps.readiness.state();
        const body = { status: ready ? 'ready' : 'not ready', checks };
        sendJson(response, ready ? 200 : 503, body);
      },
    },
    {
      name: 'GET /metrics',
      summary: 'Prometheus text, for this machine only',
      contentType: 'text/plain',
      handle: async (request, response) => {
        if (!isFromLoopback(request)) throw notFound('page');
        response.type(deps.metrics.contentType).send(await deps.metrics.text());
      },
    },
    {
      name: 'GET /openapi.json',
      summary: 'This document',
      contentType: 'application/json',
      handle: (_request, response) => sendJson(response, 200, deps.document()),
    },
    {
      name: 'GET /docs',
      summary: 'The interface, to read and to try',
      contentType: 'text/html',
      handle: (_request, response) => {
        response.type('html').send(DOCS_PAGE);
      },
    },
    {
      name: 'GET /docs/:file',
      summary: 'Parts of that page',
      contentType: '*/*',
      handle: (request, response) => sendDocsFile(String(request.params['file']), response),
    },
  ];
}

function sendJson(response: Response, status: number, body: unknown): void {
  response.status(status).type('application/json').send(JSON.stringify(body));
}

/** No script and no style inside the page: it works under the strictest content policy. */
const DOCS_PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Countersign API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="docs"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
`;

const START_SCRIPT = `window.ui = SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#docs',
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  tryItOutEnabled: false,
});
`;

const LIBRARY_FILES: readonly string[] = ['swagger-ui.css', 'swagger-ui-bundle.js'];

function sendDocsFile(file: string, response: Response): void {
  if (file === 'start.js') {
    response.type('text/javascript').send(START_SCRIPT);
    return;
  }
  if (!LIBRARY_FILES.includes(file)) throw notFound('page');
  response.set('Cache-Control', 'public, max-age=3600');
  response.sendFile(join(swaggerUi.getAbsoluteFSPath(), file));
}
