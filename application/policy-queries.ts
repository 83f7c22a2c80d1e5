import type { Instant } from '../domain/instant.ts';
import { fallbackPolicy, policyVersionName, type Policy, type Rule } from '../domain/policy.ts';
import { controlsOf } from '../domain/binding.ts';
import type { RequestState } from '../domain/request.ts';
import { sha256Hex } from '../ledger/hash.ts';
import { logStartedAt } from '../prisma/ledger-store.ts';
import {
  findStandingVersion,
  listPolicies,
  listVersions,
  policyStream,
  type StandingVersion,
} from '../prisma/policy-store.ts';
import { reading } from '../prisma/directory-store.ts';
import type { Deps } from './deps.ts';
import { notFound } from './error.ts';
import { toPolicy } from './policy-file.ts';

/** Where a version stands now. */
export type Standing = 'in-force' | 'off' | 'upcoming' | 'shadow' | 'superseded' | 'built-in';

/** One version as people and programs read it. */
export interface PolicyVersionShape {
  readonly id: string;
  readonly version: number;
  readonly kind: string;
  readonly enabled: boolean;
  readonly mode: Policy['mode'];
  readonly standing: Standing;
  readonly objective: string | null;
  readonly owner: string | null;
  /** A day. */
  readonly reviewBy: string | null;
  /** The day of its review is over. */
  readonly reviewOverdue: boolean;
  /** From when on it binds. */
  readonly effective: Instant;
  readonly controls: readonly string[];
  readonly document: unknown;
  readonly source: string;
  readonly sourceSha256: string;
  readonly author: string;
  readonly createdAt: Instant;
}

/** Newest versions in order of id. */
export async function policyPage(
  deps: Deps,
  page: {
    readonly after: string | null;
    readonly limit: number;
    /** Only those whose review is overdue. */
    readonly isOverdue?: boolean;
  },
): Promise<PolicyVersionShape[]> {
  const now = deps.now();
  const overdueOn = page.isOverdue === true ? dayOf(now) : null;
  const rows = await listPolicies(deps.db, now, { ...page, overdueOn });
  return rows.map((row) => shapeOf(row, now));
}

/** Newest first. @throws ApplicationError NOT_FOUND where nothing was ever published under the id. */
export async function versionPage(
  deps: Deps,
  page: { readonly id: string; readonly before: number | null; readonly limit: number },
): Promise<PolicyVersionShape[]> {
  if (page.id === FALLBACK) return page.before === null ? [await builtIn(deps)] : [];
  const now = deps.now();
  const rows = await listVersions(deps.db, now, page);
  if (rows.length === 0 && (await policyStream(reading(deps.db), page.id)) === null)
    throw notFound('policy');
  return rows.map((row) => shapeOf(row, now));
}

/** @throws ApplicationError NOT_FOUND */
export async function policyVersion(
  deps: Deps,
  id: string,
  version: number,
): Promise<PolicyVersionShape> {
  if (id === FALLBACK && version === 1) return builtIn(deps);
  const now = deps.now();
  const row = await findStandingVersion(deps.db, now, { id, version });
  if (row === null) throw notFound('policy version');
  return shapeOf(row, now);
}

function shapeOf(row: StandingVersion, now: Instant): PolicyVersionShape {
  const { governing, current, ...stored } = row;
  const policy = toPolicy(row.document as Record<string, unknown>, row.version);
  const { mode, objective, owner, reviewBy, effective, controls } = policy;
  return {
    ...stored,
    ...{ mode, objective, owner, reviewBy, controls },
    standing: standingOf(policy, { governing, current, now }),
    reviewOverdue: reviewBy !== null && reviewBy < dayOf(now),
    effective: effective !== null && effective > row.createdAt ? effective : row.createdAt,
  };
}

function standingOf(
  { version, enabled, mode, effective }: Policy,
  at: { readonly governing: number | null; readonly current: number | null; readonly now: Instant },
): Standing {
  if (effective !== null && effective > at.now) return 'upcoming';
  const counts = version === at.governing || (mode === 'shadow' && version === at.current);
  if (!counts) return 'superseded';
  if (!enabled) return 'off';
  return mode === 'shadow' ? 'shadow' : 'in-force';
}

function dayOf(now: Instant): string {
  return now.slice(0, 10);
}

// ---- the built-in policy -------------------------------------------------------------------------

const FALLBACK = 'fallback';

/** What stands for the kind where the built-in policy is read for itself: it is for every kind. */
const EVERY_KIND = '*';

function builtIn(deps: Deps): Promise<PolicyVersionShape> {
  return shapeOfBuiltIn(deps, fallbackPolicy(deps.fallbackRole, EVERY_KIND));
}

/** The built-in policy as a document that says all that it does. */
async function shapeOfBuiltIn({ db }: Deps, policy: Policy): Promise<PolicyVersionShape> {
  const { version: _version, ...document } = policy;
  const source = `${JSON.stringify(document, null, 2)}\n`;
  const since = await logStartedAt(db);
  return {
    id: policy.id,
    version: policy.version,
    kind: policy.kind,
    enabled: true,
    mode: 'enforced',
    standing: 'built-in',
    objective: policy.objective,
    owner: null,
    reviewBy: null,
    reviewOverdue: false,
    effective: since,
    controls: policy.controls,
    document,
    source,
    sourceSha256: sha256Hex(source),
    author: 'built-in',
    createdAt: since,
  };
}

// ---- the policy of a request ---------------------------------------------------------------------

/** The exact text that a request is bound to, and which of its rules. */
export interface GoverningPolicy {
  readonly name: string;
  readonly rule: { readonly index: number; readonly name: string; readonly when: string | null };
  /** Controls that decisions on the request inherit. */
  readonly controls: readonly string[];
  readonly policy: PolicyVersionShape;
}

/** @returns the version by which a request is decided for its whole life. */
export async function policyOfRequest(deps: Deps, state: RequestState): Promise<GoverningPolicy> {
  const { id, version, rule, ruleIndex } = state.policy;
  const policy =
    id === FALLBACK
      ? await shapeOfBuiltIn(deps, boundFallback(deps, state, rule))
      : await policyVersion(deps, id, version);
  return {
    name: policyVersionName({ id, version }),
    rule: { index: ruleIndex, name: rule.name, when: rule.when },
    controls: controlsOf(policy, rule),
    policy,
  };
}

/** As it was when the request came: the installation's fallback role may be another one since. */
function boundFallback({ fallbackRole }: Deps, { kind }: RequestState, rule: Rule): Policy {
  return { ...fallbackPolicy(fallbackRole, kind), rules: [rule] };
}
