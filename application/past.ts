import { withDelegations } from '../domain/delegation.ts';
import { eligibility } from '../domain/eligibility.ts';
import type { Instant } from '../domain/instant.ts';
import { fallbackPolicy, type Policy } from '../domain/policy.ts';
import type { RequestState } from '../domain/request.ts';
import { parseRecord, type LedgerRecord } from '../ledger/record.ts';
import { candidatesAt, reading, type PersonFacts } from '../prisma/directory-store.ts';
import { recordsOf, storedReferencesOf } from '../prisma/ledger-store.ts';
import { exactVersions } from '../prisma/policy-store.ts';
import type { RequestRow } from '../prisma/request-store.ts';
import type { Deps } from './deps.ts';
import { toPolicy } from './policy-file.ts';
import { boundBy, ofKind, stateAfter, type Beside } from './state-at.ts';

/** One request up to an instant, with the directory behind it. */
export interface Past {
  /** Sealed by then, in order. */
  readonly records: readonly LedgerRecord[];
  readonly subjects: ReadonlyMap<string, string>;
  /** After so many of the records. */
  readonly stateUpTo: (count: number) => Promise<RequestState>;
  /** Everybody as they were; instants that were asked before cost nothing. */
  readonly peopleAt: (at: Instant) => Promise<readonly PersonFacts[]>;
}

/** @returns the request as it had been sealed by then. */
export async function openPast(deps: Deps, row: RequestRow, at: Instant): Promise<Past> {
  const [stored, references] = await Promise.all([
    recordsOf(deps.db, row.id),
    storedReferencesOf(deps.db, row.id),
  ]);
  const records = stored.map(({ bytes }) => parseRecord(bytes)).filter(({ ts }) => ts <= at);
  const policies = await policiesOf(deps, row.state.kind, records);
  const subjects = new Map(references.map(({ c, subject }) => [c, subject]));
  const read = new Map<Instant, Promise<readonly PersonFacts[]>>();
  const peopleAt: Past['peopleAt'] = (then) => {
    const known = read.get(then) ?? candidatesAt(reading(deps.db), then);
    read.set(then, known);
    return known;
  };
  const beside = { requestId: row.id, owners: row.state.owners, subjects };
  const groups = new Map<number, readonly number[]>();
  const stateUpTo: Past['stateUpTo'] = async (count) => {
    const some = records.slice(0, count);
    const policy = policies(some);
    await fillGroups(some, { ...beside, policy, groups }, { groups, peopleAt });
    return stateAfter(some, { ...beside, policy, groups });
  };
  return { records, subjects, stateUpTo, peopleAt };
}

/** @returns the version that governs after some of the records, in full. */
async function policiesOf(
  deps: Deps,
  kind: string,
  records: readonly LedgerRecord[],
): Promise<(some: readonly LedgerRecord[]) => Policy> {
  const names = ofKind(records, 'policy_bound').flatMap(({ body }) =>
    body.policy_id === null || body.version === null
      ? []
      : [{ id: body.policy_id, version: body.version }],
  );
  const rows = await exactVersions(reading(deps.db), names);
  return (some) => {
    const { policy_id: id, version } = boundBy(some)?.body ?? { policy_id: null, version: null };
    const row = rows.find((one) => one.id === id && one.version === version);
    if (row !== undefined) return toPolicy(row.document as Record<string, unknown>, row.version);
    // The built-in policy is no version of anything; which role it asked is in the record.
    const opened = ofKind(some, 'stage_opened').at(-1);
    return fallbackPolicy(opened?.body.role ?? deps.fallbackRole, kind);
  };
}

type Decided = Extract<LedgerRecord, { readonly kind: 'decided' }>;

/** A decision that may count in some of many groups: which ones follows from who it was at its instant. */
async function fillGroups(
  records: readonly LedgerRecord[],
  beside: Beside,
  past: Pick<Past, 'peopleAt'> & { readonly groups: Map<number, readonly number[]> },
): Promise<void> {
  const { stages } = beside.policy.rules[boundBy(records)?.body.rule ?? 0] ?? { stages: [] };
  const from = records.findLastIndex(({ kind }) => kind === 'amended');
  for (const record of ofKind(records.slice(from + 1), 'decided')) {
    const { stage, group } = record.body;
    const isOpen = group === null && (stages[stage]?.groups.length ?? 0) > MOST_BY_NULL;
    if (!isOpen || past.groups.has(record.seq)) continue;
    const before = stateAfter(records.slice(0, records.indexOf(record)), beside);
    const people = candidatesIn(before, await past.peopleAt(record.ts), record.ts);
    const groups = groupsOf(record, before, { people, subjects: beside.subjects });
    if (groups !== null) past.groups.set(record.seq, groups);
  }
}

/** @returns null where the person was nobody who could decide: then the record cannot be narrowed down. */
function groupsOf(
  { body }: Decided,
  state: RequestState,
  { people, subjects }: Pick<Past, 'subjects'> & { readonly people: readonly PersonFacts[] },
): readonly number[] | null {
  const person = people.find(({ id }) => `person:${id}` === subjects.get(body.person_c));
  if (person === undefined || state.stage === null) return null;
  const may = eligibility(state, state.stage, person);
  return may.kind === 'eligible' ? may.groups : null;
}

/** A record names one group; where it names none of two, it is both. */
const MOST_BY_NULL = 2;

/** @returns people with those whom they may stand in for in this request. */
export function candidatesIn(
  state: RequestState,
  people: readonly PersonFacts[],
  now: Instant,
): readonly PersonFacts[] {
  return people.map((person) => withDelegations(state, person, { principals: people, now }));
}
