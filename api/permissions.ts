import type { Scope } from '../application/principal.ts';

/**
 * Who may call what: one entry per route, and no route without one (test/api/permissions.test.ts).
 * `app`: the scope its key needs, or false. `person`: one of these roles, `any` person, or false.
 */
export interface Permission {
  readonly app: Scope | 'any' | false;
  readonly person: 'any' | readonly string[] | false;
  /** Whoever the path names by `:id` may too, without one of the roles. */
  readonly self?: true;
}

/** `open`: without a credential. `loopback`: without one, but only from this machine. */
export type Access = 'open' | 'loopback' | Permission;

const ANYBODY: Permission = { app: 'any', person: 'any' };
const DIRECTORY: Permission = { app: false, person: ['directory-admin'] };
/** About a person: by a directory admin or by the person. */
const OWN: Permission = { ...DIRECTORY, self: true };
const OVERSIGHT: Permission = { app: false, person: ['directory-admin', 'compliance', 'auditor'] };

const EXCEPTIONS: Permission = { app: false, person: ['policy-admin', 'compliance', 'auditor'] };

/** Keys read `METHOD /path` with the path as Express writes it. */
export const PERMISSIONS = {
  'GET /healthz': 'open',
  'GET /readyz': 'open',
  'GET /metrics': 'loopback',
  'GET /openapi.json': 'open',
  'GET /docs': 'open',
  'GET /docs/:file': 'open',

  'POST /v1/requests': { app: 'requests:submit', person: 'any' },
  'POST /v1/requests/preview': { app: 'requests:submit', person: 'any' },
  'GET /v1/requests': { app: 'requests:read', person: 'any' },
  'GET /v1/requests/:id': { app: 'requests:read', person: 'any' },
  'GET /v1/requests/:id/view': { app: false, person: 'any' },
  'GET /v1/requests/:id/policy': { app: 'requests:read', person: 'any' },
  'GET /v1/requests/:id/chain': { app: 'requests:read', person: 'any' },
  'GET /v1/requests/:id/eligibility': { app: 'requests:read', person: 'any' },
  'GET /v1/requests/:id/evidence': { app: 'requests:read', person: 'any' },
  'GET /v1/requests/:id/commands/:commandId': ANYBODY,
  'POST /v1/requests/:id/decisions': { app: false, person: 'any' },
  'POST /v1/requests/:id/overrides': { app: false, person: 'any' },
  'POST /v1/requests/:id/withdrawal': { app: 'requests:withdraw', person: 'any' },
  'GET /v1/requests/:id/discussion': { app: 'requests:read', person: 'any' },
  'POST /v1/requests/:id/questions': { app: false, person: 'any' },
  'POST /v1/requests/:id/answers': { app: 'requests:submit', person: 'any' },
  'POST /v1/requests/:id/comments': { app: 'requests:submit', person: 'any' },
  'POST /v1/requests/:id/amendments': { app: 'requests:submit', person: 'any' },
  'POST /v1/requests/:id/claims': { app: false, person: 'any' },
  'DELETE /v1/requests/:id/claims': { app: false, person: 'any' },
  'POST /v1/requests/:id/delegations': { app: false, person: 'any' },
  'POST /v1/requests/:id/reassignments': { app: false, person: 'any' },
  'POST /v1/requests/:id/escalations': { app: false, person: 'any' },
  'POST /v1/requests/:id/reviews': { app: false, person: 'any' },
  'POST /v1/requests/:id/reopening': { app: 'requests:submit', person: 'any' },

  'GET /v1/log/checkpoint': 'open',
  'GET /v1/log/key': 'open',
  'GET /v1/log/keys': 'open',
  'GET /v1/log/tile/:level/*path': 'open',
  'GET /v1/log/tile/entries/*path': ANYBODY,
  'GET /v1/log/proof/inclusion': 'open',
  'GET /v1/log/proof/consistency': 'open',
  'GET /v1/log/streams/:id/head': ANYBODY,

  'GET /v1/policies': ANYBODY,
  'GET /v1/policies/:id/versions': ANYBODY,
  'GET /v1/policies/:id/versions/:version': ANYBODY,
  'POST /v1/policies/:id/versions': { app: false, person: ['policy-admin'] },
  'GET /v1/policies/:id/versions/:version/diff': ANYBODY,
  'GET /v1/policies/:id/proposals': { app: false, person: 'any' },
  'GET /v1/policies/:id/shadow': { app: false, person: 'any' },
  'GET /v1/policies/:id/versions/:version/acknowledgements': { app: false, person: 'any' },
  'POST /v1/policies/:id/versions/:version/acknowledgements': { app: false, person: 'any' },

  'GET /v1/exceptions': EXCEPTIONS,
  'GET /v1/exceptions/:exceptionId': EXCEPTIONS,
  'POST /v1/exceptions': { app: false, person: ['policy-admin'] },
  'POST /v1/exceptions/:exceptionId/approval': { app: false, person: ['compliance'] },
  'DELETE /v1/exceptions/:exceptionId': { app: false, person: ['policy-admin', 'compliance'] },

  'GET /v1/calendars': ANYBODY,
  'GET /v1/calendars/:id/versions/:version': ANYBODY,
  'POST /v1/calendars/:id/versions': { app: false, person: ['policy-admin'] },

  'GET /v1/people': { app: false, person: 'any' },
  'GET /v1/people/:id': { app: false, person: 'any' },
  'POST /v1/people': DIRECTORY,
  'POST /v1/people/import': DIRECTORY,
  'PATCH /v1/people/:id': DIRECTORY,
  'POST /v1/people/:id/departure': DIRECTORY,
  'GET /v1/people/:id/roles': { app: false, person: 'any' },
  'POST /v1/people/:id/roles': DIRECTORY,
  'DELETE /v1/people/:id/roles/:grantId': DIRECTORY,
  'GET /v1/people/:id/absences': { app: false, person: 'any' },
  'POST /v1/people/:id/absences': OWN,
  'DELETE /v1/people/:id/absences/:absenceId': OWN,
  'GET /v1/people/:id/delegations': { app: false, person: 'any' },
  'POST /v1/people/:id/delegations': OWN,
  'DELETE /v1/people/:id/delegations/:delegationId': OWN,
  'GET /v1/people/:id/trainings': { app: false, person: 'any' },
  'POST /v1/people/:id/trainings': DIRECTORY,
  'DELETE /v1/people/:id/trainings/:trainingId': DIRECTORY,
  'GET /v1/trainings': OVERSIGHT,
  'GET /v1/access-report': OVERSIGHT,

  'GET /v1/apps': { app: false, person: ['directory-admin', 'compliance', 'auditor'] },
  'GET /v1/apps/:id': { app: false, person: ['directory-admin', 'compliance', 'auditor'] },
  'POST /v1/apps': DIRECTORY,
  'GET /v1/apps/:id/keys': { app: false, person: ['directory-admin', 'compliance', 'auditor'] },
  'POST /v1/apps/:id/keys': DIRECTORY,
  'DELETE /v1/apps/:id/keys/:keyId': DIRECTORY,
} as const satisfies Record<string, Access>;

export type RouteName = keyof typeof PERMISSIONS;
