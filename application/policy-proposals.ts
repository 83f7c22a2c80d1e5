import { isDeepStrictEqual } from 'node:util';
import type { Applied } from '../domain/apply.ts';
import type { Instant } from '../domain/instant.ts';
import type { Policy } from '../domain/policy.ts';
import type { Resolution } from '../domain/request.ts';
import type { Draft } from '../ledger/append.ts';
import { isPolicyFence } from '../prisma/fault.ts';
import {
  exactVersions,
  insertPolicyVersion,
  lockPolicies,
  upsertPolicy,
  type PolicyHead,
  type PolicyVersionRow,
} from '../prisma/policy-store.ts';
import {
  closeProposal,
  insertProposal,
  proposalOfRequest,
  type ProposalRow,
} from '../prisma/proposal-store.ts';
import type { RequestRow } from '../prisma/request-store.ts';
import type { Tx } from '../prisma/transaction.ts';
import { bindRequest } from './bind-request.ts';
import type { PolicyChange } from './content.ts';
import type { Deps } from './deps.ts';
import { countUses } from './exception-uses.ts';
import type { Remember } from './idempotency.ts';
import {
  gateOf,
  newRequestId,
  openIntake,
  requesterOf,
  writeIntake,
  type Intake,
} from './intake.ts';
import { diffOf } from './policy-diff.ts';
import { toPolicy } from './policy-file.ts';
import {
  nextVersion,
  POLICY_CHANGE,
  publishPolicy,
  PublishingGated,
  readPublication,
  unsatisfiable,
  type Publication,
  type ReadPublication,
} from './policies.ts';
import type { PolicySet } from './policy-cache.ts';
import { factsOf, openPolicyStream, policyChanged } from './policy-stream.ts';
import type { Caller, PersonPrincipal } from './principal.ts';
import { BY_ENGINE } from './sealing.ts';
import type { SubmitDeps } from './submit-request.ts';

// Publishing as a request that others decide. The text is stored with the proposal; what is approved is
// published in the very step that approves it, and what cannot be published any more says why.
// @source docs/policies.md

/** What publishing came to. */
export type PublicationResult =
  | { readonly kind: 'published'; readonly row: PolicyVersionRow }
  | {
      readonly kind: 'proposed';
      readonly policy: string;
      /** The number that it gets when it is approved. */
      readonly version: number;
      /** The request that decides. */
      readonly request: string;
    };

export type ResultPublication = Omit<Publication, 'remember'> & {
  readonly remember: Remember<PublicationResult>;
};

/** How often rules may change while one proposal is being written. */
const MAX_FENCES = 5;

/**
 * Publishes the next version at once, or, where a policy for `policy-change` governs, opens a request for
 * it and seals that it was proposed.
 *
 * @param caller a person. @throws ApplicationError as `publishPolicy`.
 */
export async function publishOrPropose(
  deps: SubmitDeps,
  caller: Caller & { readonly principal: PersonPrincipal },
  publication: ResultPublication,
): Promise<PublicationResult> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const policies = await deps.policies.current();
      return isGated(policies, deps.now())
        ? await propose(deps, caller, { publication, policies })
        : await publishNow(deps, publication);
    } catch (error) {
      const overtaken = error instanceof PublishingGated || isPolicyFence(error);
      if (!overtaken || attempt === MAX_FENCES) throw error;
      deps.policies.drop();
    }
  }
}

function isGated(policies: PolicySet, now: Instant): boolean {
  return policies.ofKind(POLICY_CHANGE, now).some(({ mode }) => mode === 'enforced');
}

async function publishNow(
  deps: SubmitDeps,
  publication: ResultPublication,
): Promise<PublicationResult> {
  const row = await publishPolicy(deps, {
    ...publication,
    remember: (tx, published) => publication.remember(tx, { kind: 'published', row: published }),
  });
  deps.policies.drop();
  return { kind: 'published', row };
}

// ---- proposing -----------------------------------------------------------------------------------

