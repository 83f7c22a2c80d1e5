import type { Draft } from '../ledger/append.ts';
import { commandKey } from '../ledger/hash.ts';
import type { RecordBody } from '../ledger/record.ts';
import type { NewGrant } from '../prisma/people-store.ts';
import type { NewAbsence, NewDelegation } from '../prisma/standing-in-store.ts';
import type { NewTraining } from '../prisma/training-store.ts';
import type { DirectoryAuthor } from './directory-changes.ts';
import { subjectOf } from './principal.ts';
import type { Book } from './sealing.ts';

// The records of the directory. Who they are about is a commitment; words are erasable.

/** Who says it, and the commitments of the stream it is said in. */
export interface Telling {
  readonly author: DirectoryAuthor;
  readonly book: Book;
}

type Envelope = Pick<Draft, 'actor' | 'auth' | 'surface' | 'policy'>;

/** Who acts, as every record of the directory says it. */
export function envelope({ author: { by, isSelf }, book }: Telling): Envelope {
  const { actor, auth, surface } = by;
  const role = isSelf === true ? 'none' : 'directory_admin';
  return {
    actor:
      actor === null
        ? { type: 'system', role: 'engine', c: null }
        : { type: 'human', role, c: book.of(subjectOf(actor)) },
    auth,
    surface,
    policy: null,
  };
}

const commitment = ({ book }: Telling, person: string): string =>
  book.of(subjectOf({ type: 'person', id: person }));

export function addedDraft(telling: Telling, person: string): Draft {
  return {
    ...envelope(telling),
    kind: 'person_added',
    cmd: commandKey(`person:${person}`, 'added'),
    body: { person_c: commitment(telling, person), source: telling.author.source },
  };
}

/** What changed about a person; the values are committed to, none where it is not about values. */
export interface PersonChanged {
  readonly person: string;
  readonly change: 'updated' | 'team_changed' | 'left';
  /** Number of the record: one person changes many times. */
  readonly seq: number;
  /** By path; an empty text where there is none any more. */
  readonly values: Readonly<Record<string, string>>;
}

export function changedDraft(telling: Telling, changed: PersonChanged): Draft {
  const { person, change, seq, values } = changed;
  const { source } = telling.author;
  return {
    ...envelope(telling),
    kind: 'person_changed',
    cmd: commandKey(`person:${person}`, `${change}/${seq}`),
    body: {
      person_c: commitment(telling, person),
      change,
      manager_c: null,
      source: source === 'sample' ? 'directory' : source,
    },
    erasable: Object.entries(values).map(([path, value]) => ({ path, value })),
  };
}

export function grantedDraft(telling: Telling, grant: NewGrant): Draft {
  return {
    ...envelope(telling),
    kind: 'role_granted',
    cmd: commandKey(grant.id, 'granted'),
    body: {
      grant: grant.id,
      person_c: commitment(telling, grant.person),
      role: grant.role,
      from: grant.from,
      until: grant.until,
      source: telling.author.source,
      request: null,
      scope: null,
    },
  };
}

/** Why a grant ended before its time. */
export type EndReason = RecordBody<'role_ended'>['reason'];

export function endedDraft(
  telling: Telling,
  grant: Pick<NewGrant, 'id' | 'person' | 'role'>,
  { at, reason }: { readonly at: string; readonly reason: EndReason },
): Draft {
  return {
    ...envelope(telling),
    kind: 'role_ended',
    cmd: commandKey(grant.id, 'ended'),
    body: {
      grant: grant.id,
      person_c: commitment(telling, grant.person),
      role: grant.role,
      at,
      reason,
    },
  };
}

/** Whether something was arranged or taken back, and why in words. */
export interface Said {
  readonly change: 'set' | 'cancelled';
  readonly reason: string | null;
}

const wordsOf = ({ reason }: Said) => (reason === null ? [] : [{ path: 'reason', value: reason }]);

export function absenceDraft(telling: Telling, absence: NewAbsence, said: Said): Draft {
  const { id, person, deputy, from, until } = absence;
  return {
    ...envelope(telling),
    kind: 'absence_set',
    cmd: commandKey(id, said.change),
    body: {
      absence: id,
      change: said.change,
      person_c: commitment(telling, person),
      deputy_c: deputy === null ? null : commitment(telling, deputy),
      from,
      until,
    },
    erasable: wordsOf(said),
  };
}

export function delegationDraft(telling: Telling, delegation: NewDelegation, said: Said): Draft {
  const { id, person, to, role, kind, from, until } = delegation;
  return {
    ...envelope(telling),
    kind: 'delegation_set',
    cmd: commandKey(id, said.change),
    body: {
      delegation: id,
      change: said.change,
      person_c: commitment(telling, person),
      to_c: commitment(telling, to),
      role,
      kind,
      from,
      until,
    },
    erasable: wordsOf(said),
  };
}

export function trainingDraft(
  telling: Telling,
  training: NewTraining,
  change: NewTraining['change'] | 'revoked',
): Draft {
  const { id, person, course, version, role, from, until } = training;
  return {
    ...envelope(telling),
    kind: 'training',
    cmd: commandKey(id, change === 'revoked' ? 'revoked' : 'recorded'),
    body: {
      training: id,
      course,
      version,
      change,
      person_c: commitment(telling, person),
      role,
      from,
      until,
      score_permille: null,
    },
  };
}
