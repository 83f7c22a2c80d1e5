import type { Scope } from '../application/principal.ts';

/**
 * Who may call what: one entry per route, and no route without one (test/api/permissions.test.ts).
 * `app`: the scope its key needs, or false. `person`: one of these roles, `any` person, or false.
 */
export interface Permission {
  readonly app: Scope | 'any' | false;
  readonly person: 'any' | readonly string[] | false;
}

/** `open`: without a credential. `loopback`: without one, but only from this machine. */
export type Access = 'open' | 'loopback' | Permission;

const ANYBODY: Permission = { app: 'any', person: 'any' };
const DIRECTORY: Permission = { app: false, person: ['directory-admin'] };

/** Keys read `METHOD /path` with the path as Express writes it. */
export const PERMISSIONS = {
  'GET /healthz': 'open',
  'GET /readyz': 'open',
  'GET /metrics': 'loopback',
  'GET /openapi.json': 'open',
  'GET /docs': 'open',
  'GET /docs/:file': 'open',

  'POST /v1/requests': { app: 'requests:submit', person: 'any' },
  'GET /v1/requests': { app: 'requests:read', person: 'any' },
  'GET /v1/requests/:id': { app: 'requests:read', person: 'any' },
  'GET /v1/requests/:id/view': { app: false, person: 'any' },
  'GET /v1/requests/:id/chain': { app: 'requests:read', person: 'any' },
  'GET /v1/requests/:id/evidence': { app: 'requests:read', person: 'any' },
  'GET /v1/requests/:id/commands/:commandId': ANYBODY,
  'POST /v1/requests/:id/decisions': { app: false, person: 'any' },
  'POST /v1/requests/:id/overrides': { app: false, person: 'any' },
  'POST /v1/requests/:id/withdrawal': { app: 'requests:withdraw', person: 'any' },

  'GET /v1/log/checkpoint': 'open',
  'GET /v1/log/key': 'open',
  'GET /v1/log/keys': 'open',
  'GET /v1/log/tile/:level/*path': 'open',
  'GET /v1/log/tile/entries/*path': ANYBODY,
  'GET /v1/log/proof/inclusion': 'open',
  'GET /v1/log/proof/consistency': 'open',
  'GET /v1/log/streams/:id/head': ANYBODY,

  'GET /v1/policies': ANYBODY,
  'GET /v1/policies/:id/versions/:version': ANYBODY,
  'POST /v1/policies/:id/versions': { app: false, person: ['policy-admin'] },

  'GET /v1/people': { app: false, person: 'any' },
  'GET /v1/people/:id': { app: false, person: 'any' },
  'POST /v1/people': DIRECTORY,
  'GET /v1/people/:id/roles': { app: false, person: 'any' },
  'POST /v1/people/:id/roles': DIRECTORY,

  'GET /v1/apps': { app: false, person: ['directory-admin', 'compliance', 'auditor'] },
  'GET /v1/apps/:id': { app: false, person: ['directory-admin', 'compliance', 'auditor'] },
  'POST /v1/apps': DIRECTORY,
  'GET /v1/apps/:id/keys': { app: false, person: ['directory-admin', 'compliance', 'auditor'] },
  'POST /v1/apps/:id/keys': DIRECTORY,
  'DELETE /v1/apps/:id/keys/:keyId': DIRECTORY,
} as const satisfies Record<string, Access>;

export type RouteName = keyof typeof PERMISSIONS;
