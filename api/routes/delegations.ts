import type { z } from 'zod';
import type { Deps } from '../../application/deps.ts';
import {
  cancelDelegation,
  delegationsPage,
  setDelegation,
  type DelegationView,
} from '../../application/directory-delegations.ts';
import { onceOnly } from '../../application/idempotency.ts';
import { nameId, personOf, rowId, useOf } from '../call.ts';
import { directoryQuery } from '../contract/directory.ts';
import { delegationShape, newDelegationBody } from '../contract/standing-in.ts';
import { listOf, pageOf } from '../page.ts';
import { gone, type Call, type Route, type RouteAnswer } from '../route.ts';
import { directoryAuthor } from './people.ts';

/** Delegations for a time, beside those of one request. */
export function delegationRoutes(deps: Deps): Route[] {
  return [
    {
      name: 'GET /v1/people/:id/delegations',
      summary: 'Read what a person has delegated, past and future',
      query: directoryQuery,
      answers: {
        200: { description: 'a page', schema: listOf(delegationShape), headers: ['Link'] },
      },
      handle: async (call) => {
        const person = nameId(call, 'person');
        return pageOf(deps, call, {
          path: `/v1/people/${person}/delegations`,
          read: (page) => delegationsPage(deps, personOf(call), { person, ...page }),
          show: toDelegation,
        });
      },
    },
    {
      name: 'POST /v1/people/:id/delegations',
      summary: 'Let another person decide in this one’s name, for a time',
      description:
        'From `from` (now where absent), included, to `until`, not included, a year at most. Only what the person holds when it is used; roles over the installation itself are never passed on.',
      body: newDelegationBody,
      answers: { 201: { description: 'recorded', schema: delegationShape, headers: ['Location'] } },
      handle: async (call) => record(deps, call),
    },
    {
      name: 'DELETE /v1/people/:id/delegations/:delegationId',
      summary: 'Take a delegation back, from this millisecond on',
      answers: { 204: { description: 'cancelled' } },
      handle: async (call) => {
        const row = { person: nameId(call, 'person'), id: rowId(call, 'delegation') };
        await cancelDelegation(deps, directoryAuthor(call), row);
        return gone();
      },
    },
  ];
}

async function record(deps: Deps, call: Call): Promise<RouteAnswer> {
  const person = nameId(call, 'person');
  const path = `/v1/people/${person}/delegations`;
  return onceOnly(deps, useOf(call, `POST ${path}`), {
    toAnswer: (delegation: DelegationView) => ({
      status: 201,
      body: toDelegation(delegation),
      headers: { Location: path },
    }),
    work: (remember) => {
      const { to, until, reason, ...more } = call.body as z.infer<typeof newDelegationBody>;
      const { from = deps.now(), role = null, kind = null } = more;
      const wish = { to, from, until, reason, role, kind };
      return setDelegation(deps, directoryAuthor(call), { person, wish, remember });
    },
  });
}

function toDelegation(delegation: DelegationView) {
  const { id, person, to, from, until, role, kind } = delegation;
  const { reason, recordedBy, createdAt, cancelledAt } = delegation;
  return {
    ...{ id, person, to, from, until, role, kind },
    ...{ reason, recordedBy, createdAt, cancelledAt },
  };
}
