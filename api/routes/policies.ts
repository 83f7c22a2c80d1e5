import type { Deps } from '../../application/deps.ts';
import { notFound } from '../../application/error.ts';
import { onceOnly } from '../../application/idempotency.ts';
import {
  policyPage,
  policyVersion,
  publishPolicy,
  type PolicyCache,
  type Publication,
  type PolicyVersionRow,
} from '../../application/policies.ts';
import { authorOf, nameId, useOf } from '../call.ts';
import { matchTags } from '../conditional.ts';
import {
  directoryQuery,
  policyDocument,
  policyShape,
  publishedShape,
} from '../contract/directory.ts';
import { listOf, pageOf } from '../page.ts';
import type { Call, Route, RouteAnswer } from '../route.ts';

const YAML = ['application/yaml', 'application/x-yaml', 'text/yaml'];

export interface PolicyRouteDeps extends Deps {
  readonly policies: PolicyCache;
}

/** Policies as data: immutable versions. */
export function policyRoutes(deps: PolicyRouteDeps): Route[] {
  return [
    {
      name: 'GET /v1/policies',
      summary: 'List policies, newest version of each',
      query: directoryQuery,
      answers: { 200: { description: 'a page', schema: listOf(policyShape), headers: ['Link'] } },
      handle: async (call) =>
        pageOf(deps, call, {
          path: '/v1/policies',
          read: (page) => policyPage(deps, page),
          show: (row) => row,
        }),
    },
    {
      name: 'GET /v1/policies/:id/versions/:version',
      summary: 'Read one version with its exact text',
      answers: {
        200: { description: 'the version', schema: policyShape, headers: ['ETag'] },
        304: { description: 'it has the ETag of If-None-Match' },
      },
      handle: async (call) => {
        const row = await policyVersion(deps, nameId(call, 'policy'), versionOf(call));
        return { status: 200, body: row, headers: { ETag: etagOf(row) } };
      },
    },
    {
      name: 'POST /v1/policies/:id/versions',
      summary: 'Publish the next version (JSON or YAML)',
      description:
        'A first version needs no precondition, later ones the ETag of the newest in If-Match (`*`: whichever it is).',
      body: policyDocument,
      textTypes: YAML,
      requestHeaders: ['If-Match'],
      answers: {
        201: {
          description: 'published and sealed',
          schema: publishedShape,
          headers: ['Location', 'ETag'],
        },
      },
      handle: async (call) => publish(deps, call),
    },
  ];
}

async function publish(deps: PolicyRouteDeps, call: Call): Promise<RouteAnswer> {
  const id = nameId(call, 'policy');
  const isYaml = YAML.includes(call.mediaType);
  const use = useOf(call, `POST /v1/policies/${id}/versions`, isYaml ? call.text : call.body);
  const answered = await onceOnly(deps, use, {
    toAnswer: (row: PolicyVersionRow) => ({
      status: 201,
      body: { id: row.id, version: row.version },
      headers: { Location: `/v1/policies/${row.id}/versions/${row.version}`, ETag: etagOf(row) },
    }),
    work: (remember) =>
      publishPolicy(deps, {
        id,
        source: call.text,
        format: isYaml ? 'yaml' : 'json',
        expected: expectedOf(call.header('if-match'), id),
        author: { ...authorOf(call), name: call.principal.id },
        remember,
      }),
  });
  deps.policies.drop();
  return answered;
}

const etagOf = ({ id, version }: PolicyVersionRow): string => `"${id}@${version}"`;

function versionOf(call: Call): number {
  const text = call.params['version'] ?? '';
  if (!/^[1-9]\d{0,8}$/.test(text)) throw notFound('policy version');
  return Number(text);
}

/** @returns the versions of this policy that If-Match names; null where none was sent. */
function expectedOf(header: string | null, id: string): Publication['expected'] {
  const tags = header === null ? null : matchTags(header);
  if (tags === null || tags === 'any') return tags;
  return tags.flatMap((tag) => {
    const match = /^"(.+)@([1-9]\d{0,8})"$/.exec(tag);
    return match !== null && match[1] === id ? [Number(match[2])] : [];
  });
}
