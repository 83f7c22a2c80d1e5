import { describe, expect, test } from 'vitest';
import { applyCommand } from '../../domain/apply.ts';
import type { RequestState } from '../../domain/request.ts';
import { toPresentState } from '../../domain/stored-state.ts';
import {
  actOf,
  anApp,
  aPerson,
  aRequest,
  aStage,
  CONTENT_DIGEST,
  decide,
  NOW,
  override,
  tickAt,
} from '../support/builders.ts';

/** A request as the version before stored it: two stages, one approval, an escalation ahead. */
const FORMER = {
  requestId: 'request-1',
  kind: 'ai-decision',
  tier: 'medium',
  requester: { type: 'app', id: 'loan-agent', owner: 'otto' },
  onBehalfOf: null,
  editors: [],
  actionDigest: 'a'.repeat(64),
  contentDigest: CONTENT_DIGEST,
  policy: {
    id: 'credit-decisions',
    version: 4,
    ruleIndex: 0,
    rule: {
      name: 'everything else',
      when: null,
      effect: 'review',
      stages: [
        {
          name: 'first line',
          groups: [{ name: 'first line', role: 'credit-officer', quorum: 2, rejectQuorum: 1 }],
          join: 'all',
          deadline: 'P1D',
          reminders: ['PT2H'],
          escalations: [{ after: 'PT4H', to: 'credit-manager', mode: 'add' }],
          onTimeout: 'expire',
          distinctFrom: [],
          assurance: 0,
        },
        {
          name: 'second line',
          groups: [{ name: 'second line', role: 'risk-manager', quorum: 1, rejectQuorum: 1 }],
          join: 'all',
          deadline: null,
          reminders: [],
          escalations: [],
          onTimeout: 'expire',
          distinctFrom: ['first line'],
          assurance: 1,
        },
      ],
      requireView: null,
      override: {
        role: 'override-authority',
        minReason: 20,
        effects: ['stop', 'reverse', 'force'],
      },
      slack: null,
      receipt: { validFor: 'PT1H' },
    },
  },
  heldBy: [],
  stage: {
    index: 0,
    openedAt: NOW,
    deadline: '2026-03-03T09:00:00.000Z',
    roles: [['credit-officer']],
    agenda: [
      { kind: 'reminder', at: '2026-03-02T11:00:00.000Z', ordinal: 0 },
      { kind: 'escalation', at: '2026-03-02T13:00:00.000Z', index: 0 },
      { kind: 'deadline', at: '2026-03-03T09:00:00.000Z' },
    ],
  },
  decisions: [
    {
      ...{ person: 'eve', delegatedBy: null, verdict: 'approve', stage: 0, group: 0 },
      ...{ assurance: 1, at: NOW },
    },
  ],
  resolution: null,
  revision: 2,
  createdAt: NOW,
};

const read = (stored: unknown): RequestState =>
  toPresentState(JSON.parse(JSON.stringify(stored)) as RequestState);
const present = read(FORMER);

test('a request of the former version is read with everything that it had', () => {
  const { group: _, ...decision } = FORMER.decisions[0] ?? { group: 0 };
  const { policy, decisions: __, ...rest } = FORMER;
  expect(present).toMatchObject({ ...rest, policy, decisions: [decision] });
});

test('and with what has been added since: nothing that anybody asked for', () => {
  expect(present).toMatchObject({
    ...{ owners: [], amendments: 0, delegations: [], discussion: [], proposals: [] },
    ...{ debt: null, reopens: null },
    policy: {
      ...{ controls: [], requireAcknowledgement: false, deadlines: [null, null] },
      boundUnder: [{ id: 'credit-decisions', version: 4 }],
      rule: {
        controls: [],
        override: { assurance: 0, secondPerson: [], breakGlass: null },
        stages: Array.from({ length: 2 }, () => ({
          ...{ calendar: null, deadlineAt: null },
          groups: [{ conditions: { team: [], region: [] }, trainings: [] }],
        })),
      },
    },
    stage: { pausedSince: null, pausedSeconds: 0, claims: [], barred: [], isStuck: false },
    decisions: [{ groups: [0], role: null, delegation: null }],
  });
});

