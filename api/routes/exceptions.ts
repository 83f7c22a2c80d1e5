import type { z } from 'zod';
import type { Deps } from '../../application/deps.ts';
import {
  approve,
  askException,
  end,
  exceptionPage,
  getException,
  type ExceptionActor,
  type ExceptionShape,
} from '../../application/exceptions.ts';
import { onceOnly, type Remember } from '../../application/idempotency.ts';
import { authorOf, exceptionId, personOf, useOf } from '../call.ts';
import { emptyBody, exceptionBody, exceptionShape, exceptionsQuery } from '../contract/policies.ts';
import { keysetOf, listOf } from '../page.ts';
import { ok, type Call, type Route, type RouteAnswer } from '../route.ts';

/** Exceptions to rules: asked for by one person, in force once another has agreed. */
export function exceptionRoutes(deps: Deps): Route[] {
  return [
    {
      name: 'GET /v1/exceptions',
      summary: 'List exceptions to rules, newest first, with how often each was used',
      query: exceptionsQuery,
      answers: {
        200: { description: 'a page', schema: listOf(exceptionShape), headers: ['Link'] },
      },
      handle: async (call) => list(deps, call),
    },
    {
      name: 'GET /v1/exceptions/:exceptionId',
      summary: 'Read an exception',
      answers: { 200: { description: 'the exception', schema: exceptionShape } },
      handle: async (call) => ok(await getException(deps, exceptionId(call))),
    },
    {
      name: 'POST /v1/exceptions',
      summary: 'Ask for an exception to a rule; another person must approve it',
      body: exceptionBody,
      answers: {
        201: { description: 'waits for approval', schema: exceptionShape, headers: ['Location'] },
      },
      handle: async (call) => ask(deps, call),
    },
    {
      name: 'POST /v1/exceptions/:exceptionId/approval',
      summary:
        'Approve an exception that somebody else asked for: it is in force from its beginning on',
      body: emptyBody,
      answers: { 200: { description: 'approved and sealed', schema: exceptionShape } },
      handle: async (call) => act(deps, call, { name: 'approval', work: approve }),
    },
    {
      name: 'DELETE /v1/exceptions/:exceptionId',
      summary: 'End an exception at once, or take it back while it waits',
      answers: { 200: { description: 'ended and sealed', schema: exceptionShape } },
      handle: async (call) => act(deps, call, { name: 'end', work: end }),
    },
  ];
}

async function list(deps: Deps, call: Call): Promise<RouteAnswer> {
  const { policy = null } = call.query as { policy?: string };
  return keysetOf(deps, call, {
    path: '/v1/exceptions',
    list: `/v1/exceptions?policy=${policy ?? ''}`,
    read: ({ after, limit }) => {
      const [createdAt = '', id = ''] = (after ?? '').split(' ');
      const before = after === null ? null : { createdAt, id };
      return exceptionPage(deps, { policy, before, limit });
    },
    place: ({ createdAt, id }) => `${createdAt} ${id}`,
  });
}

async function ask(deps: Deps, call: Call): Promise<RouteAnswer> {
  const { policy, rule, when, from, until, reason } = call.body as z.infer<typeof exceptionBody>;
  return onceOnly(deps, useOf(call, 'POST /v1/exceptions'), {
    toAnswer: (shape: ExceptionShape) => ({
      status: 201,
      body: shape,
      headers: { Location: `/v1/exceptions/${shape.id}` },
    }),
    work: (remember) =>
      askException(deps, actorOf(call), {
        asked: { policy, rule, when: when ?? null, from: from ?? null, until, reason },
        remember,
      }),
  });
}

type Work = (
  deps: Deps,
  actor: ExceptionActor,
  on: { readonly id: string; readonly remember: Remember<ExceptionShape> },
) => Promise<ExceptionShape>;

async function act(
  deps: Deps,
  call: Call,
  { name, work }: { readonly name: string; readonly work: Work },
): Promise<RouteAnswer> {
  const id = exceptionId(call);
  return onceOnly(deps, useOf(call, `${name} /v1/exceptions/${id}`, null), {
    toAnswer: (shape: ExceptionShape) => ({ status: 200, body: shape, headers: {} }),
    work: (remember) => work(deps, actorOf(call), { id, remember }),
  });
}

function actorOf(call: Call): ExceptionActor {
  const { id, dekId } = personOf(call);
  return { id, dekId, by: authorOf(call) };
}
