import { z } from 'zod';
import { createDocument } from 'zod-openapi';
import { problem } from './contract/common.ts';
import { PERMISSIONS, type Access } from './permissions.ts';
import { methodAndPath, type AnswerDocument, type OpenRoute, type Route } from './route.ts';

type Document = ReturnType<typeof createDocument>;
type Paths = NonNullable<Parameters<typeof createDocument>[0]['paths']>;
type Operation = NonNullable<NonNullable<Paths[string]>['get']>;

/** The OpenAPI 3.1 document, generated from the schemas that the server validates with. */
export function openApiDocument(options: {
  readonly routes: readonly Route[];
  readonly openRoutes: readonly OpenRoute[];
  readonly version: string;
  readonly publicUrl: string;
}): Document {
  const paths: Record<string, Record<string, Operation>> = {};
  const add = (name: Route['name'], operation: Operation): void => {
    const { method, path } = methodAndPath(name);
    const at = path.replace(/[:*](\w+)/g, '{$1}');
    paths[at] = { ...paths[at], [method]: operation };
  };
  for (const route of options.routes) add(route.name, operationOf(route));
  for (const route of options.openRoutes) add(route.name, openOperationOf(route));
  return createDocument({
    openapi: '3.1.0',
    info: {
      title: 'Countersign',
      version: options.version,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      description:
        'Stops an action that a person must answer for, and lets it go on only with a sealed record.',
    },
    servers: [{ url: options.publicUrl }],
    components: {
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          description: 'An app key `cs_<id>_<secret>`, or the token of a sample person (loopback).',
        },
      },
    },
    security: [{ bearer: [] }],
    paths: paths as Paths,
  });
}

function operationOf(route: Route): Operation {
  return {
    operationId: operationId(route.name),
    tags: [tagOf(route.name)],
    summary: route.summary,
    description: [route.description, callers(route.name)].filter(Boolean).join('\n\n'),
    requestParams: {
      ...pathParams(route.name),
      ...(route.query === undefined ? {} : { query: route.query as z.ZodObject }),
      ...requestHeaders(route),
    },
    ...requestBody(route),
    responses: {
      ...Object.fromEntries(
        Object.entries(route.answers).map(([status, answer]) => [
          status,
          responseOf(answer, route.name.startsWith('POST ')),
        ]),
      ),
      '4XX': PROBLEM,
      '5XX': PROBLEM,
    },
  } as Operation;
}

function requestBody({ body, textTypes = [] }: Route) {
  if (body === undefined) return {};
  // Where every field may be left out, the whole body may.
  const required = !body.safeParse({}).success;
  const texts = textTypes.slice(0, 1).map((type) => [type, { schema: z.string() }]);
  const content = Object.fromEntries([['application/json', { schema: body }], ...texts]);
  return { requestBody: { required, content } };
}

function responseOf(answer: AnswerDocument, isPost: boolean) {
  const { description, schema, mediaType, headers = [] } = answer;
  const names = [...headers, ...(isPost ? (['Idempotent-Replayed'] as const) : [])];
  return {
    description,
    ...(schema === undefined ? {} : { content: { 'application/json': { schema } } }),
    ...(mediaType === undefined ? {} : { content: { [mediaType]: { schema: z.string() } } }),
    ...(names.length === 0
      ? {}
      : { headers: Object.fromEntries(names.map((name) => [name, RESPONSE_HEADERS[name]])) }),
  };
}

const header = (description: string) => ({ description, schema: { type: 'string' } }) as const;

const RESPONSE_HEADERS = {
  ETag: header('strong; changes whenever the answer would be another one'),
  Link: header('rel="next": the next page; absent on the last one'),
  Location: header('where what was made or recorded is found'),
  'Idempotent-Replayed': header('`true` where an earlier call with the key had made the answer'),
} as const;

const REQUEST_HEADERS = {
  'Idempotency-Key': z
    .string()
    .max(255)
    .optional()
    .meta({ description: 'the same key and body give the first answer again' }),
  'If-Match': z.string().optional().meta({ description: 'ETag of the newest version' }),
  'If-None-Match': z.string().optional().meta({ description: 'ETag that the caller knows' }),
} as const;

function requestHeaders(route: Route): { header?: z.ZodObject } {
  const post = route.name.startsWith('POST ') ? (['Idempotency-Key'] as const) : [];
  const names = [...post, ...(route.requestHeaders ?? [])];
  if (names.length === 0) return {};
  return {
    header: z.object(Object.fromEntries(names.map((name) => [name, REQUEST_HEADERS[name]]))),
  };
}

function openOperationOf(route: OpenRoute): Operation {
  const content = { [route.contentType]: { schema: z.unknown() } };
  return {
    operationId: operationId(route.name),
    tags: [tagOf(route.name)],
    summary: route.summary,
    security: [],
    requestParams: {
      ...pathParams(route.name),
      ...(route.query === undefined ? {} : { query: route.query as z.ZodObject }),
    },
    responses: {
      200: { description: 'the answer', content },
      ...(route.name === 'GET /readyz'
        ? { 503: { description: 'something is out of reach', content } }
        : {}),
      ...(route.name.includes(' /v1/') ? { '4XX': PROBLEM, '5XX': PROBLEM } : {}),
    },
  } as Operation;
}

const PROBLEM = {
  description: 'problem details',
  content: { 'application/problem+json': { schema: problem } },
} as const;

/** `GET /v1/requests/:id/view` → `requests`; what is outside of /v1 is about the installation. */
function tagOf(name: string): string {
  return / \/v1\/([a-z-]+)/.exec(name)?.[1] ?? 'installation';
}

/** `GET /v1/requests/:id/view` → `getV1RequestsIdView` */
function operationId(name: string): string {
  const [method = '', ...rest] = name
    .replace(/[^A-Za-z0-9]+/g, ' ')
    .trim()
    .split(' ');
  return method.toLowerCase() + rest.map((word) => word[0]?.toUpperCase() + word.slice(1)).join('');
}

function pathParams(name: string): { path?: z.ZodObject } {
  const names = [...name.matchAll(/[:*](\w+)/g)].map(([, param]) => [param as string, z.string()]);
  return names.length === 0 ? {} : { path: z.object(Object.fromEntries(names)) };
}

function callers(name: Route['name']): string {
  const access: Access = PERMISSIONS[name];
  if (typeof access === 'string') return '';
  const app =
    access.app === false
      ? 'apps may not'
      : access.app === 'any'
        ? 'any app'
        : `apps with the scope \`${access.app}\``;
  const person =
    access.person === 'any'
      ? 'any person'
      : access.person === false
        ? 'people may not'
        : `people with the role ${access.person.map((role) => `\`${role}\``).join(' or ')}`;
  const self = access.self === true ? ', and whoever the path names' : '';
  return `Who may call: ${app}; ${person}${self}.`;
}
