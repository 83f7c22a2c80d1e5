import type { Instant } from '../domain/instant.ts';
import type { Policy } from '../domain/policy.ts';
import { isInForce, type RuleException } from '../domain/rule-exception.ts';
import { policiesInForce, type PolicyVersionRow } from '../prisma/policy-store.ts';
import type { Deps } from './deps.ts';
import { toPolicy } from './policy-file.ts';

/** Policies of one generation, ready to bind requests. */
export interface PolicySet {
  /** Fences the writes that rest on it. */
  readonly generation: string;
  /**
   * Of one kind at one instant: of each policy the enforced version that governs, where it is enabled, and
   * a newer one in shadow mode. A version takes over with the clock, without anything being read again.
   */
  readonly ofKind: (kind: string, now: Instant) => readonly Policy[];
  /** Exceptions to rules that are in force. */
  readonly exceptionsAt: (now: Instant) => readonly RuleException[];
  /** SHA-256 and size of the text of a version that can bind; null for the fallback. */
  readonly textOf: (
    id: string,
    version: number,
  ) => { readonly sha256: string; readonly bytes: number } | null;
}

/** Policies in memory. They are as good as the fence that every submission writes with. */
export interface PolicyCache {
  current(): Promise<PolicySet>;
  /** Forgets what is in memory: the fence has said that it is old. */
  drop(): void;
}

export function createPolicyCache(deps: Pick<Deps, 'db' | 'now'>): PolicyCache {
  let loading: Promise<PolicySet> | null = null;
  return {
    current() {
      loading ??= load(deps).catch((error: unknown) => {
        loading = null;
        throw error;
      });
      return loading;
    },
    drop() {
      loading = null;
    },
  };
}

async function load({ db, now }: Pick<Deps, 'db' | 'now'>): Promise<PolicySet> {
  const { generation, versions, exceptions } = await policiesInForce(db, now());
  const byId = Map.groupBy(versions.map(toVersion), ({ policy }) => policy.id);
  const texts = new Map(
    versions.map((row) => [
      `${row.id}@${row.version}`,
      { sha256: row.sourceSha256, bytes: Buffer.byteLength(row.source) },
    ]),
  );
  return {
    generation,
    ofKind: (kind, at) =>
      [...byId.values()].flatMap((all) => inForce(all, at)).filter((one) => one.kind === kind),
    exceptionsAt: (at) => exceptions.filter((one) => isInForce(one, at)),
    textOf: (id, version) => texts.get(`${id}@${version}`) ?? null,
  };
}

interface Version {
  readonly policy: Policy;
}

function toVersion(row: PolicyVersionRow): Version {
  return { policy: toPolicy(row.document as Record<string, unknown>, row.version) };
}

/**
 * Among the versions of one policy: the newest enforced one whose time has come governs. A newer one in
 * shadow mode stands beside it; one that is not enabled ends what was before it.
 */
function inForce(versions: readonly Version[], now: Instant): Policy[] {
  const due = versions
    .map(({ policy }) => policy)
    .filter(({ effective }) => effective === null || effective <= now)
    .sort((a, b) => b.version - a.version);
  const governing = due.find(({ mode }) => mode === 'enforced');
  const [newest] = due;
  const shadow = newest?.mode === 'shadow' ? newest : undefined;
  return [governing, shadow].filter((one) => one !== undefined).filter(({ enabled }) => enabled);
}
