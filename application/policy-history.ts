import type { Instant } from '../domain/instant.ts';
import type { RequestState } from '../domain/request.ts';
import { reading } from '../prisma/directory-store.ts';
import { usesOfRequest } from '../prisma/exception-store.ts';
import { findPolicyVersion, policyStream } from '../prisma/policy-store.ts';
import { listProposals, proposalOfRequest, type ProposalRow } from '../prisma/proposal-store.ts';
import { countShadows, type ShadowCount } from '../prisma/shadow-store.ts';
import type { Deps } from './deps.ts';
import { notFound } from './error.ts';
import { diffOf, type PolicyDiff } from './policy-diff.ts';
import { policyOfRequest, type GoverningPolicy } from './policy-queries.ts';

// What became of policies over time: what changed, what was proposed, what shadows would have said.

/** @returns what a version changed. @throws ApplicationError NOT_FOUND */
export async function policyDiff(
  deps: Deps,
  { id, version }: { readonly id: string; readonly version: number },
): Promise<PolicyDiff & { readonly id: string }> {
  const [before, after] = await Promise.all([
    version === 1 ? null : findPolicyVersion(deps.db, id, version - 1),
    findPolicyVersion(deps.db, id, version),
  ]);
  if (after === null) throw notFound('policy version');
  return { id, ...diffOf(id, before, after) };
}

/** A version that waits for an approval, or what became of it. */
export interface ProposalShape {
  readonly request: string;
  readonly policy: string;
  readonly version: number;
  readonly sourceSha256: string;
  readonly author: string;
  readonly state: ProposalRow['state'];
  readonly note: string | null;
  readonly createdAt: Instant;
  readonly closedAt: Instant | null;
}

function toProposal(row: ProposalRow): ProposalShape {
  const { requestId, policyId, version, sourceSha256, author, state, note } = row;
  const { createdAt, closedAt } = row;
  return {
    ...{ request: requestId, policy: policyId, version, sourceSha256, author, state, note },
    ...{ createdAt, closedAt },
  };
}

/** Newest first. @throws ApplicationError NOT_FOUND where nothing was ever published or proposed. */
export async function proposalPage(
  deps: Deps,
  page: Parameters<typeof listProposals>[1],
): Promise<ProposalShape[]> {
  if ((await policyStream(reading(deps.db), page.id)) === null) throw notFound('policy');
  return (await listProposals(deps.db, page)).map(toProposal);
}

/** The policy of a request with what else was asked of policies in it. */
export interface RequestPolicy extends GoverningPolicy {
  /** Rules that would have matched and were left out. */
  readonly exceptions: readonly {
    readonly exception: string;
    readonly policy: string;
    readonly rule: string;
    readonly at: Instant;
  }[];
  /** Where the request is about a version of a policy: what became of it. */
  readonly change: ProposalShape | null;
}

/** @param state of a request that the caller may see. */
export async function requestPolicy(deps: Deps, state: RequestState): Promise<RequestPolicy> {
  const [governing, uses, proposal] = await Promise.all([
    policyOfRequest(deps, state),
    usesOfRequest(deps.db, state.requestId),
    proposalOfRequest(reading(deps.db), state.requestId),
  ]);
  const exceptions = uses.map(({ exceptionId, policyId, rule, at }) => ({
    ...{ exception: exceptionId, policy: policyId, rule, at },
  }));
  return { ...governing, exceptions, change: proposal === null ? null : toProposal(proposal) };
}

export interface ShadowSummary {
  readonly id: string;
  readonly from: Instant | null;
  readonly until: Instant | null;
  /** Newest version first. */
  readonly versions: readonly {
    readonly version: number;
    readonly evaluated: number;
    readonly differed: number;
    readonly effects: readonly Omit<ShadowCount, 'version'>[];
  }[];
}

/**
 * How often versions in shadow mode were asked, what they would have said, and how often that would have
 * changed what happened. @param asked.until not included. @throws ApplicationError NOT_FOUND
 */
export async function shadowSummary(
  deps: Deps,
  asked: { readonly id: string; readonly from: Instant | null; readonly until: Instant | null },
): Promise<ShadowSummary> {
  if ((await policyStream(reading(deps.db), asked.id)) === null) throw notFound('policy');
  const byVersion = Map.groupBy(await countShadows(deps.db, asked), ({ version }) => version);
  const versions = [...byVersion].map(([version, rows]) => ({
    version,
    evaluated: rows.reduce((sum, row) => sum + row.evaluated, 0),
    differed: rows.reduce((sum, row) => sum + row.differed, 0),
    effects: rows.map(({ effect, evaluated, differed }) => ({ effect, evaluated, differed })),
  }));
  return { ...asked, versions };
}
