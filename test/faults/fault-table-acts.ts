import { randomUUID } from 'node:crypto';
import type { CommandBody } from '../../application/approval-service.ts';
import type { RequestShape } from '../../application/request-shape.ts';
import { aPolicySource, LOAN, soundChain } from '../support/acts.ts';
import type { Point } from './fault-table-wire.ts';
import { FAULTS, insist, UPDATES, type World } from './fault-table-world.ts';

/** Where one command's life is stopped: the table's rows, in the order of time. */
export const PHASES = [
  'written, not delivered',
  'delivered, before the transaction',
  'after the lock',
  'after the command is read',
  'while the directory is read',
  'sealed, before the writes',
  'written, before COMMIT',
  'after COMMIT, before the worker hears of it',
  'after COMMIT, before Temporal hears of it',
  'after Temporal has completed it',
  'after its answer is kept',
] as const;
export type Phase = (typeof PHASES)[number];

/** Let go once Temporal hears nothing any more: then only Temporal does not know. */
export const UNREPORTED: Phase = 'after COMMIT, before Temporal hears of it';

const reads =
  (part: RegExp): Point['at'] =>
  (message) =>
    part.test(message.statement);
const LOCK = /FROM request WHERE id = \$1 FOR NO KEY UPDATE/;
const COMMITTED: Point = { at: reads(/^COMMIT$/), keep: 'answer', said: 'COMMIT\0' };

export const POINT_OF: Readonly<Record<Phase, Point>> = {
  'written, not delivered': {
    ...{ at: reads(/INSERT INTO command /), keep: 'answer', said: 'SELECT 1\0' },
  },
  'delivered, before the transaction': { at: reads(LOCK), keep: 'question' },
  'after the lock': { at: reads(/WITH asked AS MATERIALIZED/), keep: 'question' },
  'after the command is read': { at: reads(/FROM person p WHERE/), keep: 'question' },
  'while the directory is read': {
    ...{ at: reads(/FROM person p WHERE/), keep: 'answer', said: 'SELECT ' },
  },
  'sealed, before the writes': { at: reads(/UPDATE request SET status/), keep: 'question' },
  'written, before COMMIT': { at: reads(/^COMMIT$/), keep: 'question', said: 'SELECT 1\0' },
  'after COMMIT, before the worker hears of it': COMMITTED,
  'after COMMIT, before Temporal hears of it': COMMITTED,
  'after Temporal has completed it': {
    ...{ at: reads(/^SELECT id, request_id.* FROM command WHERE id = \$1$/s), keep: 'question' },
  },
  'after its answer is kept': {
    ...{ at: reads(/UPDATE idempotency_key SET status/), keep: 'answer', said: 'UPDATE 1\0' },
  },
};

/** One act that is about to be made, and what it must leave behind. */
export interface Prepared {
  /** null: a submission, known by its answer. */
  readonly requestId: string | null;
  /** What its statements carry. */
  readonly token: string;
  /** null: time itself acts. */
  readonly act: { who: string; path: string; body: unknown; key: string } | null;
  /** Kinds of the chain before. */
  readonly before: readonly string[];
  /** Kinds that it adds, exactly once. */
  readonly adds: readonly string[];
  /** What its answer contains. */
  readonly outcome: object;
  readonly status: RequestShape['status'];
  /** Whether its gate goes on: absent, as long as the request is pending. */
  readonly gateGoesOn?: boolean;
}

export type Prepare = (world: World) => Promise<Prepared>;

const REASON = 'a reason that is long enough';

/** Who breaks the glass may not override again until it is reviewed, and who has left has left. */
const SPENT = 3 * FAULTS.length;
const soles = Array.from({ length: SPENT }, (_, n) => `sole-${n}`);
export const PEOPLE = [
  { role: 'override-authority', count: 2 + 2 * SPENT },
  ...soles.map((role) => ({ role, count: 1 })),
];
const authority = (n: number): string => `override-authority-${n}`;
let [nextAuthority, nextSole] = [2, 0];

const withEscalation = (source: string): string =>
  source
    .replace('        deadline:', '        escalations: [{ after: PT4H, to: credit-manager }]\n$&')
    .replace(
      /override: .*/,
      'override: { role: override-authority, minReason: 5, effects: [stop, reverse, force], secondPerson: [stop], breakGlass: { role: compliance } }',
    );

