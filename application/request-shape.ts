import { withDelegations } from '../domain/delegation.ts';
import { openQuestions } from '../domain/discussion.ts';
import { eligibility } from '../domain/eligibility.ts';
import { policyVersionName } from '../domain/policy.ts';
import { tallyOf } from '../domain/quorum.ts';
import { statusOf, type OpenStage, type RequestState, type Resolution } from '../domain/request.ts';
import { decisionsOf, stageAt } from '../domain/stage.ts';
import type { Instant } from '../domain/instant.ts';
import {
  factsOfPeople,
  peopleWithRoles,
  reading,
  type PersonFacts,
} from '../prisma/directory-store.ts';
import type { RequestRow } from '../prisma/request-store.ts';
import type { Deps } from './deps.ts';
import { ApplicationError } from './error.ts';
import { reasonPlace, titlePlace } from './places.ts';
import { Unreadable } from './vault.ts';

/** A request as every caller sees it: one shape everywhere (product contract 3.1). */
export interface RequestShape {
  readonly id: string;
  readonly kind: string;
  readonly title: string;
  readonly status: string;
  readonly revision: number;
  readonly riskTier: string;
  readonly actionDigest: string;
  readonly contentDigest: string;
  readonly policy: { readonly id: string; readonly version: number; readonly rule: string };
  readonly stage: StageShape | null;
  readonly heldBy: readonly { readonly fact: string; readonly reason: string }[];
  readonly decisions: readonly DecisionShape[];
  readonly resolution: ResolutionShape | null;
  /** What the policy and the rule support: every decision on it inherits that. */
  readonly controls: readonly string[];
  /** Who has said that they are at it. */
  readonly claims: OpenStage['claims'];
  /** Since when the clock stands because of a question. */
  readonly pausedSince: Instant | null;
  /** Ids of the questions that stop the clock. */
  readonly openQuestions: readonly string[];
  /** People who asked for an override that waits for a second one. */
  readonly proposals: RequestState['proposals'];
  /** The review that a broken glass owes. */
  readonly debt: RequestState['debt'];
  /** The request that this one opens again. */
  readonly reopens: string | null;
  readonly requester: { readonly type: string; readonly id: string };
  readonly createdAt: Instant;
  readonly links: {
    readonly self: string;
    readonly chain: string;
    /** The exact text that governs. */
    readonly policy: string;
    readonly console: string;
  };
}

export interface StageShape {
  readonly name: string;
  readonly index: number;
  readonly of: number;
  readonly approvals: number;
  readonly rejections: number;
  readonly needed: number;
  readonly deadline: Instant | null;
  readonly eligible: readonly string[];
  readonly decided: readonly string[];
}

export interface DecisionShape {
  readonly person: string;
  readonly delegatedBy: string | null;
  readonly verdict: string;
  readonly stage: string;
  readonly at: Instant;
}

export interface ResolutionShape {
  readonly kind: string;
  readonly effect: string | null;
  readonly mayProceed: boolean;
  readonly at: Instant;
  readonly by: readonly string[];
  readonly reason: string | null;
}

/** What an erased text reads. */
const ERASED = '[erased]';

/** The parts of the head row that the shape is made of. */
export type ShapedRow = Pick<
  RequestRow,
  'id' | 'state' | 'dekId' | 'title' | 'reason' | 'createdAt'
>;

/** What words read that were changed where they are stored, or belong to another ENCRYPTION_KEY. */
const UNREADABLE = '[cannot be read: the stored text was changed or encrypted with another key]';

/**
 * @returns the shapes of several requests, in their order; people are looked up once. Words that cannot
 *          be read say so: one broken row must not hide the others, or the answer to what was done.
 */
export async function shapesOf(deps: Deps, rows: readonly ShapedRow[]): Promise<RequestShape[]> {
  const reader = reading(deps.db);
  const roles = [...new Set(rows.flatMap((row) => row.state.stage?.roles.flat() ?? []))];
  const handedTo = [...new Set(rows.flatMap(({ state }) => state.delegations.map(({ to }) => to)))];
  const now = deps.now();
  const [holders, others] = await Promise.all([
    roles.length === 0 ? [] : peopleWithRoles(reader, roles, now),
    handedTo.length === 0 ? [] : factsOfPeople(reader, handedTo, now),
  ]);
  const people = [...new Map([...others, ...holders].map((one) => [one.id, one])).values()];
  await makeReadable(deps, rows);
  return rows.map((row) => shapeOf(deps, row, people));
}

/** A key that cannot be unwrapped is noticed again where it is used. */
async function makeReadable(deps: Deps, rows: readonly ShapedRow[]): Promise<void> {
  try {
    await deps.vault.prepare(
      reading(deps.db),
      rows.map((row) => row.dekId),
    );
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
  }
}

