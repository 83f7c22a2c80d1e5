import type { BlobMark, BundleOpening } from '../ledger/bundle-format.ts';
import { commitmentsOf, PERSON_PATH, type LedgerRecord } from '../ledger/record.ts';
import { reading } from '../prisma/directory-store.ts';
import { openingsOf, storedReferencesOf, type StoredReference } from '../prisma/ledger-store.ts';
import type { RequestRow } from '../prisma/request-store.ts';
import type { Deps } from './deps.ts';
import { openBlobs } from './evidence-blobs.ts';
import { openingPlace, referencePlace } from './places.ts';
import { subjectOf, type Principal } from './principal.ts';
import { readShape, type RequestShape } from './request-shape.ts';

// What of the words, people and contents of a request one reader gets in an evidence bundle.
// @source docs/adr/0011-evidence.md

/** Roles that see everything that is kept. */
const SEES_EVERYTHING: readonly string[] = ['compliance', 'auditor'];

export function disclosureFor(principal: Principal): 'all' | 'shown' {
  if (principal.type === 'app') return 'shown';
  return principal.roles.some((role) => SEES_EVERYTHING.includes(role)) ? 'all' : 'shown';
}

export interface Disclosed {
  readonly people: readonly BundleOpening[];
  readonly openings: ReadonlyMap<number, readonly BundleOpening[]>;
  readonly blobs: readonly { readonly mark: BlobMark; readonly bytes: Uint8Array | null }[];
}

/** One reader of one request, with what the product shows them of it anyway. */
export interface Reading {
  readonly deps: Deps;
  readonly row: RequestRow;
  readonly principal: Principal;
  readonly sees: 'all' | 'shown';
  readonly shape: RequestShape;
  readonly records: readonly LedgerRecord[];
  readonly references: ReadonlyMap<string, StoredReference>;
  /** the reader's own commitment in this stream */
  readonly self: string | null;
  /** what `erased` records name */
  readonly erased: {
    readonly commitments: ReadonlySet<string>;
    readonly blobs: ReadonlySet<string>;
  };
}

/**
 * Opens what this reader may see of the records, and marks the rest.
 *
 * What should be stored and is not, without an `erased` record that names it, is neither opened nor
 * marked: whoever verifies the bundle is told that it is missing.
 *
 * @throws Unreadable where something stored was changed.
 */
export async function discloseTo(
  deps: Deps,
  principal: Principal,
  { row, records }: { readonly row: RequestRow; readonly records: readonly LedgerRecord[] },
): Promise<Disclosed> {
  const [stored, shape] = await Promise.all([
    storedReferencesOf(deps.db, row.id),
    readShape(deps, row),
  ]);
  const references = new Map(stored.map((one) => [one.c, one]));
  const self = stored.find(({ subject }) => subject === subjectOf(principal))?.c ?? null;
  const sees = disclosureFor(principal);
  const erased = erasedBy(records);
  const reader = { deps, row, principal, sees, shape, records, references, self, erased };
  const [people, openings, blobs] = await Promise.all([
    openPeople(reader),
    openTexts(reader),
    openBlobs(reader),
  ]);
  return { people, openings, blobs };
}

function erasedBy(records: readonly LedgerRecord[]): Reading['erased'] {
  const acts = records.flatMap((record) => (record.kind === 'erased' ? [record.body] : []));
  const commitments = acts.flatMap((body) => body.commitments.map(({ seq, c }) => keyOf(seq, c)));
  return {
    commitments: new Set(commitments),
    blobs: new Set(acts.flatMap((body) => body.blobs)),
  };
}

/** @param seq null for a person, who has one commitment in all records. */
const keyOf = (seq: number | null, c: string): string => `${seq ?? 'person'}/${c}`;

// ---- people --------------------------------------------------------------------------------------

async function openPeople(reader: Reading): Promise<BundleOpening[]> {
  const { deps, row, records, references } = reader;
  const named = records.flatMap(commitmentsOf).filter(({ path }) => path === PERSON_PATH);
  await prepare(deps, [...references.values()]);
  const isTold = toldPeople(reader);
  return [...new Set(named.map(({ c }) => c))].flatMap((c): BundleOpening[] => {
    const one = references.get(c);
    const text =
      one === undefined
        ? null
        : deps.vault.decrypt(one.dekId, referencePlace(row.id, one.subject), one.ciphertext);
    const maySee = reader.sees === 'all' || c === reader.self || isTold(c);
    return asOpening(reader, { c, path: PERSON_PATH, seq: null }, { text, maySee });
  });
}

/**
 * One commitment stands for a person in all records, so opening it tells everything that they did here.
 * It is opened where `GET /v1/requests/{id}` ties the person to an act, and nothing else that they did is
 * hidden by it.
 */
function toldPeople(reader: Reading): (c: string) => boolean {
  const { records, references } = reader;
  const subjects = shownSubjects(reader);
  const tellingOf = tellings(records);
  const told = new Set<string>();
  const hidden = new Set<string>();
  for (const record of records) {
    for (const { c, path } of commitmentsOf(record)) {
      if (path !== PERSON_PATH) continue;
      const telling = tellingOf(record, c);
      if (telling === 'told') told.add(c);
      if (telling === 'hidden') hidden.add(c);
    }
  }
  const app = appOf(records);
  return (c) => {
    const subject = references.get(c)?.subject;
    const isShown = subject === undefined || subjects.has(subject); // unknown: its row is gone
    return isShown && told.has(c) && (c === app || !hidden.has(c));
  };
}