const when = (operation: string): string => `request.action.operation == "${operation}"`;
const plain = (id: string, differs: Parameters<typeof aPolicySource>[0] = {}): string =>
  aPolicySource({ id, when: when(id), ...differs });

export const POLICIES = [
  withEscalation(plain('two', { quorum: 2 })),
  plain('due', { deadline: 'PT5S' }),
  plain('later', { deadline: 'PT12S' }),
  ...soles.map((role) => withEscalation(plain(role, { role }))),
];

export const submission = (operation: string): object => ({
  ...LOAN,
  action: { operation, target: 'loan/1' },
});

export async function submitted(world: World, operation: string): Promise<RequestShape> {
  const act = { who: 'app', path: '/v1/requests', body: submission(operation), key: randomUUID() };
  return JSON.parse((await insist(world, 20_000, act)).text) as RequestShape;
}

const at = (request: RequestShape, what: string): string => `/v1/requests/${request.id}/${what}`;

/** An act before the one that the fault meets. */
export async function first(
  world: World,
  who: string,
  { path, body }: { readonly path: string; readonly body: unknown },
): Promise<CommandBody> {
  const answer = await insist(world, 20_000, { who, path, body, key: randomUUID() });
  return JSON.parse(answer.text) as CommandBody;
}

export const approval = (request: RequestShape) => ({
  path: at(request, 'decisions'),
  body: { verdict: 'approve', contentDigest: request.contentDigest },
});

interface Leaves {
  readonly adds: readonly string[];
  readonly outcome?: object;
  readonly status?: RequestShape['status'];
  readonly gateGoesOn?: boolean;
}

async function ready(
  world: World,
  request: RequestShape,
  act: { who: string; path: string; body: unknown } | null,
  { adds, outcome = { outcome: { kind: 'done' } }, status = 'pending', ...more }: Leaves,
): Promise<Prepared> {
  const { kinds } = await soundChain(world.deps, request.id);
  const [requestId, token] = [request.id, request.id];
  const keyed = act === null ? null : { ...act, key: randomUUID() };
  return { requestId, token, act: keyed, before: kinds, adds, outcome, status, ...more };
}

/** Eve's approval is counted. */
export const approve: Prepare = async (world) => {
  const request = await submitted(world, 'two');
  const outcome = { outcome: { kind: 'counted', approvals: 1, needed: 2 } };
  return ready(
    world,
    request,
    { who: 'eve', ...approval(request) },
    { adds: ['decided'], outcome },
  );
};

/** Omar's approval is the second, and settles. */
export const settle: Prepare = async (world) => {
  const request = await submitted(world, 'two');
  await first(world, 'eve', approval(request));
  const outcome = { outcome: { kind: 'settled', resolution: { kind: 'approved' } } };
  const leaves = { adds: ['decided', 'resolved'], outcome, status: 'approved' } as const;
  return ready(world, request, { who: 'omar', ...approval(request) }, leaves);
};

/** A command of one body on a fresh request. */
const simple =
  (who: string, what: string, { body, adds }: { body: unknown; adds: readonly string[] }) =>
  async (world: World): Promise<Prepared> => {
    const request = await submitted(world, 'two');
    return ready(world, request, { who, path: at(request, what), body }, { adds });
  };

export const question = (request: RequestShape) => ({
  path: at(request, 'questions'),
  body: { text: 'Which debts are these?' },
});

const OVERRIDDEN = {
  outcome: { outcome: { kind: 'settled', resolution: { kind: 'overridden' } } },
  status: 'overridden',
} as const;

