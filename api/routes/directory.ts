import { z } from 'zod';
import { appsPage, createApp, getApp, issueKey, revokeKey } from '../../application/apps.ts';
import type { Deps } from '../../application/deps.ts';
import { onceOnly } from '../../application/idempotency.ts';
import { addPerson, getPerson, grantRole, peoplePage } from '../../application/people.ts';
import type { Principal } from '../../application/principal.ts';
import type { SealedBy } from '../../application/sealing.ts';
import { pageOf } from '../page.ts';
import {
  appShape,
  directoryQuery,
  issuedKeyShape,
  keysShape,
  newAppBody,
  newKeyBody,
  newPersonBody,
  personShape,
  roleGrantBody,
  rolesShape,
} from '../contract/directory.ts';
import { ok, type Call, type Route } from '../route.ts';
import { useOf } from './requests.ts';

type Person = Awaited<ReturnType<typeof getPerson>>;
type App = Awaited<ReturnType<typeof appsPage>>[number];
type Key = Awaited<ReturnType<typeof getApp>>['keys'][number];

const id = (call: Call): string => call.params['id'] ?? '';

/** The caller as records name them. */
export function authorOf(principal: Principal): SealedBy {
  const { type } = principal;
  return {
    actor: { type, id: principal.id },
    auth:
      type === 'app'
        ? { level: 0, method: 'api_key', proof: null }
        : { level: principal.assurance, method: principal.method, proof: null },
    surface: 'rest',
  };
}

const grantsOf = (person: Person) =>
  person.grants.map(({ id: grant, role, from, until, grantedBy }) => ({
    id: grant,
    role,
    from,
    until,
    grantedBy,
  }));

const toPerson = (person: Person) => ({
  id: person.id,
  name: person.name,
  createdAt: person.createdAt,
  roles: grantsOf(person),
});

const toApp = ({ id: app, name, owner, scopes, kinds, createdAt, revokedAt }: App) => ({
  id: app,
  name,
  owner,
  scopes,
  kinds,
  createdAt,
  revokedAt,
});

const toKey = ({ id: key, createdAt, expiresAt, revokedAt }: Key) => ({
  id: key,
  createdAt,
  expiresAt,
  revokedAt,
});

/** People and their roles. */
export function peopleRoutes(deps: Deps): Route[] {
  const author = ({ principal }: Call) =>
    ({ by: authorOf(principal), name: principal.id, source: 'directory' }) as const;
  return [
    {
      name: 'GET /v1/people',
      summary: 'List people',
      query: directoryQuery,
      answers: {
        200: { description: 'a page', schema: z.object({ items: z.array(personShape) }) },
      },
      handle: async (call) =>
        pageOf(call, '/v1/people', (page) => peoplePage(deps, page), toPerson),
    },
    {
      name: 'POST /v1/people',
      summary: 'Add a person',
      body: newPersonBody,
      answers: { 201: { description: 'added', schema: personShape } },
      handle: async (call) =>
        onceOnly(deps, useOf(call, 'POST /v1/people'), {
          toAnswer: (person: Person) => ({
            status: 201,
            body: toPerson(person),
            headers: { Location: `/v1/people/${person.id}` },
          }),
          work: (remember) => {
            const person = call.body as z.infer<typeof newPersonBody>;
            return addPerson(deps, author(call), { person, remember });
          },
        }),
    },
    {
      name: 'GET /v1/people/:id',
      summary: 'Read a person',
      answers: { 200: { description: 'the person', schema: personShape } },
      handle: async (call) => ok(toPerson(await getPerson(deps, id(call)))),
    },
    {
      name: 'GET /v1/people/:id/roles',
      summary: "Read a person's roles, past and future",
      answers: { 200: { description: 'the grants', schema: rolesShape } },
      handle: async (call) => ok({ items: grantsOf(await getPerson(deps, id(call))) }),
    },
    {
      name: 'POST /v1/people/:id/roles',
      summary: 'Grant a role',
      body: roleGrantBody,
      answers: { 201: { description: 'granted', schema: personShape } },
      handle: async (call) =>
        onceOnly(deps, useOf(call, `POST /v1/people/${id(call)}/roles`), {
          toAnswer: (person: Person) => ({ status: 201, body: toPerson(person), headers: {} }),
          work: (remember) => {
            const { role, from, until } = call.body as z.infer<typeof roleGrantBody>;
            const grant = { role, from: from ?? null, until: until ?? null };
            return grantRole(deps, author(call), { person: id(call), grant, remember });
          },
        }),
    },
  ];
}

/** Apps and their keys. */
export function appRoutes(deps: Deps): Route[] {
  return [
    {
      name: 'GET /v1/apps',
      summary: 'List apps',
      query: directoryQuery,
      answers: { 200: { description: 'a page', schema: z.object({ items: z.array(appShape) }) } },
      handle: async (call) => pageOf(call, '/v1/apps', (page) => appsPage(deps, page), toApp),
    },
    {
      name: 'POST /v1/apps',
      summary: 'Register an app or agent',
      body: newAppBody,
      answers: { 201: { description: 'registered; it has no key yet', schema: appShape } },
      handle: async (call) =>
        onceOnly(deps, useOf(call, 'POST /v1/apps'), {
          toAnswer: (app: App) => ({
            status: 201,
            body: toApp(app),
            headers: { Location: `/v1/apps/${app.id}` },
          }),
          work: async (remember) => {
            const app = call.body as z.infer<typeof newAppBody>;
            return createApp(deps, authorOf(call.principal), { app, remember });
          },
        }),
    },
    {
      name: 'GET /v1/apps/:id',
      summary: 'Read an app',
      answers: { 200: { description: 'the app', schema: appShape } },
      handle: async (call) => ok(toApp(await getApp(deps, id(call)))),
    },
    {
      name: 'GET /v1/apps/:id/keys',
      summary: "Read an app's keys (without secrets)",
      answers: { 200: { description: 'the keys, newest first', schema: keysShape } },
      handle: async (call) => ok({ items: (await getApp(deps, id(call))).keys.map(toKey) }),
    },
    {
      name: 'POST /v1/apps/:id/keys',
      summary: 'Make a key; two may live at once, so that an app can rotate',
      body: newKeyBody,
      answers: { 201: { description: 'the only copy of the key', schema: issuedKeyShape } },
      handle: async (call) =>
        onceOnly(deps, useOf(call, `POST /v1/apps/${id(call)}/keys`), {
          toAnswer: (body: Awaited<ReturnType<typeof issueKey>>) => ({
            status: 201,
            body,
            headers: { Location: `/v1/apps/${id(call)}/keys` },
          }),
          work: (remember) => {
            const { expiresAt = null } = call.body as z.infer<typeof newKeyBody>;
            return issueKey(deps, authorOf(call.principal), {
              appId: id(call),
              expiresAt,
              remember,
            });
          },
        }),
    },
    {
      name: 'DELETE /v1/apps/:id/keys/:keyId',
      summary: 'Revoke a key; it stops everywhere within 5 seconds',
      answers: { 204: { description: 'revoked' } },
      handle: async (call) => {
        const keyId = call.params['keyId'] ?? '';
        await revokeKey(deps, authorOf(call.principal), { appId: id(call), keyId });
        return { status: 204, body: null, headers: {} };
      },
    },
  ];
}
