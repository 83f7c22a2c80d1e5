import { readFileSync } from 'node:fs';

import { describe, expect, test } from 'vitest';

import { PERMISSIONS } from '../../api/permissions.ts';
import type { RouteName } from '../../api/permissions.ts';
import type { AccountabilityEvent, CommandKind } from '../../domain/event.ts';
import { RECORD_KINDS, type RecordKind } from '../../ledger/record.ts';

// Every change has one kind of record. A new event, command or route fails here until somebody says
// which record it becomes, or why it becomes none.

/** `none: …` says why nothing is sealed. */
type Sealed = RecordKind | `none: ${string}`;

const READS = 'none: a read; the record or the blob says itself who may have it';
const PUBLIC = 'none: public';

/** The events of the domain. */
const EVENTS: Record<AccountabilityEvent['type'], Sealed> = {
  requested: 'requested',
  policy_bound: 'policy_bound',
  exception_used: 'exception',
  shadow_evaluated: 'shadow_evaluated',
  held: 'held',
  stage_opened: 'stage_opened',
  stage_closed: 'stage_closed',
  viewed: 'viewed',
  reminded: 'reminded',
  escalated: 'escalated',
  decided: 'decided',
  refused: 'refused',
  asked: 'asked',
  answered: 'answered',
  question_lapsed: 'reminded',
  commented: 'commented',
  amended: 'amended',
  claimed: 'claimed',
  delegated: 'delegated',
  reassigned: 'reassigned',
  overridden: 'overridden',
  review_debt: 'review_debt',
  withdrawn: 'withdrawn',
  expired: 'expired',
  resolved: 'resolved',
};

/** What a command becomes where it is accepted; where it is not: `refused`. */
const COMMANDS: Record<CommandKind, Sealed> = {
  view: 'viewed',
  decide: 'decided',
  override: 'overridden',
  withdraw: 'withdrawn',
  ask: 'asked',
  answer: 'answered',
  comment: 'commented',
  amend: 'amended',
  claim: 'claimed',
  release: 'claimed',
  delegate: 'delegated',
  reassign: 'reassigned',
  escalate: 'escalated',
  review: 'review_debt',
};

/**
 * The routes. A repetition under the same idempotency key answers with the record of the first call
 * and seals nothing; a call that is turned away (401, 403, 404, 422) changes nothing.
 */