/** @throws ApplicationError UNREADABLE */
export async function readShape(deps: Deps, row: ShapedRow): Promise<RequestShape> {
  const [shape] = await shapesOf(deps, [row]);
  const { title, resolution } = shape as RequestShape;
  if ([title, resolution?.reason].includes(UNREADABLE)) throw unreadable();
  return shape as RequestShape;
}

function unreadable(cause?: unknown): ApplicationError {
  return new ApplicationError(
    'UNREADABLE',
    'What this request says cannot be decrypted: what is stored was changed, or belongs to another ENCRYPTION_KEY. Its chain can still be read and verified.',
    { cause },
  );
}

/** Requests that this process has told of; a list that is read again and again says it once. */
const told = new Set<string>();
const MOST_TOLD = 10_000;

function tellUnreadable(deps: Deps, requestId: string, error: unknown): void {
  if (told.has(requestId) || told.size >= MOST_TOLD) return;
  told.add(requestId);
  deps.onFault?.(`the stored words of request ${requestId} cannot be read`, error);
}

/** @throws ApplicationError UNREADABLE, told once, where something stored cannot be decrypted. */
export async function withReadable<T>(
  deps: Deps,
  requestId: string,
  read: () => Promise<T>,
): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    tellUnreadable(deps, requestId, error);
    throw unreadable(error);
  }
}

function wordsOf(
  deps: Deps,
  row: ShapedRow,
  [place, bytes]: readonly [string, Uint8Array],
): string {
  try {
    return deps.vault.decrypt(row.dekId, place, bytes) ?? ERASED;
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    tellUnreadable(deps, row.id, error);
    return UNREADABLE;
  }
}

/** @param people at least everybody who holds a role of the open stage. */
export function shapeOf(deps: Deps, row: ShapedRow, people: readonly PersonFacts[]): RequestShape {
  const { state } = row;
  const { policy, requester } = state;
  const words = (place: string, bytes: Uint8Array): string => wordsOf(deps, row, [place, bytes]);
  return {
    id: row.id,
    kind: state.kind,
    title: words(titlePlace(row.id), row.title),
    status: statusOf(state),
    revision: state.revision,
    riskTier: state.tier,
    actionDigest: state.actionDigest,
    contentDigest: state.contentDigest,
    policy: { id: policy.id, version: policy.version, rule: policy.rule.name },
    stage: stageShape(state, people, deps.now()),
    heldBy: state.heldBy,
    decisions: state.decisions.map(({ person, delegatedBy, verdict, stage, at }) => ({
      person,
      delegatedBy,
      verdict,
      stage: stageAt(state, stage).name,
      at,
    })),
    resolution: resolutionShape(
      state,
      row.reason === null ? null : words(reasonPlace(row.id), row.reason),
    ),
    controls: policy.controls,
    claims: state.stage?.claims ?? [],
    pausedSince: state.stage?.pausedSince ?? null,
    openQuestions: openQuestions(state).map((question) => question.id),
    proposals: state.proposals,
    debt: state.debt,
    reopens: state.reopens?.requestId ?? null,
    requester: { type: requester.type, id: requester.id },
    createdAt: state.createdAt,
    links: {
      self: `${deps.publicUrl}/v1/requests/${row.id}`,
      chain: `${deps.publicUrl}/v1/requests/${row.id}/chain`,
      policy: `${deps.publicUrl}/v1/requests/${row.id}/policy`,
      console: `${deps.publicUrl}/requests/${row.id}`,
    },
  };
}

/** Who may decide in the stage or has; who is excluded by a rule is not named. */
function stageShape(
  state: RequestState,
  people: readonly PersonFacts[],
  now: Instant,
): StageShape | null {
  const { stage } = state;
  if (stage === null) return null;
  const rule = stageAt(state, stage.index);
  const here = decisionsOf(state, stage.index);
  const belongs = (person: PersonFacts): boolean => {
    const candidate = withDelegations(state, person, { principals: people, now });
    const may = eligibility(state, stage, candidate);
    return may.kind === 'eligible' || may.reason === 'ALREADY_DECIDED';
  };
  return {
    name: rule.name,
    index: stage.index,
    of: state.policy.rule.stages.length,
    ...tallyOf(rule, here),
    deadline: stage.deadline,
    eligible: people
      .filter(belongs)
      .map((person) => person.id)
      .sort(),
    decided: here.map((decision) => decision.person),
  };
}

/** @param words of the override or withdrawal, where there are any. */
export function resolutionShape(state: RequestState, words: string | null): ResolutionShape | null {
  const { resolution } = state;
  if (resolution === null) return null;
  const { kind, effect, mayProceed, at, by } = resolution;
  return { kind, effect, mayProceed, at, by, reason: words ?? sentence(state, resolution) };
}

function sentence({ policy }: RequestState, { cause }: Resolution): string | null {
  const rule = `rule "${policy.rule.name}" of ${policyVersionName(policy)}`;
  if (cause === 'policy') return `decided by ${rule}, not by a person`;
  return cause === 'deadline' ? `the time that ${rule} gives ran out` : null;
}
