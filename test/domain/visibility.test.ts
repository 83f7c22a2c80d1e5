import { describe, expect, test } from 'vitest';
import { maySee, rolesAsked } from '../../domain/visibility.ts';
import {
  aDecision,
  aGroup,
  anEscalation,
  anOverrideRight,
  aPerson,
  aRequest,
  aSecondStage,
  aStage,
} from '../support/builders.ts';

const stages = [
  aStage({
    groups: [aGroup(), aGroup({ role: 'security' })],
    escalations: [anEscalation()],
  }),
  aSecondStage(),
];
const state = aRequest({
  stages,
  rule: { override: anOverrideRight({ role: 'chief' }) },
  onBehalfOf: 'bea',
  editors: ['ed'],
  decisions: [aDecision('former')],
});

describe('sees it', () => {
  test.each([
    ['a reviewer of the open stage', aPerson('eve')],
    ['a reviewer of the group beside it', aPerson('sam')],
    ['a reviewer of a stage to come', aPerson('rui')],
    ['the target of an escalation to come', aPerson('mia')],
    ['the override authority of the rule', aPerson('carl', { roles: ['chief'] })],
    ['an override authority of the installation', aPerson('olga')],
    ['compliance', aPerson('cora')],
    ['an auditor', aPerson('ada')],
    ['the owner of the app that asked', aPerson('otto')],
    ['the person acted for', aPerson('bea')],
    ['who changed the content', aPerson('ed')],
    ['who decided and has lost the role', aPerson('former')],
    ['an absent reviewer', aPerson('eve', { absent: true })],
  ])('%s', (_, person) => {
    expect(maySee(state, { type: 'person', id: person.id, roles: person.roles })).toBe(true);
  });

  test('the app that asked', () => {
    expect(maySee(state, { type: 'app', id: 'loan-agent' })).toBe(true);
  });

  test('the person who asked', () => {
    const own = aRequest({ requester: { type: 'person', id: 'dave', owner: null } });
    expect(maySee(own, { type: 'person', id: 'dave', roles: [] })).toBe(true);
  });
});

describe('does not even know that there is one', () => {
  test.each([
    ['somebody without a role', []],
    ['a reviewer of other things', ['privacy']],
    ['an administrator of people or policies', ['directory-admin', 'policy-admin']],
  ])('%s', (_, roles) => {
    expect(maySee(state, { type: 'person', id: 'pia', roles })).toBe(false);
  });

  test('another app', () => {
    expect(maySee(state, { type: 'app', id: 'other-agent' })).toBe(false);
  });

  test('an app with the id of the person who asked, and the other way round', () => {
    const own = aRequest({ requester: { type: 'person', id: 'dave', owner: null } });
    expect(maySee(own, { type: 'app', id: 'dave' })).toBe(false);
    expect(maySee(state, { type: 'person', id: 'loan-agent', roles: [] })).toBe(false);
  });
});

test('the roles that a rule can turn to', () => {
  expect([...rolesAsked(state)].sort()).toEqual([
    'chief',
    'credit-manager',
    'credit-officer',
    'risk-manager',
    'security',
  ]);
  expect(rolesAsked(aRequest({ rule: { override: null } }))).toEqual(['credit-officer']);
});