async function propose(
  deps: SubmitDeps,
  caller: Caller & { readonly principal: PersonPrincipal },
  { publication, policies }: { publication: ResultPublication; policies: PolicySet },
): Promise<PublicationResult> {
  const asked = { ...publication, remember: () => undefined };
  const parsed = await readPublication(deps, asked);
  const { intake, row } = await deps.db.transaction(async (tx) => {
    const now = deps.now();
    const next = await nextVersion(tx, asked, { ...deps, parsed, now });
    const proposed = await writeProposal(deps, tx, { caller, policies, parsed, ...next });
    publication.remember(tx, resultOf(next.row, proposed));
    return { intake: proposed, row: next.row };
  });
  const gate = gateOf(intake);
  if (gate !== null) deps.gateNeeded(gate);
  else deps.policies.drop(); // policy decided alone, perhaps to publish
  return resultOf(row, intake);
}

function resultOf({ id, version }: PolicyVersionRow, intake: Intake): PublicationResult {
  return { kind: 'proposed', policy: id, version, request: intake.requestId };
}

interface Proposing {
  readonly caller: Caller & { readonly principal: PersonPrincipal };
  readonly policies: PolicySet;
  readonly parsed: ReadPublication;
  readonly head: PolicyHead | null;
  readonly row: PolicyVersionRow;
}

/** The request, the proposal and their records; where policy decides alone, what follows from it too. */
async function writeProposal(deps: SubmitDeps, tx: Tx, proposing: Proposing): Promise<Intake> {
  const { caller, parsed, head, row } = proposing;
  const { policy } = parsed;
  const { id: author, dekId } = caller.principal;
  const people = new Map([[author, dekId]]);
  const stream = await openPolicyStream(deps, tx, { head, row, owner: policy.owner, people });
  const intake = await openProposal(deps, tx, { ...proposing, stream: stream.id });
  const { requestId, applied } = intake;
  const open: ProposalRow = {
    ...{ requestId, policyId: row.id, version: row.version, document: row.document },
    ...{ source: row.source, sourceSha256: row.sourceSha256, author, createdAt: row.createdAt },
    ...{ state: 'open', note: null, closedAt: null },
  };
  const { resolution } = applied.state;
  const closing = resolution === null ? null : closingOf(resolution, { publishable: null });
  const facts = { ...factsOf(policy), ...stream.around, request: requestId };
  const by = { ...sealedByCaller(caller), name: author };
  const drafts: Draft[] = [policyChanged(row, by, { ...facts, change: 'proposed' })];
  if (closing !== null)
    drafts.push(policyChanged(row, BY_ENGINE, { ...facts, change: closing.state }));
  stream.seal(drafts);
  const closed = closing === null ? open : { ...open, ...closing, closedAt: row.createdAt };
  tx.write(insertProposal(closed));
  if (closing?.state === 'published')
    for (const fragment of insertPolicyVersion(row, stream.id)) tx.write(fragment);
  else tx.write(upsertPolicy(row.id, stream.id, head?.newest ?? 0));
  return intake;
}

async function openProposal(
  deps: SubmitDeps,
  tx: Tx,
  { caller, policies, row, stream }: Proposing & { readonly stream: string },
): Promise<Intake> {
  const content = await contentOf(tx, row);
  const now = row.createdAt;
  const requestId = newRequestId();
  const bound = bindRequest(deps, policies, {
    ...{ content, now },
    requester: requesterOf(caller.principal),
  });
  const exceptions = await countUses(tx, bound.exceptions, { requestId, now });
  const asked = {
    ...{ requestId, content, people: [], policies, now, reopens: null },
    binding: { ...bound, exceptions },
    aboutStream: stream,
  };
  const intake = await openIntake(deps, tx, { caller, asked });
  writeIntake(deps, tx, intake);
  return intake;
}

/** What reviewers are shown: the text, and what it changes. */
async function contentOf(tx: Tx, row: PolicyVersionRow): Promise<PolicyChange> {
  const { id, version, source, sourceSha256: sha256 } = row;
  const [before] = version === 1 ? [] : await exactVersions(tx, [{ id, version: version - 1 }]);
  const { from, changes, unified } = diffOf(id, before ?? null, row);
  return {
    kind: 'policy-change',
    title: `Publish version ${version} of policy ${id}`,
    action: {
      operation: 'policy.publish',
      target: `policy/${id}`,
      parameters: { version, sha256 },
    },
    context: { policy: id, version, before: from, sha256, source, changes, unified },
  };
}

function sealedByCaller({ principal, surface }: Caller & { readonly principal: PersonPrincipal }) {
  return {
    actor: { type: principal.type, id: principal.id },
    auth: { level: principal.assurance, method: principal.method, proof: null },
    surface,
  } as const;
}