export const COMMANDS: Readonly<Record<string, Prepare>> = {
  'a submission': async () => {
    const key = randomUUID();
    const body = submission('two');
    return {
      ...{ requestId: null, token: key, act: { who: 'app', path: '/v1/requests', body, key } },
      ...{
        before: [],
        adds: ['requested', 'policy_bound', 'stage_opened'],
        outcome: { status: 'pending' },
      },
      status: 'pending',
    };
  },
  'a question': async (world) => {
    const request = await submitted(world, 'two');
    return ready(world, request, { who: 'eve', ...question(request) }, { adds: ['asked'] });
  },
  'an answer': async (world) => {
    const request = await submitted(world, 'two');
    const { outcome } = await first(world, 'eve', question(request));
    const questionId = 'questionId' in outcome ? outcome.questionId : '';
    const body = { questionId, text: 'Those of last year.' };
    const act = { who: 'app', path: at(request, 'answers'), body };
    return ready(world, request, act, { adds: ['answered'] });
  },
  'an amendment': simple('app', 'amendments', {
    ...{
      body: { title: 'Decline loan application 4712' },
      adds: ['amended', 'stage_closed', 'policy_bound', 'stage_opened'],
    },
  }),
  'a delegation': async (world) => {
    const request = await submitted(world, 'two');
    const until = new Date(Date.now() + 3_600_000).toISOString();
    const body = { to: 'rui', until, reason: REASON };
    const act = { who: 'eve', path: at(request, 'delegations'), body };
    return ready(world, request, act, { adds: ['delegated'] });
  },
  'a claim': simple('eve', 'claims', { body: {}, adds: ['claimed'] }),
  'a reassignment': simple('mia', 'reassignments', {
    ...{ body: { from: 'eve', to: 'omar', reason: REASON }, adds: ['reassigned', 'claimed'] },
  }),
  'an escalation': simple('eve', 'escalations', {
    ...{ body: { reason: REASON }, adds: ['escalated'] },
  }),
  'an override by two': async (world) => {
    const request = await submitted(world, 'two');
    const act = { path: at(request, 'overrides'), body: { effect: 'stop', reason: REASON } };
    await first(world, authority(0), act);
    const leaves = { adds: ['overridden', 'resolved'], ...OVERRIDDEN };
    return ready(world, request, { who: authority(1), ...act }, leaves);
  },
  'a broken glass': async (world) => {
    const request = await submitted(world, 'two');
    const body = { effect: 'stop', reason: REASON, breakGlass: true };
    const act = { who: authority(nextAuthority++), path: at(request, 'overrides'), body };
    const adds = ['overridden', 'resolved', 'review_debt'];
    return ready(world, request, act, { adds, ...OVERRIDDEN, gateGoesOn: true });
  },
  'a review': async (world) => {
    const request = await submitted(world, 'two');
    const body = { effect: 'stop', reason: REASON, breakGlass: true };
    await first(world, authority(nextAuthority++), { path: at(request, 'overrides'), body });
    const review = { verdict: 'justified', reason: REASON };
    const act = { who: 'cora', path: at(request, 'reviews'), body: review };
    return ready(world, request, act, { adds: ['review_debt'], status: 'overridden' });
  },
  'a withdrawal': async (world) => {
    const request = await submitted(world, 'two');
    const act = { who: 'app', path: at(request, 'withdrawal'), body: {} };
    const outcome = { outcome: { kind: 'settled', resolution: { kind: 'withdrawn' } } };
    const leaves = { adds: ['withdrawn', 'resolved'], outcome, status: 'withdrawn' } as const;
    return ready(world, request, act, leaves);
  },
  'a departure that leaves nobody': async (world) => {
    const role = `sole-${nextSole++}`;
    const request = await submitted(world, role);
    const who = `${role}-0`;
    const act = { who: 'cora', path: `/v1/people/${who}/departure`, body: undefined };
    const leaves = { adds: ['escalated'], outcome: { id: who } };
    return ready(world, request, act, leaves);
  },
};

/** The longest series of acts that one run of a gate takes, but for the last one. */
const BEFORE_LAST = UPDATES - 2;

/** What a request is going through when the fault comes, whatever anybody does. */
export const STATES = {
  /** Its deadline passes; it is stopped in the step that time takes. */
  due: async (world: World) => {
    const request = await submitted(world, 'due');
    return ready(world, request, null, { adds: ['expired', 'resolved'], status: 'expired' });
  },
  /** Its deadline comes after the fault. */
  later: async (world: World) => {
    const request = await submitted(world, 'later');
    return ready(world, request, null, { adds: ['expired', 'resolved'], status: 'expired' });
  },
  /** Its clock stands; the answer comes after the fault. */
  paused: async (world: World) => {
    const answer = COMMANDS['an answer'];
    if (answer === undefined) throw new TypeError('nobody answers');
    return answer(world);
  },
  /** Its gate goes on as a new run with this act. */
  renewed: async (world: World) => {
    const request = await submitted(world, 'two');
    for (let n = 0; n < BEFORE_LAST; n += 1) await first(world, 'sam', approval(request));
    const outcome = { outcome: { kind: 'counted', approvals: 1, needed: 2 } };
    return ready(
      world,
      request,
      { who: 'eve', ...approval(request) },
      { adds: ['decided'], outcome },
    );
  },
} as const satisfies Readonly<Record<string, Prepare>>;
