import { createHash } from 'node:crypto';
import type { Act, ActDeps } from '../../application/approval-service.ts';
import { act, commandStatus } from '../../application/approval-service.ts';
import { getChain } from '../../application/chain.ts';
import type { ChangeWaiter } from '../../application/change-waiter.ts';
import type { CommandPayload } from '../../application/command-payload.ts';
import type { Content } from '../../application/content.ts';
import { notFound } from '../../application/error.ts';
import { keyUse, type KeyUse } from '../../application/idempotency.ts';
import { subjectOf } from '../../application/principal.ts';
import {
  getRequest,
  listVisible,
  viewRequest,
  type ListQuery,
} from '../../application/request-queries.ts';
import type { RequestShape } from '../../application/request-shape.ts';
import { submitRequest, type SubmitDeps } from '../../application/submit-request.ts';
import { z } from 'zod';
import {
  chainShape,
  commandAnswer,
  decisionBody,
  listQuery,
  overrideBody,
  requestShape,
  submitBody,
  viewShape,
  waitQuery,
  withdrawalBody,
} from '../contract/requests.ts';
import { ok, type Call, type Route, type RouteAnswer } from '../route.ts';

export interface RequestRouteDeps extends ActDeps, SubmitDeps {
  readonly waiter: ChangeWaiter;
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** A long poll waits this long at most, in milliseconds. */
const MAX_WAIT_MS = 60_000;

/** @throws ApplicationError NOT_FOUND: what is no id names nothing. */
export function idParam(call: Call, name = 'id'): string {
  const id = call.params[name] ?? '';
  if (!UUID.test(id)) throw notFound(name === 'id' ? 'request' : 'command');
  return id;
}

export function useOf(call: Call, route: string, body: unknown = call.body): KeyUse | null {
  if (call.key === null) return null;
  return keyUse({ principal: subjectOf(call.principal), route, key: call.key }, body);
}

const rest = ({ principal }: Call) => ({ principal, surface: 'rest' }) as const;

/** Everything under /v1/requests. */
export function requestRoutes(deps: RequestRouteDeps): Route[] {
  const command =
    (name: Route['name'], toPayload: (body: unknown) => CommandPayload) =>
    async (call: Call): Promise<RouteAnswer> => {
      const requestId = idParam(call);
      const route = name.replace(':id', requestId);
      const asked: Act = { requestId, payload: toPayload(call.body), key: useOf(call, route) };
      return act(deps, rest(call), asked);
    };
  const commandAnswers = {
    200: { description: 'decided: counted, settled, done or refused', schema: commandAnswer },
    202: { description: 'recorded, not decided yet: see Location', schema: commandAnswer },
  };
  return [
    {
      name: 'POST /v1/requests',
      summary: 'Submit a request',
      description: 'What was acknowledged survives any crash. Apps look at resolution.mayProceed.',
      body: submitBody,
      answers: {
        201: { description: 'pending, held, or decided by policy', schema: requestShape },
      },
      handle: async (call) =>
        submitRequest(deps, rest(call), {
          content: call.body as Content,
          key: useOf(call, 'POST /v1/requests'),
        }),
    },
    {
      name: 'GET /v1/requests',
      summary: 'List requests, newest first',
      query: listQuery,
      answers: {
        200: { description: 'a page', schema: z.object({ items: z.array(requestShape) }) },
      },
      handle: async (call) => listRequestsRoute(deps, call),
    },
    {
      name: 'GET /v1/requests/:id',
      summary: 'Read a request; wait for its next change with ?wait=PT30S',
      query: waitQuery,
      answers: {
        200: { description: 'the request', schema: requestShape },
        304: { description: 'unchanged since the ETag of If-None-Match' },
      },
      handle: async (call) => readOrWait(deps, call),
    },
    {
      name: 'GET /v1/requests/:id/view',
      summary: 'Exactly what is to be decided; seals that it was shown',
      answers: { 200: { description: 'the view', schema: viewShape } },
      handle: async (call) => ok(await viewRequest(deps, rest(call), idParam(call))),
    },
    {
      name: 'POST /v1/requests/:id/decisions',
      summary: 'Approve or reject',
      body: decisionBody,
      answers: commandAnswers,
      handle: command('POST /v1/requests/:id/decisions', decisionPayload),
    },
    {
      name: 'POST /v1/requests/:id/overrides',
      summary: 'Stop, reverse or force, with a reason',
      body: overrideBody,
      answers: commandAnswers,
      handle: command('POST /v1/requests/:id/overrides', (body) => ({
        kind: 'override',
        ...(body as z.infer<typeof overrideBody>),
      })),
    },
    {
      name: 'POST /v1/requests/:id/withdrawal',
      summary: 'Take a request back (requester only)',
      body: withdrawalBody,
      answers: commandAnswers,
      handle: command('POST /v1/requests/:id/withdrawal', (body) => ({
        kind: 'withdraw',
        reason: (body as z.infer<typeof withdrawalBody>).reason ?? null,
      })),
    },
    {
      name: 'GET /v1/requests/:id/commands/:commandId',
      summary: 'What a recorded command answered',
      answers: { 200: { description: 'recorded, or the answer', schema: commandAnswer } },
      handle: async (call) => {
        const ids = { requestId: idParam(call), commandId: idParam(call, 'commandId') };
        return commandStatus(deps, call.principal, ids);
      },
    },
    {
      name: 'GET /v1/requests/:id/chain',
      summary: 'All records of a request, in order, as exact bytes',
      answers: { 200: { description: 'the chain', schema: chainShape } },
      handle: async (call) => ok(await getChain(deps, call.principal, idParam(call))),
    },
  ];
}

function decisionPayload(body: unknown): CommandPayload {
  const { verdict, contentDigest, ...words } = body as z.infer<typeof decisionBody>;
  return {
    kind: 'decide',
    verdict,
    contentDigest,
    rationale: words.rationale ?? null,
    conditions: words.conditions ?? [],
    acknowledgements: words.acknowledgements ?? [],
  };
}

async function listRequestsRoute(deps: RequestRouteDeps, call: Call): Promise<RouteAnswer> {
  const { limit, ...filter } = call.query as z.infer<typeof listQuery>;
  const query: ListQuery = {
    status: filter.status ?? null,
    kind: filter.kind ?? null,
    eligible: filter.eligible ?? null,
    cursor: filter.cursor ?? null,
    limit,
  };
  const { items, next } = await listVisible(deps, call.principal, query);
  const headers = next === null ? {} : { Link: nextLink(call.query, next) };
  return { status: 200, body: { items }, headers };
}

function nextLink(query: Call['query'], cursor: string): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    if (value !== undefined) search.set(name, String(value));
  search.set('cursor', cursor);
  return `</v1/requests?${search.toString()}>; rel="next"`;
}