const ROUTES: Record<RouteName, Sealed> = {
  'GET /healthz': PUBLIC,
  'GET /readyz': PUBLIC,
  'GET /metrics': PUBLIC,
  'GET /openapi.json': PUBLIC,
  'GET /docs': PUBLIC,
  'GET /docs/:file': PUBLIC,

  'POST /v1/requests': 'requested',
  'POST /v1/requests/preview': 'none: nothing is stored',
  'GET /v1/requests': READS,
  'GET /v1/requests/:id': READS,
  'GET /v1/requests/:id/view': 'viewed',
  'GET /v1/requests/:id/policy': READS,
  'GET /v1/requests/:id/chain': READS,
  'GET /v1/requests/:id/eligibility': READS,
  'GET /v1/requests/:id/evidence': 'exported',
  'GET /v1/requests/:id/commands/:commandId': READS,
  'POST /v1/requests/:id/decisions': 'decided',
  'POST /v1/requests/:id/overrides': 'overridden',
  'POST /v1/requests/:id/withdrawal': 'withdrawn',
  'GET /v1/requests/:id/discussion': READS,
  'POST /v1/requests/:id/questions': 'asked',
  'POST /v1/requests/:id/answers': 'answered',
  'POST /v1/requests/:id/comments': 'commented',
  'POST /v1/requests/:id/amendments': 'amended',
  'POST /v1/requests/:id/claims': 'claimed',
  'DELETE /v1/requests/:id/claims': 'claimed',
  'POST /v1/requests/:id/delegations': 'delegated',
  'POST /v1/requests/:id/reassignments': 'reassigned',
  'POST /v1/requests/:id/escalations': 'escalated',
  'POST /v1/requests/:id/reviews': 'review_debt',
  'POST /v1/requests/:id/reopening': 'requested',

  'GET /v1/log/checkpoint': PUBLIC,
  'GET /v1/log/key': PUBLIC,
  'GET /v1/log/keys': PUBLIC,
  'GET /v1/log/tile/:level/*path': PUBLIC,
  'GET /v1/log/tile/entries/*path': READS,
  'GET /v1/log/proof/inclusion': PUBLIC,
  'GET /v1/log/proof/consistency': PUBLIC,
  'GET /v1/log/streams/:id/head': READS,

  'GET /v1/policies': READS,
  'GET /v1/policies/:id/versions': READS,
  'GET /v1/policies/:id/versions/:version': READS,
  'GET /v1/policies/:id/versions/:version/diff': READS,
  'GET /v1/policies/:id/proposals': READS,
  'GET /v1/policies/:id/shadow': READS,
  'GET /v1/policies/:id/versions/:version/acknowledgements': READS,
  'POST /v1/policies/:id/versions/:version/acknowledgements': 'acknowledged',
  'GET /v1/exceptions': READS,
  'GET /v1/exceptions/:exceptionId': READS,
  'POST /v1/exceptions': 'task_changed',
  'POST /v1/exceptions/:exceptionId/approval': 'exception',
  'DELETE /v1/exceptions/:exceptionId': 'exception',
  'POST /v1/policies/:id/versions': 'policy_changed',

  'GET /v1/calendars': READS,
  'GET /v1/calendars/:id/versions/:version': READS,
  'POST /v1/calendars/:id/versions': 'register_changed',

  'GET /v1/people': READS,
  'GET /v1/people/:id': READS,
  'POST /v1/people': 'person_added',
  'GET /v1/people/:id/roles': READS,
  'POST /v1/people/:id/roles': 'role_granted',
  'DELETE /v1/people/:id/roles/:grantId': 'role_ended',
  'PATCH /v1/people/:id': 'person_changed',
  'POST /v1/people/:id/departure': 'person_changed',
  'POST /v1/people/import': 'imported',
  'GET /v1/people/:id/absences': READS,
  'POST /v1/people/:id/absences': 'absence_set',
  'DELETE /v1/people/:id/absences/:absenceId': 'absence_set',
  'GET /v1/people/:id/delegations': READS,
  'POST /v1/people/:id/delegations': 'delegation_set',
  'DELETE /v1/people/:id/delegations/:delegationId': 'delegation_set',
  'GET /v1/people/:id/trainings': READS,
  'POST /v1/people/:id/trainings': 'training',
  'DELETE /v1/people/:id/trainings/:trainingId': 'training',
  'GET /v1/trainings': READS,
  'GET /v1/access-report': READS,

  'GET /v1/apps': READS,
  'GET /v1/apps/:id': READS,
  'POST /v1/apps': 'app_changed',
  'GET /v1/apps/:id/keys': READS,
  'POST /v1/apps/:id/keys': 'app_changed',
  'DELETE /v1/apps/:id/keys/:keyId': 'app_changed',
};

/** The words of a union as the source has them: the types are gone when tests run. */
function wordsOf(pattern: RegExp): string[] {
  const source = readFileSync(new URL('../../domain/event.ts', import.meta.url), 'utf8');
  return [...source.matchAll(pattern)].map(([, word = '']) => word);
}

describe('exactly one kind for', () => {
  test('every event of the domain', () => {
    const types = wordsOf(/readonly type: '(\w+)'/g);
    expect(types.length).toBeGreaterThan(10);
    expect(Object.keys(EVENTS).toSorted()).toEqual(types.toSorted());
    // A question that nobody answered is the last reminder of it; no two others share one.
    expect(new Set(Object.values(EVENTS)).size).toBe(types.length - 1);
  });

  test('every command', () => {
    const [union = ''] = wordsOf(/type CommandKind =\s*([^;]+);/g);
    const words = [...union.matchAll(/'(\w+)'/g)].map(([, word = '']) => word);
    expect(Object.keys(COMMANDS).toSorted()).toEqual(words.toSorted());
  });

  test('every route', () => {
    expect(Object.keys(ROUTES).toSorted()).toEqual(Object.keys(PERMISSIONS).toSorted());
  });

  test('every route that changes something, and a reason where there is none', () => {
    for (const [name, sealed] of Object.entries(ROUTES)) {
      if (name === 'POST /v1/requests/preview') expect(sealed).toMatch(/^none: /);
      else if (!name.startsWith('GET ')) expect(RECORD_KINDS, name).toContain(sealed);
      else if (!sealed.startsWith('none: ')) expect(RECORD_KINDS, name).toContain(sealed);
    }
    for (const sealed of [...Object.values(EVENTS), ...Object.values(COMMANDS)]) {
      expect(RECORD_KINDS).toContain(sealed);
    }
  });
});
