import type { z } from 'zod';
import {
  appsPage,
  createApp,
  getApp,
  issueKey,
  revokeKey,
  type IssuedKey,
} from '../../application/apps.ts';
import type { Deps } from '../../application/deps.ts';
import { onceOnly } from '../../application/idempotency.ts';
import { authorOf, keyId, nameId, useOf } from '../call.ts';
import {
  appShape,
  directoryQuery,
  issuedKeyShape,
  keysShape,
  newAppBody,
  newKeyBody,
} from '../contract/directory.ts';
import { listOf, pageOf } from '../page.ts';
import { ok, type Call, type Route, type RouteAnswer } from '../route.ts';

type App = Awaited<ReturnType<typeof appsPage>>[number];
type Key = Awaited<ReturnType<typeof getApp>>['keys'][number];

/** Apps and agents: who answers for them, and what they may ask. */
export function appRoutes(deps: Deps): Route[] {
  return [
    {
      name: 'GET /v1/apps',
      summary: 'List apps',
      query: directoryQuery,
      answers: { 200: { description: 'a page', schema: listOf(appShape), headers: ['Link'] } },
      handle: async (call) =>
        pageOf(deps, call, {
          path: '/v1/apps',
          read: (page) => appsPage(deps, page),
          show: toApp,
        }),
    },
    {
      name: 'POST /v1/apps',
      summary: 'Register an app or agent',
      body: newAppBody,
      answers: {
        201: {
          description: 'registered; it has no key yet',
          schema: appShape,
          headers: ['Location'],
        },
      },
      handle: async (call) => register(deps, call),
    },
    {
      name: 'GET /v1/apps/:id',
      summary: 'Read an app',
      answers: { 200: { description: 'the app', schema: appShape } },
      handle: async (call) => ok(toApp(await getApp(deps, nameId(call, 'app')))),
    },
  ];
}

/** Their keys. */
export function appKeyRoutes(deps: Deps): Route[] {
  return [
    {
      name: 'GET /v1/apps/:id/keys',
      summary: "Read an app's keys (without secrets)",
      answers: { 200: { description: 'the keys, newest first', schema: keysShape } },
      handle: async (call) =>
        ok({ items: (await getApp(deps, nameId(call, 'app'))).keys.map(toKey) }),
    },
    {
      name: 'POST /v1/apps/:id/keys',
      summary: 'Make a key; two may live at once, so that an app can rotate',
      body: newKeyBody,
      answers: {
        201: {
          description: 'the only copy of the key',
          schema: issuedKeyShape,
          headers: ['Location'],
        },
      },
      handle: async (call) => makeKey(deps, call),
    },
    {
      name: 'DELETE /v1/apps/:id/keys/:keyId',
      summary: 'Revoke a key; it stops everywhere within 5 seconds',
      answers: { 204: { description: 'revoked' } },
      handle: async (call) => {
        await revokeKey(deps, authorOf(call), { appId: nameId(call, 'app'), keyId: keyId(call) });
        return { status: 204, body: null, headers: {} };
      },
    },
  ];
}

async function register(deps: Deps, call: Call): Promise<RouteAnswer> {
  return onceOnly(deps, useOf(call, 'POST /v1/apps'), {
    toAnswer: (app: App) => ({
      status: 201,
      body: toApp(app),
      headers: { Location: `/v1/apps/${app.id}` },
    }),
    work: (remember) => {
      const app = call.body as z.infer<typeof newAppBody>;
      return createApp(deps, authorOf(call), { app, remember });
    },
  });
}

async function makeKey(deps: Deps, call: Call): Promise<RouteAnswer> {
  const appId = nameId(call, 'app');
  const keys = `/v1/apps/${appId}/keys`;
  return onceOnly(deps, useOf(call, `POST ${keys}`), {
    toAnswer: (body: IssuedKey) => ({ status: 201, body, headers: { Location: keys } }),
    work: (remember) => {
      const { expiresAt = null } = call.body as z.infer<typeof newKeyBody>;
      return issueKey(deps, authorOf(call), { appId, expiresAt, remember });
    },
  });
}

function toApp({ id, name, owner, scopes, kinds, createdAt, revokedAt }: App) {
  return { id, name, owner, scopes, kinds, createdAt, revokedAt };
}

function toKey({ id, createdAt, expiresAt, revokedAt }: Key) {
  return { id, createdAt, expiresAt, revokedAt };
}
