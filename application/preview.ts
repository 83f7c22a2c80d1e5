import { openRequest } from '../domain/apply.ts';
import type { Binding } from '../domain/binding.ts';
import { policyVersionName, type Effect, type Rule } from '../domain/policy.ts';
import type { RefusalReason } from '../domain/refusal.ts';
import { satisfiability, type RuleProblem, type StaffedGroup } from '../domain/satisfiability.ts';
import { peopleWithRoles, reading } from '../prisma/directory-store.ts';
import { bindRequest } from './bind-request.ts';
import { calendarsNamed, loadWorkingTime } from './calendars.ts';
import { digestsOf } from './content-digests.ts';
import type { Content } from './content.ts';
import { reachableAssurance } from './deps.ts';
import { ownersOf, requesterOf } from './intake.ts';
import type { Caller } from './principal.ts';
import { assertMaySubmit, peopleNamed, type SubmitDeps } from './submit-request.ts';

/** What would become of a request, were it submitted now. */
export interface Preview {
  readonly policy: { readonly id: string; readonly version: number };
  readonly rule: string;
  readonly effect: Effect;
  /** One entry per stage, or per group of a stage with parallel groups; empty where nobody is asked. */
  readonly stages: readonly PreviewedGroup[];
  /** Different people can be named for every stage; true where nobody is asked, false where it is held. */
  readonly satisfiable: boolean;
  /** Sentences; also what only may go wrong. */
  readonly problems: readonly string[];
}

interface PreviewedGroup {
  readonly name: string;
  readonly role: string;
  readonly needed: number;
  /** Who may decide when the stage opens, by id. */
  readonly eligible: readonly string[];
  readonly excluded: readonly { readonly person: string; readonly reason: RefusalReason }[];
}

/**
 * Says what would become of a request, and who could decide it, by the directory as it is now. Stores and
 * seals nothing.
 *
 * @throws ApplicationError FORBIDDEN, VALIDATION_FAILED: whatever submitting would be refused for.
 * @source product contract 3.2; docs/policies.md
 */
export async function previewRequest(
  deps: SubmitDeps,
  caller: Caller,
  content: Content,
): Promise<Preview> {
  assertMaySubmit(caller.principal, content.kind);
  await peopleNamed(deps, caller.principal, content);
  const now = deps.now();
  const requester = requesterOf(caller.principal);
  const binding = bindRequest(deps, await deps.policies.current(), { content, requester, now });
  const digests = digestsOf(content, policyVersionName(binding.policy));
  const { policy, rule } = binding;
  const shown = {
    policy: { id: policy.id, version: policy.version },
    rule: rule.name,
    effect: rule.effect,
  };
  if (binding.heldBy.length > 0)
    return { ...shown, stages: [], satisfiable: false, problems: heldProblems(binding) };
  if (rule.effect !== 'review') return { ...shown, stages: [], satisfiable: true, problems: [] };
  const reader = reading(deps.db);
  const time = await loadWorkingTime(reader, calendarsNamed({ rules: [rule] }));
  const submission = {
    requestId: '',
    kind: content.kind,
    requester,
    onBehalfOf: content.onBehalfOf ?? null,
    owners: ownersOf(content),
    actionDigest: digests.action.sha256,
    contentDigest: digests.content.sha256,
    reopens: null,
  };
  const { state } = openRequest(submission, binding, { now, time });
  const people = await peopleWithRoles(reader, rolesIn(rule), now);
  const bench = { people, reachable: reachableAssurance(deps) };
  const found = satisfiability(state, bench, { now, time });
  return {
    ...shown,
    stages: found.groups.map(shownGroup),
    satisfiable: found.satisfiable,
    problems: found.problems.map((problem) => sentence(rule, problem)),
  };
}

function heldProblems({ heldBy }: Binding): string[] {
  return heldBy.map(({ reason }) => `the request would be held: ${reason}`);
}

function rolesIn({ stages }: Rule): string[] {
  const roles = stages.flatMap(({ groups, escalations }) => [
    ...groups.map(({ role }) => role),
    ...escalations.map(({ to }) => to),
  ]);
  return [...new Set(roles)];
}

function shownGroup({ name, role, needed, eligible, excluded }: StaffedGroup): PreviewedGroup {
  return { name, role, needed, eligible, excluded };
}

function sentence({ stages }: Rule, { stage, message }: RuleProblem): string {
  return `stage "${stages[stage]?.name ?? ''}": ${message}`;
}
