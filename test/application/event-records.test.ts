import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { draftsOf } from '../../application/event-records.ts';
import { BY_ENGINE, sealRequestEvents, type RequestSealing } from '../../application/sealing.ts';
import type { Deps } from '../../application/deps.ts';
import { createVault } from '../../application/vault.ts';
import type { ShadowEvaluation } from '../../domain/binding.ts';
import type { AccountabilityEvent } from '../../domain/event.ts';
import type { Resolution, RequestState } from '../../domain/request.ts';
import type { ReviewDebt } from '../../domain/review-debt.ts';
import type { UsedException } from '../../domain/rule-exception.ts';
import { parseRecord, type LedgerRecord, type RecordKind } from '../../ledger/record.ts';
import {
  aDecision,
  aGroup,
  anEscalation,
  aRequest,
  aSecondStage,
  aStage,
  CONTENT_DIGEST,
  HELD,
  NOW,
  VIEWED,
} from '../support/builders.ts';

const resolution = (cause: Resolution['cause']): Resolution => ({
  kind: 'approved',
  effect: null,
  mayProceed: true,
  at: NOW,
  by: [],
  cause,
});

type Type = AccountabilityEvent['type'];
type Told = { readonly [T in Type]: AccountabilityEvent & { type: T } };

const ACT = randomUUID();
const EXCEPTION: UsedException = {
  ...{ id: ACT, policy: 'credit-decisions', rule: 'planted rule', when: null },
  ...{ from: NOW, until: NOW, approver: 'planted-cora', ruleIndex: 0, uses: 1 },
};
const SHADOW: ShadowEvaluation = {
  ...{ policy: 'stricter', version: 2, rule: 0, effect: 'review' },
  ...{ stages: 1, tier: 'high', differs: true },
};
const DEBT: ReviewDebt = {
  ...{ id: ACT, person: 'planted-olga', role: 'planted-role', due: NOW },
  ...{ status: 'open', reviewedBy: null, verdict: null },
};

/** One of each; the type makes the table complete. */
const EVENTS: Told = {
  requested: { type: 'requested' },
  policy_bound: { type: 'policy_bound', cause: 'submitted' },
  exception_used: {
    type: 'exception_used',
    exception: EXCEPTION,
  },
  shadow_evaluated: { type: 'shadow_evaluated', shadow: SHADOW },
  held: { type: 'held', heldBy: [HELD] },
  stage_opened: { type: 'stage_opened', stage: 0, deadline: NOW, cause: 'order' },
  stage_closed: { type: 'stage_closed', stage: 0, approvals: 1, rejections: 0 },
  viewed: { type: 'viewed', person: 'planted-eve' },
  reminded: { type: 'reminded', stage: 0, ordinal: 0 },
  escalated: {
    ...{ type: 'escalated', stage: 0, index: 0, to: 'credit-manager', mode: 'add' },
    ...{ cause: 'time', person: null },
  },
  decided: {
    type: 'decided',
    decision: aDecision('planted-eve', { delegatedBy: 'planted-omar' }),
    tally: { approvals: 1, rejections: 0, needed: 2 },
    viewed: VIEWED,
  },
  refused: {
    type: 'refused',
    command: 'decide',
    reason: 'RESOLVED',
    contentDigest: CONTENT_DIGEST,
  },
  asked: { type: 'asked', question: ACT, due: NOW, clockStopped: true },
  answered: { type: 'answered', question: ACT, clockResumed: true },
  question_lapsed: { type: 'question_lapsed', question: ACT, ordinal: 1 },
  commented: { type: 'commented', comment: ACT, replyTo: null },
  amended: {
    type: 'amended',
    beforeActionDigest: 'd'.repeat(64),
    beforeContentDigest: 'e'.repeat(64),
    voided: 1,
  },
  claimed: { type: 'claimed', change: 'claimed', stage: 0, person: 'planted-eve', until: NOW },
  delegated: {
    type: 'delegated',
    stage: 0,
    delegation: { id: ACT, person: 'planted-eve', to: 'planted-omar', from: NOW, until: NOW },
  },
  reassigned: { type: 'reassigned', stage: 0, from: 'planted-eve', to: 'planted-omar' },
  overridden: {
    ...{ type: 'overridden', effect: 'stop', before: 'pending', person: 'planted-olga' },
    ...{ second: 'planted-omar', breakGlass: false },
  },
  review_debt: { type: 'review_debt', change: 'opened', debt: DEBT },
  withdrawn: { type: 'withdrawn' },
  expired: { type: 'expired', stage: 0, pausedSeconds: 60 },
  resolved: { type: 'resolved', resolution: resolution('people'), decisions: 1 },
};
const all = Object.values(EVENTS);

