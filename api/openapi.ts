import { z } from 'zod';
import { createDocument } from 'zod-openapi';
import { problem } from './contract/common.ts';
import { PERMISSIONS } from './permissions.ts';
import { methodAndPath, type OpenRoute, type Route } from './route.ts';

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
    const at = path.replace(/:(\w+)/g, '{$1}');
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
  const answers = Object.entries(route.answers).map(([status, { description, schema }]) => [
    status,
    {
      description,
      ...(schema === undefined ? {} : { content: { 'application/json': { schema } } }),
    },
  ]);
  return {
    operationId: operationId(route.name),
    summary: route.summary,
    description: [route.description, callers(route.name)].filter(Boolean).join('\n\n'),
    requestParams: {
      ...pathParams(route.name),
      ...(route.query === undefined ? {} : { query: route.query as z.ZodObject }),
      ...(route.name.startsWith('POST ') ? { header: IDEMPOTENCY } : {}),
    },
    ...(route.body === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: Object.fromEntries(
              ['application/json', ...(route.textTypes?.slice(0, 1) ?? [])].map((type) => [
                type,
                { schema: type === 'application/json' ? route.body : z.string() },
              ]),
            ),
          },
        }),
    responses: {
      ...Object.fromEntries(answers),
      '4XX': PROBLEM,
      '5XX': PROBLEM,
    },
  } as Operation;
}

function openOperationOf(route: OpenRoute): Operation {
  return {
    operationId: operationId(route.name),
    summary: route.summary,
    security: [],
    requestParams: pathParams(route.name),
    responses: {
      200: { description: 'the answer', content: { [route.contentType]: { schema: z.unknown() } } },
    },
  } as Operation;
}

const IDEMPOTENCY = z.object({
  'Idempotency-Key': z
    .string()
    .max(255)
    .optional()
    .meta({ description: 'the same key and body give the first answer again' }),
});

const PROBLEM = {
  description: 'problem details',
  content: { 'application/problem+json': { schema: problem } },
} as const;

/** `GET /v1/requests/:id/view` → `getV1RequestsIdView` */
function operationId(name: string): string {
  const [method = '', ...rest] = name
    .replace(/[^A-Za-z0-9]+/g, ' ')
    .trim()
    .split(' ');
  return method.toLowerCase() + rest.map((word) => word[0]?.toUpperCase() + word.slice(1)).join('');
}

function pathParams(name: string): { path?: z.ZodObject } {
  const names = [...name.matchAll(/:(\w+)/g)].map(([, param]) => [param as string, z.string()]);
  return names.length === 0 ? {} : { path: z.object(Object.fromEntries(names)) };
}

function callers(name: Route['name']): string {
  const access = PERMISSIONS[name];
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
  return `Who may call: ${app}; ${person}.`;
}
