import { eligibility } from '../domain/eligibility.ts';
import type { Instant } from '../domain/instant.ts';
import type { LedgerRecord } from '../ledger/record.ts';
import { candidatesIn, type Past } from './past.ts';

/** By what somebody was told that a request waits for them. */
export type ToldBy = 'stage_opened' | 'reminded' | 'escalated';

/** One person, told once. */
export interface Told {
  /** null where the name was erased. */
  readonly person: string | null;
  readonly at: Instant;
  readonly by: ToldBy;
  /** Index of the stage. */
  readonly stage: number;
}

/** People who were told by a record that does not name them. */
export interface Unnamed {
  readonly at: Instant;
  readonly by: ToldBy;
  readonly stage: number;
  readonly people: number;
}

/** Instants whose directory is read again for records that name nobody, at most: the newest. */
const MOST_RECOUNTS = 20;

type Telling = Extract<LedgerRecord, { readonly kind: ToldBy }>;

/** What a record says of those it told. */
interface Said {
  readonly record: Telling;
  readonly stage: number;
  readonly people: number;
  /** Commitments; none where there are too many for a record, or the version did not name them. */
  readonly c: readonly string[];
}

/**
 * Who had been told of the stages of a request. Records name up to 64 people; where there were more, they
 * are found again from the directory of that instant, and believed where they are as many as was sealed.
 */
export async function toldIn(
  past: Past,
): Promise<{ readonly told: readonly Told[]; readonly unnamed: readonly Unnamed[] }> {
  const said = past.records.flatMap(saidBy);
  const nameless = said.filter(({ c, people }) => c.length < people);
  const instants = [...new Set(nameless.map(({ record }) => record.ts))].slice(-MOST_RECOUNTS);
  const told = new Map<string, Told>();
  const unnamed: Unnamed[] = [];
  for (const one of said) {
    const { record, stage, people } = one;
    const how = { at: record.ts, by: record.kind, stage };
    const names = await namesOf(past, one, instants);
    if (names === null) unnamed.push({ ...how, people });
    // Who counts in several groups was told once.
    else
      for (const [key, person] of names)
        told.set(`${record.ts} ${record.kind} ${stage} ${key}`, { person, ...how });
  }
  return { told: inOrder([...told.values()]), unnamed };
}

/** @returns what tells people apart, and their names; null where nobody can say who it was. */
async function namesOf(
  past: Past,
  { record, people, c }: Said,
  instants: readonly Instant[],
): Promise<readonly (readonly [key: string, person: string | null])[] | null> {
  if (c.length === people)
    return c.map((one) => [personOf(past, one) ?? `#${one}`, personOf(past, one)]);
  if (!instants.includes(record.ts)) return null;
  const found = await recount(past, record);
  return found.length === people ? found.map((id) => [id, id]) : null;
}

function saidBy(record: LedgerRecord): Said[] {
  if (record.kind === 'stage_opened') {
    const { stage, eligible, eligible_c: c } = record.body;
    return [{ record, stage, people: eligible, c }];
  }
  if (record.kind === 'reminded') {
    const { body } = record;
    if ('about' in body && body.about !== 'stage') return [];
    const c = 'recipients_c' in body ? body.recipients_c : [];
    return body.stage === null ? [] : [{ record, stage: body.stage, people: body.recipients, c }];
  }
  if (record.kind !== 'escalated' || !('eligible_c' in record.body)) return [];
  const { stage, eligible, eligible_c: c } = record.body;
  return [{ record, stage, people: eligible ?? c.length, c }];
}

function personOf({ subjects }: Past, c: string): string | null {
  const subject = subjects.get(c);
  return subject === undefined ? null : subject.slice(subject.indexOf(':') + 1);
}

/** Who could decide when the record was sealed, by the records up to it. */
async function recount(past: Past, record: Telling): Promise<string[]> {
  const state = await past.stateUpTo(past.records.indexOf(record) + 1);
  const { stage } = state;
  if (stage === null || stage.index !== record.body.stage) return [];
  const people = candidatesIn(state, await past.peopleAt(record.ts), record.ts);
  return people.flatMap((person) => {
    const may = eligibility(state, stage, person);
    if (may.kind === 'excluded') return [];
    if (record.kind === 'escalated')
      return person.roles.includes(record.body.to_role) ? [person.id] : [];
    const { group } = record.body;
    return group === null || may.groups.includes(group) ? [person.id] : [];
  });
}

/** By time, then by name. */
function inOrder(told: readonly Told[]): Told[] {
  const keyOf = ({ at, person }: Told): string => `${at} ${person ?? ''}`;
  return [...told].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : keyOf(a) > keyOf(b) ? 1 : 0));
}
