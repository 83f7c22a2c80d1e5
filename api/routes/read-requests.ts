import type { z } from 'zod';
import { commandStatus, type ActDeps } from '../../application/approval-service.ts';
import { getChain } from '../../application/chain.ts';
import { exportEvidence, type EvidenceDeps } from '../../application/evidence.ts';
import { listVisible } from '../../application/request-lists.ts';
import { viewRequest } from '../../application/request-queries.ts';
import { authorOf, callerOf, commandId, requestId } from '../call.ts';
import {
  chainShape,
  commandAnswer,
  evidenceQuery,
  listQuery,
  requestShape,
  viewShape,
  waitQuery,
} from '../contract/requests.ts';
import { readOrWait, type LongPollDeps } from '../long-poll.ts';
import { listOf, nextLink } from '../page.ts';
import { ok, type Call, type Route, type RouteAnswer } from '../route.ts';

export type ReadRouteDeps = ActDeps & LongPollDeps & EvidenceDeps;

/** Requests, their views, their chains and what commands answered. */
export function readRoutes(deps: ReadRouteDeps): Route[] {
  return [
    {
      name: 'GET /v1/requests',
      summary: 'List requests, newest or most urgent first',
      query: listQuery,
      answers: { 200: { description: 'a page', schema: listOf(requestShape), headers: ['Link'] } },
      handle: async (call) => list(deps, call),
    },
    {
      name: 'GET /v1/requests/:id',
      summary: 'Read a request; wait for its next change with ?wait=PT30S',
      query: waitQuery,
      requestHeaders: ['If-None-Match'],
      answers: {
        200: { description: 'the request', schema: requestShape, headers: ['ETag'] },
        304: { description: 'unchanged since the ETag of If-None-Match' },
      },
      handle: async (call) => readOrWait(deps, call, requestId(call)),
    },
    {
      name: 'GET /v1/requests/:id/view',
      summary: 'Exactly what is to be decided; seals that it was shown',
      head: false,
      answers: { 200: { description: 'the view', schema: viewShape } },
      handle: async (call) => ok(await viewRequest(deps, callerOf(call), requestId(call))),
    },
    {
      name: 'GET /v1/requests/:id/commands/:commandId',
      summary: 'What a recorded command answered',
      answers: { 200: { description: 'recorded, or the answer', schema: commandAnswer } },
      handle: async (call) => {
        const ids = { requestId: requestId(call), commandId: commandId(call) };
        const { body } = await commandStatus(deps, call.principal, ids);
        return ok(body);
      },
    },
    {
      name: 'GET /v1/requests/:id/chain',
      summary: 'All records of a request, in order, as exact bytes',
      answers: { 200: { description: 'the chain', schema: chainShape } },
      handle: async (call) => ok(await getChain(deps, call.principal, requestId(call))),
    },
    {
      name: 'GET /v1/requests/:id/evidence',
      summary: 'The evidence bundle (ZIP), verifiable without us; seals the export',
      head: false,
      query: evidenceQuery,
      answers: { 200: { description: 'the bundle', mediaType: ZIP } },
      handle: async (call) => evidence(deps, call),
    },
  ];
}

const ZIP = 'application/zip';

async function evidence(deps: ReadRouteDeps, call: Call): Promise<RouteAnswer> {
  const { since = null } = call.query as z.infer<typeof evidenceQuery>;
  const { principal, gone } = call;
  const order = { requestId: requestId(call), principal, by: authorOf(call), since, gone };
  const { name, zip } = await exportEvidence(deps, order);
  const headers = { 'Content-Disposition': `attachment; filename="${name}"` };
  return { status: 200, body: null, headers, raw: { mediaType: ZIP, bytes: zip } };
}

async function list(deps: ReadRouteDeps, call: Call): Promise<RouteAnswer> {
  const {
    limit,
    status = null,
    kind = null,
    eligible = null,
    cursor = null,
    order,
  } = call.query as z.infer<typeof listQuery>;
  const query = { status, kind, eligible, order, cursor, limit };
  const { items, next } = await listVisible(deps, call.principal, query);
  const headers = next === null ? {} : nextLink('/v1/requests', call, next);
  return { status: 200, body: { items }, headers };
}
