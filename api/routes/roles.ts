import type { z } from 'zod';
import { closeCursor, openCursor } from '../../application/cursor.ts';
import type { Deps } from '../../application/deps.ts';
import { getPerson } from '../../application/directory-changes.ts';
import { onceOnly } from '../../application/idempotency.ts';
import { accessReport, endRole, grantRole } from '../../application/role-grants.ts';
import { nameId, rowId, useOf } from '../call.ts';
import {
  accessQuery,
  personShape,
  privilegedShape,
  roleGrantBody,
  rolesShape,
} from '../contract/directory.ts';
import { listOf, nextLink } from '../page.ts';
import { gone, ok, type Call, type Route, type RouteAnswer } from '../route.ts';
import { directoryAuthor, rolesOf, toPerson, type Person } from './people.ts';

/** Roles: grants with start, end and grantor. */
export function roleRoutes(deps: Deps): Route[] {
  return [
    {
      name: 'GET /v1/people/:id/roles',
      summary: "Read a person's roles, past and future",
      answers: { 200: { description: 'the grants', schema: rolesShape } },
      handle: async (call) => ok({ items: rolesOf(await getPerson(deps, nameId(call, 'person'))) }),
    },
    {
      name: 'POST /v1/people/:id/roles',
      summary: 'Grant a role',
      body: roleGrantBody,
      answers: { 201: { description: 'granted', schema: personShape, headers: ['Location'] } },
      handle: async (call) => grant(deps, call),
    },
    {
      name: 'DELETE /v1/people/:id/roles/:grantId',
      summary: 'End a grant at once; it counts no more from this millisecond on',
      answers: { 204: { description: 'ended' } },
      handle: async (call) => {
        const end = { person: nameId(call, 'person'), grant: rowId(call, 'grant') };
        await endRole(deps, directoryAuthor(call), { ...end, reason: 'REVOKED' });
        return gone();
      },
    },
    {
      name: 'GET /v1/access-report',
      summary: 'List who holds rights over the installation itself, now or at an instant',
      description:
        'Grants of auditor, compliance, directory-admin, override-authority and policy-admin, with start, end and grantor.',
      query: accessQuery,
      answers: {
        200: { description: 'a page', schema: listOf(privilegedShape), headers: ['Link'] },
      },
      handle: async (call) => report(deps, call),
    },
  ];
}

async function grant(deps: Deps, call: Call): Promise<RouteAnswer> {
  const id = nameId(call, 'person');
  const roles = `/v1/people/${id}/roles`;
  return onceOnly(deps, useOf(call, `POST ${roles}`), {
    toAnswer: (person: Person) => ({
      status: 201,
      body: toPerson(person),
      headers: { Location: roles },
    }),
    work: (remember) => {
      const { role, from = null, until = null } = call.body as z.infer<typeof roleGrantBody>;
      const wish = { person: id, grant: { role, from, until }, remember };
      return grantRole(deps, directoryAuthor(call), wish);
    },
  });
}

/** All pages speak of the instant of the first one. */
async function report(deps: Deps, call: Call): Promise<RouteAnswer> {
  const path = '/v1/access-report';
  const { limit, cursor, at = deps.now() } = call.query as z.infer<typeof accessQuery>;
  const list = `${path} ${at}`;
  const [person = '', id = ''] =
    cursor === undefined ? [] : openCursor(deps, list, cursor).split(' ');
  const after = cursor === undefined ? null : { person, id };
  const rows = await accessReport(deps, at, { after, limit: limit + 1 });
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const isMore = rows.length > limit && last !== undefined;
  const next = { ...call, query: { ...call.query, at } };
  return {
    status: 200,
    body: {
      items: shown.map(({ createdAt, ...row }) => ({ ...row, grantedAt: createdAt })),
    },
    headers: isMore
      ? nextLink(path, next, closeCursor(deps, list, `${last.person} ${last.id}`))
      : {},
  };
}
