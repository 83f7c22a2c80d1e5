import { z } from 'zod';
import type { Deps } from '../../application/deps.ts';
import { notFound } from '../../application/error.ts';
import { onceOnly } from '../../application/idempotency.ts';
import {
  policyPage,
  policyVersion,
  publishPolicy,
  type PolicyCache,
  type PolicyVersionRow,
} from '../../application/policies.ts';
import {
  directoryQuery,
  policyDocument,
  policyShape,
  publishedShape,
} from '../contract/directory.ts';
import { pageOf } from '../page.ts';
import type { Call, Route } from '../route.ts';
import { authorOf } from './directory.ts';
import { useOf } from './requests.ts';

const YAML = ['application/yaml', 'application/x-yaml', 'text/yaml'];

const etagOf = ({ id, version }: PolicyVersionRow): string => `"${id}@${version}"`;

/** Policies as data: immutable versions. */
export function policyRoutes(deps: Deps & { readonly policies: PolicyCache }): Route[] {
  return [
    {
      name: 'GET /v1/policies',
      summary: 'List policies, newest version of each',
      query: directoryQuery,
      answers: {
        200: { description: 'a page', schema: z.object({ items: z.array(policyShape) }) },
      },
      handle: async (call) =>
        pageOf(
          call,
          '/v1/policies',
          (page) => policyPage(deps, page),
          (row) => row,
        ),
    },
    {
      name: 'GET /v1/policies/:id/versions/:version',
      summary: 'Read one version with its exact text',
      answers: { 200: { description: 'the version', schema: policyShape } },
      handle: async (call) => {
        const row = await policyVersion(deps, idOf(call), versionOf(call));
        return { status: 200, body: row, headers: { ETag: etagOf(row) } };
      },
    },
    {
      name: 'POST /v1/policies/:id/versions',
      summary: 'Publish the next version (JSON or YAML); later ones need If-Match',
      body: policyDocument,
      textTypes: YAML,
      answers: { 201: { description: 'published and sealed', schema: publishedShape } },
      handle: async (call) => publish(deps, call),
    },
  ];
}

async function publish(deps: Deps & { readonly policies: PolicyCache }, call: Call) {
  const isYaml = YAML.includes(call.mediaType);
  const id = idOf(call);
  const answered = await onceOnly(
    deps,
    useOf(call, `POST /v1/policies/${id}/versions`, isYaml ? call.text : call.body),
    {
      toAnswer: (row: PolicyVersionRow) => ({
        status: 201,
        body: { id: row.id, version: row.version },
        headers: {
          Location: `/v1/policies/${row.id}/versions/${row.version}`,
          ETag: etagOf(row),
        },
      }),
      work: (remember) =>
        publishPolicy(deps, {
          id,
          source: call.text,
          format: isYaml ? 'yaml' : 'json',
          expected: expectedOf(call.header('if-match'), id),
          author: { ...authorOf(call.principal), name: call.principal.id },
          remember,
        }),
    },
  );
  deps.policies.drop();
  return answered;
}

function idOf(call: Call): string {
  return call.params['id'] ?? '';
}

function versionOf(call: Call): number {
  const text = call.params['version'] ?? '';
  if (!/^[1-9]\d{0,8}$/.test(text)) throw notFound('policy version');
  return Number(text);
}

/** @returns the version that If-Match names; -1 for a tag that is no version of this policy. */
function expectedOf(header: string | null, id: string): number | null {
  if (header === null) return null;
  const match = /^"(.+)@([1-9]\d{0,8})"$/.exec(header.trim());
  return match !== null && match[1] === id ? Number(match[2]) : -1;
}
