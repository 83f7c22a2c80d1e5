import { onceOnly, type Answer } from '../../application/idempotency.ts';
import {
  policyDiff,
  proposalPage,
  requestPolicy,
  shadowSummary,
} from '../../application/policy-history.ts';
import { publishOrPropose, type PublicationResult } from '../../application/policy-proposals.ts';
import { policyPage, policyVersion, versionPage } from '../../application/policy-queries.ts';
import { visibleRequest } from '../../application/request-queries.ts';
import type { SubmitDeps } from '../../application/submit-request.ts';
import { authorOf, callerOf, nameId, personOf, requestId, useOf, versionOf } from '../call.ts';
import { versionsNamed, versionTag } from '../conditional.ts';
import { publishedShape } from '../contract/directory.ts';
import {
  diffShape,
  policyDocument,
  policyQuery,
  policyShape,
  proposalShape,
  proposedShape,
  requestPolicyShape,
  shadowQuery,
  shadowShape,
  versionsQuery,
} from '../contract/policies.ts';
import { keysetOf, listOf, pageOf } from '../page.ts';
import { ok, type Call, type Route, type RouteAnswer } from '../route.ts';

const YAML = ['application/yaml', 'application/x-yaml', 'text/yaml'];

/** Policies as data: immutable versions, what they changed, and how they came to be. */
export function policyRoutes(deps: SubmitDeps): Route[] {
  return [...readingRoutes(deps), publishingRoute(deps), ...historyRoutes(deps)];
}

function readingRoutes(deps: SubmitDeps): Route[] {
  return [
    {
      name: 'GET /v1/policies',
      summary:
        'List policies, newest version of each; ?review=overdue: those to be looked at again',
      query: policyQuery,
      answers: { 200: { description: 'a page', schema: listOf(policyShape), headers: ['Link'] } },
      handle: async (call) => {
        const isOverdue = call.query['review'] === 'overdue';
        return pageOf(deps, call, {
          path: '/v1/policies',
          list: isOverdue ? '/v1/policies?review=overdue' : '/v1/policies',
          read: (page) => policyPage(deps, { ...page, isOverdue }),
          show: (row) => row,
        });
      },
    },
    {
      name: 'GET /v1/policies/:id/versions',
      summary: 'List the versions of a policy, newest first',
      query: versionsQuery,
      answers: { 200: { description: 'a page', schema: listOf(policyShape), headers: ['Link'] } },
      handle: async (call) => {
        const id = nameId(call, 'policy');
        return keysetOf(deps, call, {
          path: `/v1/policies/${id}/versions`,
          read: ({ after, limit }) =>
            versionPage(deps, { id, limit, before: after === null ? null : Number(after) }),
          place: ({ version }) => String(version),
        });
      },
    },
    {
      name: 'GET /v1/policies/:id/versions/:version',
      summary: 'Read one version with its exact text',
      answers: {
        200: { description: 'the version', schema: policyShape, headers: ['ETag'] },
        304: { description: 'it has the ETag of If-None-Match' },
      },
      handle: async (call) => {
        const row = await policyVersion(deps, nameId(call, 'policy'), versionOf(call, 'policy'));
        return { status: 200, body: row, headers: { ETag: versionTag(row) } };
      },
    },
    {
      name: 'GET /v1/requests/:id/policy',
      summary: 'The exact policy text that a request is decided by',
      answers: { 200: { description: 'the policy', schema: requestPolicyShape } },
      handle: async (call) => {
        const { state } = await visibleRequest(deps, call.principal, requestId(call));
        return ok(await requestPolicy(deps, state));
      },
    },
  ];
}

function publishingRoute(deps: SubmitDeps): Route {
  return {
    name: 'POST /v1/policies/:id/versions',
    summary: 'Publish the next version (JSON or YAML)',
    description:
      'A first version needs no precondition, later ones the ETag of the newest in If-Match (`*`: whichever it is). Where a policy for `policy-change` is in force, a request is opened instead, and the version is published when it is approved.',
    body: policyDocument,
    textTypes: YAML,
    requestHeaders: ['If-Match'],
    answers: {
      201: {
        description: 'published and sealed',
        schema: publishedShape,
        headers: ['Location', 'ETag'],
      },
      202: {
        description: 'proposed and sealed: others decide',
        schema: proposedShape,
        headers: ['Location'],
      },
    },
    handle: async (call) => publish(deps, call),
  };
}

function historyRoutes(deps: SubmitDeps): Route[] {
  return [
    {
      name: 'GET /v1/policies/:id/versions/:version/diff',
      summary: 'What a version changed, in words and as text',
      answers: { 200: { description: 'the changes', schema: diffShape } },
      handle: async (call) =>
        ok(
          await policyDiff(deps, {
            id: nameId(call, 'policy'),
            version: versionOf(call, 'policy'),
          }),
        ),
    },
    {
      name: 'GET /v1/policies/:id/proposals',
      summary: 'Versions that were proposed, newest first, and what became of them',
      query: versionsQuery,
      answers: { 200: { description: 'a page', schema: listOf(proposalShape), headers: ['Link'] } },
      handle: async (call) => {
        const id = nameId(call, 'policy');
        return keysetOf(deps, call, {
          path: `/v1/policies/${id}/proposals`,
          read: ({ after, limit }) => {
            const [createdAt = '', request = ''] = (after ?? '').split(' ');
            const before = after === null ? null : { createdAt, requestId: request };
            return proposalPage(deps, { id, limit, before });
          },
          place: ({ createdAt, request }) => `${createdAt} ${request}`,
        });
      },
    },
    {
      name: 'GET /v1/policies/:id/shadow',
      summary: 'What versions in shadow mode would have said, and how often it would have mattered',
      query: shadowQuery,
      answers: { 200: { description: 'the counts', schema: shadowShape } },
      handle: async (call) => {
        const { from = null, until = null } = call.query as { from?: string; until?: string };
        return ok(await shadowSummary(deps, { id: nameId(call, 'policy'), from, until }));
      },
    },
  ];
}

async function publish(deps: SubmitDeps, call: Call): Promise<RouteAnswer> {
  const id = nameId(call, 'policy');
  const principal = personOf(call);
  const isYaml = YAML.includes(call.mediaType);
  const use = useOf(call, `POST /v1/policies/${id}/versions`, isYaml ? call.text : call.body);
  return onceOnly(deps, use, {
    toAnswer,
    work: (remember) =>
      publishOrPropose(
        deps,
        { ...callerOf(call), principal },
        {
          id,
          source: call.text,
          format: isYaml ? 'yaml' : 'json',
          expected: versionsNamed(call.header('if-match'), id),
          author: { ...authorOf(call), name: principal.id },
          remember,
        },
      ),
  });
}

function toAnswer(result: PublicationResult): Answer {
  if (result.kind === 'proposed') {
    const { request, version } = result;
    return {
      status: 202,
      body: { request, version },
      headers: { Location: `/v1/requests/${request}` },
    };
  }
  const { id, version } = result.row;
  const headers = {
    Location: `/v1/policies/${id}/versions/${version}`,
    ETag: versionTag(result.row),
  };
  return { status: 201, body: { id, version }, headers };
}