// ---- what a resolution does ----------------------------------------------------------------------

/** What a proposal becomes. */
interface Closing {
  readonly state: 'published' | 'rejected';
  readonly note: string | null;
}

const ENDED: Readonly<Record<Resolution['kind'], string>> = {
  approved: 'the request was approved',
  rejected: 'the request was rejected',
  expired: 'nobody decided the request in time',
  withdrawn: 'the request was withdrawn',
  overridden: 'the request was overridden',
};

/** @param publishable why it cannot be published any more; null where it can. */
function closingOf(
  { kind, mayProceed }: Resolution,
  { publishable }: { readonly publishable: string | null },
): Closing {
  if (!mayProceed) return { state: 'rejected', note: ENDED[kind] };
  if (publishable === null) return { state: 'published', note: null };
  return { state: 'rejected', note: `${ENDED[kind]}, but ${publishable}` };
}

/**
 * Puts in force, or closes, what a request about a policy was for: called in every step, it does something
 * where the step has given such a request its resolution. A reversal after the publication is noted with
 * the proposal; the version stays, because requests are bound to it.
 *
 * @param step the request's row is locked and not written yet. Writes into `tx`.
 * @throws never by itself: what cannot be published any more is closed with the reason.
 */
export async function resolutionEffects(
  deps: Deps,
  tx: Tx,
  step: {
    readonly row: RequestRow;
    readonly applied: Pick<Applied, 'state'>;
    readonly now: Instant;
  },
): Promise<void> {
  const { row, now } = step;
  const { kind, resolution } = step.applied.state;
  if (kind !== POLICY_CHANGE || resolution === null) return;
  if (isDeepStrictEqual(row.state.resolution, resolution)) return;
  const proposal = await proposalOfRequest(tx, row.id);
  if (proposal === null) return;
  const { requestId, state } = proposal;
  if (state === 'published') {
    if (!resolution.mayProceed)
      tx.write(
        closeProposal(requestId, { state, note: reversed(proposal), at: proposal.closedAt ?? now }),
      );
    return;
  }
  if (state === 'rejected' && !resolution.mayProceed) return;
  await close(deps, tx, { proposal, resolution, now });
}

function reversed({ version }: ProposalRow): string {
  return `the approval was reversed after version ${version} had been published; it stays in force until another version is published`;
}

async function close(
  deps: Deps,
  tx: Tx,
  { proposal, resolution, now }: { proposal: ProposalRow; resolution: Resolution; now: Instant },
): Promise<void> {
  const head = await lockPolicies(tx, proposal.policyId);
  const policy = toPolicy(proposal.document as Record<string, unknown>, proposal.version);
  const publishable = resolution.mayProceed
    ? await obstacle(deps, tx, { proposal, policy, head, now })
    : null;
  const closing = closingOf(resolution, { publishable });
  const row = versionOf(proposal, policy, now);
  const stream = await openPolicyStream(deps, tx, { head, row, owner: policy.owner });
  const facts = { ...factsOf(policy), ...stream.around, request: proposal.requestId };
  stream.seal([policyChanged(row, BY_ENGINE, { ...facts, change: closing.state })]);
  tx.write(closeProposal(proposal.requestId, { ...closing, at: now }));
  if (closing.state === 'published')
    for (const fragment of insertPolicyVersion(row, stream.id)) tx.write(fragment);
}

function versionOf(proposal: ProposalRow, policy: Policy, now: Instant): PolicyVersionRow {
  const { policyId: id, version, document, source, sourceSha256, author } = proposal;
  const { kind, enabled } = policy;
  return { id, version, kind, enabled, document, source, sourceSha256, author, createdAt: now };
}

/** Why a proposed version cannot be published any more; null where it can. */
async function obstacle(
  deps: Deps,
  tx: Tx,
  at: {
    readonly proposal: ProposalRow;
    readonly policy: Policy;
    readonly head: PolicyHead | null;
    readonly now: Instant;
  },
): Promise<string | null> {
  const newest = at.head?.newest ?? 0;
  if (newest >= at.proposal.version)
    return `version ${newest} was published meanwhile: propose it again`;
  const problems = await unsatisfiable(deps, tx, at);
  if (problems.length === 0) return null;
  const first = problems.slice(0, 5).map(({ pointer, message }) => `${pointer}: ${message}`);
  return `the policy cannot be satisfied any more (${first.join('; ')})`;
}