const submitted: RequestState = aRequest({
  requestId: randomUUID(),
  requester: { type: 'app', id: 'planted-agent', owner: 'planted-otto' },
  onBehalfOf: 'planted-dana',
  stages: [aStage({ name: 'planted stage', escalations: [anEscalation()] }), aSecondStage()],
});
const state: RequestState = { ...submitted, amendments: 1 };

function aSealing(differs: Partial<RequestSealing> = {}): RequestSealing {
  return {
    state,
    events: [],
    by: {
      actor: { type: 'person', id: 'planted-eve' },
      auth: { level: 1, method: 'sample_token', proof: null },
      surface: 'rest',
    },
    scope: randomUUID(),
    now: NOW,
    head: { seq: 4, leafHash: 'b'.repeat(64) }, // in the middle of a chain
    references: new Map(),
    keys: new Map(),
    dekId: '',
    texts: [],
    refs: [],
    eligible: new Map([[0, { groups: [['planted-eve', 'planted-omar']], excluded: 1 }]]),
    escalatedTo: new Map([['credit-manager', ['planted-omar']]]),
    ...differs,
  };
}

const refOf = (subject: string): string =>
  Buffer.from(subject).toString('hex').padEnd(64, '0').slice(0, 64);
const told = (event: AccountabilityEvent, sealing = aSealing()) => draftsOf(event, sealing, refOf);

const vault = createVault(Buffer.alloc(32, 1));
const deps = { vault, origin: 'test/log', software: '0.0.0' } as Deps;

/** Sealed for real: bytes and what lies beside them. */
function sealed(event: AccountabilityEvent, differs: Partial<RequestSealing> = {}) {
  const dekId = vault.createKey('request').dekId;
  const { records, fragments } = sealRequestEvents(
    deps,
    aSealing({ events: [event], dekId, ...differs }),
  );
  return { records: records.map(({ bytes }) => parseRecord(bytes)), bytes: records, fragments };
}

