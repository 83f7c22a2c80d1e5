import type { z } from 'zod';
import type { Deps } from '../../application/deps.ts';
import { getPerson, type DirectoryAuthor } from '../../application/directory-changes.ts';
import { onceOnly } from '../../application/idempotency.ts';
import { addPerson, peoplePage, recordDeparture, updatePerson } from '../../application/people.ts';
import { authorOf, nameId, useOf } from '../call.ts';
import {
  directoryQuery,
  newPersonBody,
  nothing,
  personChangeBody,
  personShape,
} from '../contract/directory.ts';
import { listOf, pageOf } from '../page.ts';
import { ok, type Call, type Route, type RouteAnswer } from '../route.ts';

export type Person = Awaited<ReturnType<typeof getPerson>>;

/** People: who they are and where they work. */
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
      name: 'PATCH /v1/people/:id',
      summary: 'Change name, team or region',
      body: personChangeBody,
      answers: { 200: { description: 'the person as they are now', schema: personShape } },
      handle: async (call) => update(deps, call),
    },
    {
      name: 'POST /v1/people/:id/departure',
      summary: 'Record that a person has left: every role ends, what they did stays',
      body: nothing,
      answers: { 200: { description: 'the person without any role', schema: personShape } },
      handle: async (call) => depart(deps, call),
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
      const { id, name, roles, team, region } = call.body as z.infer<typeof newPersonBody>;
      const person = { id, name, roles, team: team ?? null, region: region ?? null };
      return addPerson(deps, directoryAuthor(call), { person, remember });
    },
  });
}

async function update(deps: Deps, call: Call): Promise<RouteAnswer> {
  const wish = call.body as z.infer<typeof personChangeBody>;
  const change = { person: nameId(call, 'person'), wish, remember: () => undefined };
  return ok(toPerson(await updatePerson(deps, directoryAuthor(call), change)));
}

async function depart(deps: Deps, call: Call): Promise<RouteAnswer> {
  const person = nameId(call, 'person');
  return onceOnly(deps, useOf(call, `POST /v1/people/${person}/departure`), {
    toAnswer: (left: Person) => ok(toPerson(left)),
    work: (remember) => recordDeparture(deps, directoryAuthor(call), { person, remember }),
  });
}

/** Who changes the directory by this call: an admin, or somebody for themselves. */
export function directoryAuthor(call: Call): DirectoryAuthor {
  const { principal } = call;
  const author = { by: authorOf(call), name: principal.id, source: 'directory' } as const;
  const isAdmin = principal.type === 'person' && principal.roles.includes('directory-admin');
  return isAdmin ? author : { ...author, isSelf: true };
}

export function toPerson(person: Person) {
  const { id, name, team, region, createdAt, leftAt } = person;
  return { id, name, team, region, createdAt, leftAt, roles: rolesOf(person) };
}

/** Every grant, past and future. */
export function rolesOf({ grants }: Person) {
  return grants.map(({ id, role, from, until, endedAt, grantedBy }) => ({
    ...{ id, role, from, until },
    ...{ endedAt, grantedBy },
  }));
}
