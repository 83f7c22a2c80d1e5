import type { AccountabilityEvent } from '../domain/event.ts';
import type { Instant } from '../domain/instant.ts';
import type { RequestState } from '../domain/request.ts';
import { sealRecords, type Draft, type Erasable, type SealedRecord } from '../ledger/append.ts';
import { createReference } from '../ledger/opening.ts';
import { commandKey } from '../ledger/hash.ts';
import type { Auth, BlobRef, Surface } from '../ledger/record.ts';
import type { StreamType } from '../ledger/streams.ts';
import {
  insertOpenings,
  insertRecords,
  insertReferences,
  type StoredHead,
  type StoredOpening,
  type StoredReference,
} from '../prisma/ledger-store.ts';
import type { Fragment } from '../prisma/transaction.ts';
import type { SubmittedFacts } from './content.ts';
import type { Deps } from './deps.ts';
import { draftsOf } from './event-records.ts';
import { openingPlace, referencePlace } from './places.ts';

/** Who brought the events about, as the records name them. */
export interface SealedBy {
  readonly actor: { readonly type: 'app' | 'person'; readonly id: string } | null;
  readonly auth: Auth;
  readonly surface: Surface;
}

/** Time and the engine itself. */
export const BY_ENGINE: SealedBy = {
  actor: null,
  auth: { level: 0, method: 'internal', proof: null },
  surface: 'system',
};

/** Everything that one step seals in the chain of one request. */
export interface RequestSealing {
  readonly state: RequestState;
  /** What the submission says in numbers and classes; absent after it. */
  readonly submitted?: SubmittedFacts;
  /** The policy text that a submission was bound to; absent after it. */
  readonly boundTo?: readonly BlobRef[];
  readonly events: readonly AccountabilityEvent[];
  readonly by: SealedBy;
  /** Names the step, the same in every repetition: the command's id, `submit`, `tick:<seq>`. */
  readonly scope: string;
  readonly now: Instant;
  readonly head: StoredHead | null;
  /** Commitments that the chain has given so far, by subject. */
  readonly references: ReadonlyMap<string, string>;
  /** Data key of each person that the events name; whoever is missing falls under the request's key. */
  readonly keys: ReadonlyMap<string, string>;
  readonly dekId: string;
  /** Words of people: sealed as commitments beside the record of the event. */
  readonly texts: readonly Erasable[];
  /** Blobs that the request's first record and its views rest on. */
  readonly refs: readonly BlobRef[];
  /** Who could decide in each stage that opened, or was reminded, in this step. */
  readonly eligible: ReadonlyMap<number, StagePeople>;
  /** Who could decide because of an escalation of this step, by the role it turned to. */
  readonly escalatedTo: ReadonlyMap<string, readonly string[]>;
}

/** Who could decide in a stage at one instant. */
export interface StagePeople {
  /** Ids per group of the stage. */
  readonly groups: readonly (readonly string[])[];
  /** How many hold a role of it and may not. */
  readonly excluded: number;
}

export interface Sealed {
  readonly records: readonly SealedRecord[];
  readonly head: StoredHead;
  readonly fragments: readonly Fragment[];
}

/** Turns the events of one step into sealed records, openings and references, ready to be written. */
export function sealRequestEvents(deps: Deps, sealing: RequestSealing): Sealed {
  const book = openBook(sealing.references);
  const drafts = sealing.events.flatMap((event) =>
    draftsOf(event, sealing, (subject) => book.of(subject)),
  );
  const keyed = drafts.map((draft, index): Draft => ({
    ...draft,
    cmd: commandKey(sealing.scope, `${index}/${draft.kind}`),
  }));
  const to = { ...sealing, stream: sealing.state.requestId, about: 'request' } as const;
  return sealDrafts(deps, to, { drafts: keyed, book });
}

/** Where a batch of drafts goes and under which keys its words are kept. */
export interface StreamSealing {
  readonly stream: string;
  readonly about: StreamType;
  readonly head: (StoredHead & { readonly ts?: string }) | null;
  readonly now: Instant;
  readonly keys: ReadonlyMap<string, string>;
  readonly dekId: string;
}

export interface Drafted {
  readonly drafts: readonly Draft[];
  readonly book: Book;
}

/** Seals drafts of any stream (request, person, app, policy) with their openings. */
export function sealDrafts(deps: Deps, to: StreamSealing, { drafts, book }: Drafted): Sealed {
  // The head row of a request carries no time: its step passes a `now` that is never earlier.
  const head = to.head === null ? null : { ...to.head, ts: to.head.ts ?? null };
  const { stream, about, now: ts } = to;
  const context = { log: deps.origin, stream, about, ts, software: deps.software };
  const batch = sealRecords(head, drafts, context);
  if (batch.head === null || batch.records.length === 0)
    throw new TypeError('a step seals at least one record');
  const fragments = insertRecords(batch.records);
  if (batch.openings.length > 0)
    fragments.push(insertOpenings(batch.openings.map((one) => closeOpening(deps, to, one))));
  if (book.added.length > 0)
    fragments.push(insertReferences(book.added.map((one) => closeReference(deps, to, one))));
  return {
    records: batch.records,
    head: { seq: batch.head.seq, leafHash: batch.head.leafHash },
    fragments,
  };
}

// ---- references ----------------------------------------------------------------------------------

/** Gives the commitment that stands for a subject in one stream. */
export interface Book {
  of(subject: string): string;
  readonly added: readonly NewReference[];
}

interface NewReference {
  readonly subject: string;
  readonly c: string;
  readonly salt: string;
}

/** @param known commitments that the stream has given so far, by subject. */
export function openBook(known: ReadonlyMap<string, string>): Book {
  const given = new Map(known);
  const added: NewReference[] = [];
  return {
    added,
    of(subject) {
      const before = given.get(subject);
      if (before !== undefined) return before;
      const { c, salt } = createReference(subject);
      given.set(subject, c);
      added.push({ subject, c, salt });
      return c;
    },
  };
}

function closeOpening(
  { vault }: Deps,
  { stream, dekId }: StreamSealing,
  opening: {
    readonly seq: number;
    readonly path: string;
    readonly salt: string;
    readonly value: string;
  },
): StoredOpening {
  const { seq, path, salt, value } = opening;
  const text = JSON.stringify({ salt, value });
  return {
    stream,
    seq,
    path,
    dekId,
    ciphertext: vault.encrypt(dekId, openingPlace(stream, seq, path), text),
  };
}

function closeReference({ vault }: Deps, to: StreamSealing, added: NewReference): StoredReference {
  const { subject, c, salt } = added;
  const dekId = to.keys.get(subject) ?? to.dekId;
  const text = JSON.stringify({ salt, value: subject });
  const ciphertext = vault.encrypt(dekId, referencePlace(to.stream, subject), text);
  return { stream: to.stream, subject, c, dekId, ciphertext };
}