describe('each event becomes exactly one kind of record', () => {
  const kinds: { readonly [T in Type]: RecordKind } = {
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
  test.each(all)('$type', (event) => {
    expect(told(event).map((draft) => draft.kind)).toEqual([kinds[event.type]]);
  });

  test('and as many of them as there are facts that hold it, or groups that are asked', () => {
    const held = { type: 'held', heldBy: [HELD, HELD, HELD] } as const;
    expect(told(held).map((draft) => draft.kind)).toEqual(['held', 'held', 'held']);
    const groups = [aGroup(), aGroup({ role: 'security', quorum: 1 })];
    const parallel = aSealing({ state: aRequest({ stages: [aStage({ groups })] }) });
    expect(told(EVENTS.stage_opened, parallel).map(({ body }) => body)).toMatchObject([
      { group: 0, role: 'credit-officer', quorum: 2 },
      { group: 1, role: 'security', quorum: 1 },
    ]);
  });
});

describe('who is named as acting', () => {
  const engine = { type: 'system', role: 'engine', c: null };
  const byPolicy = { type: 'policy', role: 'engine', c: null };
  const person = (role: string) => ({ type: 'human', role, c: refOf('person:planted-eve') });
  test.each<[Type, object]>([
    ['requested', person('requester')],
    ['policy_bound', byPolicy],
    ['exception_used', engine],
    ['shadow_evaluated', byPolicy],
    ['held', byPolicy],
    ['stage_opened', engine],
    ['viewed', person('reviewer')],
    ['reminded', engine],
    ['escalated', engine],
    ['decided', person('reviewer')],
    ['refused', person('none')],
    ['stage_closed', engine],
    ['asked', person('reviewer')],
    ['answered', person('requester')],
    ['question_lapsed', engine],
    ['commented', person('none')],
    ['amended', person('requester')],
    ['claimed', person('reviewer')],
    ['delegated', person('reviewer')],
    ['reassigned', person('override_authority')],
    ['overridden', person('override_authority')],
    ['review_debt', engine],
    ['withdrawn', person('requester')],
    ['expired', engine],
    ['resolved', engine],
  ])('%s', (type, actor) => {
    const [draft] = told(EVENTS[type]);
    expect(draft?.actor).toEqual(actor);
    const byEngine = actor === engine || actor === byPolicy;
    expect(draft?.surface).toBe(byEngine ? 'system' : 'rest');
    expect(draft?.auth.level).toBe(byEngine ? 0 : 1);
    expect(draft?.policy).toBe('credit-decisions@4');
  });

  test.each([
    { cause: 'policy', actor: byPolicy },
    { cause: 'deadline', actor: engine },
    { cause: 'override', actor: engine },
  ] as const)('an end by $cause', ({ cause, actor }) => {
    const event = { ...EVENTS.resolved, resolution: resolution(cause) };
    expect(told(event)[0]?.actor).toEqual(actor);
  });

  test('an app is an agent', () => {
    const by = { ...aSealing().by, actor: { type: 'app', id: 'planted-agent' } } as const;
    const [requested] = told(EVENTS.requested, aSealing({ by }));
    expect(requested?.actor).toMatchObject({ type: 'agent', c: refOf('app:planted-agent') });
    expect(told(EVENTS.refused, aSealing({ by }))[0]?.body).toMatchObject({ person_c: null });
    expect(told(EVENTS.withdrawn, aSealing({ by }))[0]?.body).toMatchObject({ person_c: null });
    const byTime = told(EVENTS.refused, aSealing({ by: BY_ENGINE }));
    expect(byTime[0]?.actor).toEqual(engine);
  });
});

describe('what is told', () => {
  const bodyOf = (event: AccountabilityEvent, sealing = aSealing()): object =>
    told(event, sealing)[0]?.body ?? {};

  test.each([NOW, null])('a stage opens until %s, and who could decide then', (deadline) => {
    expect(bodyOf({ ...EVENTS.stage_opened, deadline })).toMatchObject({
      deadline,
      eligible: 2,
      eligible_c: [refOf('person:planted-eve'), refOf('person:planted-omar')],
    });
  });

  test('more than 64 people are counted, not listed', () => {
    const people = Array.from({ length: 65 }, (_, i) => `p${i}`);
    const many = aSealing({ eligible: new Map([[0, { groups: [people], excluded: 0 }]]) });
    expect(bodyOf(EVENTS.stage_opened, many)).toMatchObject({ eligible: 65, eligible_c: [] });
    const few = aSealing({ eligible: new Map([[0, { groups: [people.slice(1)], excluded: 0 }]]) });
    expect((bodyOf(EVENTS.stage_opened, few) as { eligible_c: string[] }).eligible_c).toHaveLength(
      64,
    );
  });

  test.each(['held', 'pending', 'approved', 'rejected', 'expired'] as const)(
    'an override says what it struck: %s',
    (before) => {
      expect(bodyOf({ ...EVENTS.overridden, before })).toMatchObject({ before, effect: 'stop' });
    },
  );

  test('an escalation says whom it reached, how and after how long', () => {
    expect(bodyOf(EVENTS.escalated)).toMatchObject({
      stage: 0,
      group: null,
      to_role: 'credit-manager',
      mode: 'add',
      cause: 'time',
      level: 1,
      after_seconds: 4 * 3_600,
    });
  });

  test('reminders count from one', () => {
    expect(bodyOf(EVENTS.reminded)).toMatchObject({ ordinal: 1, recipients: 2 });
  });

  test.each([
    { onTimeout: 'expire', tier: 'low', behind: 'last', then: 'expire' },
    { onTimeout: 'expire', tier: 'low', behind: 'first', then: 'expire' },
    { onTimeout: 'next-stage', tier: 'high', behind: 'first', then: 'next_stage' },
    { onTimeout: 'approve', tier: 'low', behind: 'last', then: 'approve' },
    { onTimeout: 'approve', tier: 'medium', behind: 'first', then: 'next_stage' },
    { onTimeout: 'approve', tier: 'high', behind: 'last', then: 'expire' },
    { onTimeout: 'approve', tier: 'high', behind: 'first', then: 'expire' },
  ] as const)(
    'a $behind stage of a $tier tier ends with $then where the rule says $onTimeout',
    ({ onTimeout, tier, behind, then }) => {
      const stages = [aStage({ onTimeout }), aSecondStage({ onTimeout })];
      const stage = behind === 'last' ? 1 : 0;
      const sealing = aSealing({ state: aRequest({ tier, stages }) });
      expect(bodyOf({ type: 'expired', stage, pausedSeconds: 0 }, sealing)).toMatchObject({
        then,
        stage,
      });
    },
  );

  test.each<[Type, string[]]>([
    ['decided', ['reason']],
    ['refused', ['reason']],
    ['asked', ['reason']],
    ['answered', ['reason']],
    ['commented', ['reason']],
    ['delegated', ['reason']],
    ['reassigned', ['reason']],
    ['amended', []],
    ['claimed', []],
    ['question_lapsed', []],
    ['escalated', []],
    ['review_debt', []],
    ['overridden', ['reason']],
    ['withdrawn', ['reason']],
    ['viewed', []],
    ['resolved', []],
    ['stage_opened', []],
    ['expired', []],
  ])('the words of %s lie beside it: %j', (type, paths) => {
    const texts = [{ path: 'reason', value: 'planted words' }];
    const [draft] = told(EVENTS[type], aSealing({ texts }));
    expect((draft?.erasable ?? []).map(({ path }) => path)).toEqual(paths);
  });
});

describe('nothing personal is in the bytes', () => {
  /** What is said in a discussion is called text, why something is done a reason. */
  const textsOf = ({ type }: AccountabilityEvent) => [
    {
      path: ['asked', 'answered', 'commented'].includes(type) ? 'text' : 'reason',
      value: 'planted words of Zoë Ünver',
    },
  ];
  const heldBy = [{ fact: 'credit-decisions#0', reason: 'planted condition' }];
  const SPELLINGS = ['planted', 'Zoë', 'first line', 'no such key'].flatMap((text) => [
    text,
    Buffer.from(text).toString('hex'),
    Buffer.from(text).toString('base64').slice(0, -2),
    encodeURIComponent(text),
  ]);

  test.each(all)('of $type', (event) => {
    const said = event.type === 'held' ? { ...event, heldBy } : event;
    const { bytes, records } = sealed(said, { texts: textsOf(said) });
    const text = bytes.map((record) => Buffer.from(record.bytes).toString('latin1')).join('\n');
    expect(text).toMatch(/^[\x20-\x7e\n]+$/);
    for (const plant of SPELLINGS) expect(text.toLowerCase()).not.toContain(plant.toLowerCase());
    expect(records[0]?.stream).toBe(state.requestId);
  });

  test('nor in what is stored beside them', () => {
    for (const event of all) {
      const { fragments } = sealed(event, { texts: textsOf(event) });
      for (const { text, values } of fragments) {
        const stored = JSON.stringify(values, (_, value: unknown) =>
          value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value,
        );
        // The table of references is the directory of a stream: it may say who, never what.
        if (text.includes('INTO reference')) expect(stored).not.toContain('planted words');
        else expect(stored).not.toContain('planted');
      }
    }
  });
});

describe('references', () => {
  const cOf = (record: LedgerRecord | undefined): unknown => record?.actor.c;

  test('one person is one commitment in a chain, and another one in every other chain', () => {
    const events = [EVENTS.viewed, EVENTS.decided];
    const dekId = vault.createKey('request').dekId;
    const here = sealRequestEvents(deps, aSealing({ events, dekId })).records.map(({ bytes }) =>
      parseRecord(bytes),
    );
    expect(cOf(here[0])).toBe(cOf(here[1]));
    const there = sealed(EVENTS.viewed).records[0];
    expect(cOf(there)).not.toBe(cOf(here[0]));
  });

  test('a commitment that the chain has given is used again, and not stored again', () => {
    const c = 'ab'.repeat(32);
    const references = new Map([['person:planted-eve', c]]);
    const { records, fragments } = sealed(EVENTS.viewed, { references });
    expect(cOf(records[0])).toBe(c);
    expect(fragments.some(({ text }) => text.includes('INTO reference'))).toBe(false);
  });

  test('what names a person falls under the key of that person, else under that of the request', () => {
    const person = vault.createKey('person:planted-eve').dekId;
    const request = vault.createKey('request').dekId;
    const keys = new Map([['person:planted-eve', person]]);
    const { fragments } = sealed(EVENTS.decided, { keys, dekId: request });
    const values = fragments.find(({ text }) => text.includes('INTO reference'))?.values ?? [];
    const deks = (values[1] as string[]).map((who, i) => [who, (values[4] as string[])[i]]);
    expect(Object.fromEntries(deks)).toEqual({
      'person:planted-eve': person,
      'person:planted-omar': request,
    });
  });
});

test('every record of a step has a key of its own that a repetition gives again', () => {
  const events = [EVENTS.reminded, EVENTS.escalated, EVENTS.expired, EVENTS.resolved];
  const { dekId } = vault.createKey('request');
  const seal = (scope: string) =>
    sealRequestEvents(deps, aSealing({ events, scope, dekId, by: BY_ENGINE })).records.map(
      ({ cmd }) => cmd,
    );
  expect(new Set(seal('tick:3')).size).toBe(4);
  expect(seal('tick:3')).toEqual(seal('tick:3'));
  expect(seal('tick:4').some((cmd) => seal('tick:3').includes(cmd))).toBe(false);
});

test('a step that seals nothing is a bug', () => {
  expect(() => sealRequestEvents(deps, aSealing())).toThrow(TypeError);
});
