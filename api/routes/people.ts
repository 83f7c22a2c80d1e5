import type { z } from 'zod';
import type { Deps } from '../../application/deps.ts';
import { onceOnly } from '../../application/idempotency.ts';
import {
  addPerson,
  getPerson,
  grantRole,
  peoplePage,
  type DirectoryAuthor,
} from '../../application/people.ts';
import { authorOf, nameId, useOf } from '../call.ts';
import {
  directoryQuery,
  newPersonBody,
  personShape,
  roleGrantBody,
  rolesShape,
} from '../contract/directory.ts';
import { listOf, pageOf } from '../page.ts';
import { ok, type Call, type Route, type RouteAnswer } from '../route.ts';

type Person = Awaited<ReturnType<typeof getPerson>>;

/** People and their roles. */
export function peopleRoutes(deps: Deps): Route[] {
  return [
    {
      name: 'GET /v1/people',
      summary: 'List people',
      query: directoryQuery,
      answers: { 200: { description: 'a page', schema: listOf(personShape), headers: ['Link'] } },
      handle: async (call) =>
        pageOf(deps, call, {
          path: '/v1/people',
          read: (page) => peoplePage(deps, page),
          show: toPerson,
        }),
    },
    {
      name: 'POST /v1/people',
      summary: 'Add a person',
      body: newPersonBody,
      answers: { 201: { description: 'added', schema: personShape, headers: ['Location'] } },
      handle: async (call) => add(deps, call),
    },
    {
      name: 'GET /v1/people/:id',
      summary: 'Read a person',
      answers: { 200: { description: 'the person', schema: personShape } },
      handle: async (call) => ok(toPerson(await getPerson(deps, nameId(call, 'person')))),
    },
    {
      name: 'GET /v1/people/:id/roles',
      summary: "Read a person's roles, past and future",
      answers: { 200: { description: 'the grants', schema: rolesShape } },
      handle: async (call) =>
        ok({ items: grantsOf(await getPerson(deps, nameId(call, 'person'))) }),
    },
    {
      name: 'POST /v1/people/:id/roles',
      summary: 'Grant a role',
      body: roleGrantBody,
      answers: { 201: { description: 'granted', schema: personShape, headers: ['Location'] } },
      handle: async (call) => grant(deps, call),
    },
  ];
}

async function add(deps: Deps, call: Call): Promise<RouteAnswer> {
  return onceOnly(deps, useOf(call, 'POST /v1/people'), {
    toAnswer: (person: Person) => ({
      status: 201,
      body: toPerson(person),
      headers: { Location: `/v1/people/${person.id}` },
    }),
    work: (remember) => {
      const person = call.body as z.infer<typeof newPersonBody>;
      return addPerson(deps, directoryAuthor(call), { person, remember });
    },
  });
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

function directoryAuthor(call: Call): DirectoryAuthor {
  return { by: authorOf(call), name: call.principal.id, source: 'directory' };
}

function toPerson(person: Person) {
  const { id, name, createdAt } = person;
  return { id, name, createdAt, roles: grantsOf(person) };
}

function grantsOf({ grants }: Person) {
  return grants.map(({ id, role, from, until, grantedBy }) => ({
    id,
    role,
    from,
    until,
    grantedBy,
  }));
}