test('it has every field of a request of this version, at every depth, and no other', () => {
  const opened = aRequest({ stages: [aStage(), aStage({ name: 'second line' })] });
  const shapeOf = (value: unknown): unknown =>
    Array.isArray(value)
      ? value.slice(0, 1).map(shapeOf)
      : typeof value === 'object' && value !== null
        ? Object.fromEntries(
            Object.entries(value)
              .sort(([a], [b]) => (a < b ? -1 : 1))
              .map(([key, one]) => [key, shapeOf(one)]),
          )
        : null;
  const now = applyCommand(opened, decide(), actOf(aPerson('eve'))).state;
  const alike = (state: RequestState) => {
    const { rule } = state.policy;
    const stages = rule.stages.map((stage) => ({
      ...stage,
      reminders: [],
      escalations: [],
      distinctFrom: [],
    }));
    const stage = state.stage && { ...state.stage, agenda: [] };
    return shapeOf({ ...state, stage, policy: { ...state.policy, rule: { ...rule, stages } } });
  };
  expect(alike(present)).toEqual(alike(now));
});

test('the built-in policy was nobody’s version', () => {
  const { policy } = read({ ...FORMER, policy: { ...FORMER.policy, id: 'fallback', version: 1 } });
  expect(policy.boundUnder).toEqual([]);
});

test('one without stage, without override, in the second group', () => {
  const rule = { ...FORMER.policy.rule, override: null };
  const decisions = FORMER.decisions.map((one) => ({ ...one, group: 1 }));
  const policy = { ...FORMER.policy, rule };
  const state = read({ ...FORMER, stage: null, policy, decisions });
  expect(state).toMatchObject({
    stage: null,
    policy: { rule: { override: null } },
    decisions: [{ groups: [1] }],
  });
});

test('a request of this version is read as it is', () => {
  const stored = aRequest();
  expect(toPresentState(stored)).toBe(stored);
  expect(read(present)).toEqual(present);
});

describe('it goes on', () => {
  const later = '2026-03-02T10:00:00.000Z';
  const act = (id: string) => actOf(aPerson(id), later);

  test('to the end, by its people', () => {
    const twice = applyCommand(present, decide(), act('eve'));
    expect(twice.outcome).toEqual({ kind: 'refused', reason: 'ALREADY_DECIDED' });
    const second = applyCommand(present, decide(), act('omar')).state;
    expect(second.stage?.index).toBe(1);
    const tooMuch = { ...aPerson('eve'), roles: ['risk-manager'] };
    const distinct = applyCommand(second, decide(), actOf(tooMuch, later));
    expect(distinct.outcome).toEqual({ kind: 'refused', reason: 'NOT_ELIGIBLE' });
    const done = applyCommand(second, decide(), act('rui')).state;
    expect(done.resolution).toMatchObject({ kind: 'approved', by: ['eve', 'omar', 'rui'] });
  });

  test('with its time', () => {
    const over = applyCommand(present, null, tickAt('2026-03-04T09:00:00.000Z'));
    const types = over.events.map(({ type }) => type);
    expect(types).toEqual(['reminded', 'escalated', 'expired', 'resolved']);
  });

  test('with what is new', () => {
    const asked = applyCommand(present, { kind: 'ask' }, act('omar')).state;
    expect(asked.stage?.pausedSince).toBe(later);
    expect(applyCommand(asked, { kind: 'claim' }, act('omar')).outcome?.kind).toBe('done');
    expect(applyCommand(asked, { kind: 'withdraw' }, actOf(anApp())).outcome?.kind).toBe('settled');
    expect(applyCommand(asked, override('stop'), act('olga')).outcome?.kind).toBe('settled');
  });
});