// ---- long poll -----------------------------------------------------------------------------------

interface Read {
  readonly shape: RequestShape;
  readonly etag: string;
}

/**
 * Without `wait`: what is. With it and If-None-Match: 200 as soon as the answer would be another one,
 * 304 at the end. With it alone: the first change after arrival (product contract 3.2).
 */
async function readOrWait(deps: RequestRouteDeps, call: Call): Promise<RouteAnswer> {
  const known = call.header('if-none-match');
  const deadline = performance.now() + waitMs(call.query['wait'] as string | undefined);
  let read = await readOnce(deps, call);
  for (;;) {
    const differs = known !== null && !matches(known, read.etag);
    if (differs || read.shape.resolution !== null) return answer(read, known);
    const left = deadline - performance.now();
    const changed = await deps.waiter.changed(read.shape.id, read.shape.revision, left, call.gone);
    read = changed ? await readOnce(deps, call) : read;
    if (!changed || known === null) return answer(read, known);
  }
}

async function readOnce(deps: RequestRouteDeps, call: Call): Promise<Read> {
  const shape = await getRequest(deps, call.principal, idParam(call));
  const hash = createHash('sha256').update(JSON.stringify(shape)).digest('base64url');
  return { shape, etag: `"${hash.slice(0, 22)}"` };
}

function answer({ shape, etag }: Read, known: string | null): RouteAnswer {
  const headers = { ETag: etag };
  if (known !== null && matches(known, etag)) return { status: 304, body: null, headers };
  return { status: 200, body: shape, headers };
}

/** @source RFC 9110 section 13.1.2 */
function matches(header: string, etag: string): boolean {
  return header.split(',').some((one) => {
    const tag = one.trim();
    return tag === '*' || tag.replace(/^W\//, '') === etag;
  });
}

function waitMs(wait: string | undefined): number {
  const match = wait === undefined ? null : /^PT(?:(\d+)M)?(?:(\d+)S)?$/.exec(wait);
  if (match === null) return 0;
  return Math.min(MAX_WAIT_MS, (Number(match[1] ?? 0) * 60 + Number(match[2] ?? 0)) * 1_000);
}