/** Who acted, as `GET /v1/requests/{id}` names them to every reader. */
function shownSubjects({ shape, row }: Reading): ReadonlySet<string> {
  const { decisions, resolution, requester } = shape;
  const people = [
    ...decisions.flatMap(({ person, delegatedBy }) => [person, delegatedBy]),
    ...(resolution?.by ?? []),
    row.state.onBehalfOf, // a part of the content, which every reader sees
  ].filter((id) => id !== null);
  const asker = { type: row.state.requester.type, id: requester.id };
  return new Set([...people.map((id) => subjectOf({ type: 'person', id })), subjectOf(asker)]);
}

/** The app that asked: an account and not a person, whatever else it did. */
function appOf(records: readonly LedgerRecord[]): string | null {
  const asked = records.find(({ kind }) => kind === 'requested');
  return asked?.actor.type === 'agent' ? asked.actor.c : null;
}

/** `listed`: among those who could decide, or were reminded, which is no act of theirs. */
type Telling = 'told' | 'listed' | 'hidden';

/** What GET says of one person in one record. A kind that is not here is hidden. */
function tellings(records: readonly LedgerRecord[]): (record: LedgerRecord, c: string) => Telling {
  const ending = endingOf(records);
  const lastActs = new Map<string | null, number>();
  for (const { kind, actor, seq } of records)
    if (kind === 'decided' || seq === ending?.seq) lastActs.set(actor.c, seq);
  return (record, c) => {
    const { kind, seq } = record;
    if (kind === 'requested') return isAnswerable(record, c) ? 'hidden' : 'told';
    if (kind === 'decided' || seq === ending?.seq) return 'told';
    if (LISTING.includes(kind)) return 'listed';
    // Looking before an act that GET shows belongs to it; looking without one is nobody's business.
    return kind === 'viewed' && seq < (lastActs.get(c) ?? -1) ? 'listed' : 'hidden';
  };
}

/** Records that list who could decide, or was reminded. */
const LISTING: readonly LedgerRecord['kind'][] = ['stage_opened', 'escalated', 'reminded'];

/** Who owns the app, or answers for the request: GET does not name them. */
function isAnswerable({ body }: Extract<LedgerRecord, { kind: 'requested' }>, c: string): boolean {
  return body.owner_c === c || ('accountable_c' in body && body.accountable_c === c);
}

/** The override or withdrawal that the resolution shows: the newest. */
function endingOf(records: readonly LedgerRecord[]): LedgerRecord | null {
  return records.findLast(({ kind }) => kind === 'overridden' || kind === 'withdrawn') ?? null;
}

// ---- texts ---------------------------------------------------------------------------------------

async function openTexts(reader: Reading): Promise<Map<number, BundleOpening[]>> {
  const { deps, row, records } = reader;
  const stored = await openingsOf(deps.db, row.id);
  await prepare(deps, stored);
  const byPlace = new Map(stored.map((one) => [`${one.seq}/${one.path}`, one]));
  const opened = new Map<number, BundleOpening[]>();
  for (const record of records) {
    const { seq } = record;
    const ofRecord = record.commits.flatMap((commit): BundleOpening[] => {
      const one = byPlace.get(`${seq}/${commit.path}`);
      const place = openingPlace(row.id, seq, commit.path);
      const text = one === undefined ? null : deps.vault.decrypt(one.dekId, place, one.ciphertext);
      const maySee = seesText(reader, record, text === null ? null : valueOf(text));
      return asOpening(reader, { ...commit, seq }, { text, maySee });
    });
    opened.set(seq, ofRecord);
  }
  return opened;
}

/** Their own words, and the reason that the request's resolution shows to everybody. */
function seesText(
  { sees, self, shape, records }: Reading,
  record: LedgerRecord,
  value: string | null,
): boolean {
  if (sees === 'all' || (self !== null && record.actor.c === self)) return true;
  const reason = shape.resolution?.reason ?? null;
  const isEnding = record.seq === endingOf(records)?.seq;
  return isEnding && reason !== null && (value === null || value === reason);
}

interface Salted {
  readonly salt: string;
  readonly value: string;
}

const valueOf = (text: string): string => (JSON.parse(text) as Salted).value;

/** @param text null where it is gone. @returns none where it must be here and is not. */
function asOpening(
  { erased }: Reading,
  { c, path, seq }: { readonly c: string; readonly path: string; readonly seq: number | null },
  { text, maySee }: { readonly text: string | null; readonly maySee: boolean },
): BundleOpening[] {
  if (text === null && erased.commitments.has(keyOf(seq, c))) return [{ c, path, state: 'erased' }];
  if (!maySee) return [{ c, path, state: 'not_disclosed' }];
  if (text === null) return [];
  const { salt, value } = JSON.parse(text) as Salted; // ours: written by sealing.ts
  return [{ c, path, state: 'disclosed', salt, value }];
}

async function prepare(
  { db, vault }: Deps,
  values: readonly { readonly dekId: string }[],
): Promise<void> {
  await vault.prepare(
    reading(db),
    values.map(({ dekId }) => dekId),
  );
}
