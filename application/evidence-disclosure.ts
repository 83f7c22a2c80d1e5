import type { BlobMark, BundleOpening } from '../ledger/bundle-format.ts';
import { sha256Hex } from '../ledger/hash.ts';
import { jcs } from '../ledger/jcs.ts';
import { commitmentsOf, PERSON_PATH, type BlobRef, type LedgerRecord } from '../ledger/record.ts';
import { policyVersionName } from '../domain/policy.ts';
import { reading } from '../prisma/directory-store.ts';
import { openingsOf, storedReferencesOf, type StoredReference } from '../prisma/ledger-store.ts';
import { findPolicyVersion } from '../prisma/policy-store.ts';
import type { RequestRow } from '../prisma/request-store.ts';
import type { Deps } from './deps.ts';
import { ApplicationError } from './error.ts';
import { viewAgain } from './evidence-views.ts';
import { openingPlace, referencePlace } from './places.ts';
import { subjectOf, type Principal } from './principal.ts';
import { readContent } from './request-queries.ts';
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
interface Reading {
  readonly deps: Deps;
  readonly row: RequestRow;
  readonly principal: Principal;
  readonly sees: 'all' | 'shown';
  readonly shape: RequestShape;
  readonly records: readonly LedgerRecord[];
  readonly references: ReadonlyMap<string, StoredReference>;
  /** the reader's own commitment in this stream */
  readonly self: string | null;
}

/** Opens what this reader may see of the records, and marks the rest. */
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
  const reader = { deps, row, principal, sees, shape, records, references, self };
  const [people, openings, blobs] = await Promise.all([
    openPeople(reader),
    openTexts(reader),
    openBlobs(reader),
  ]);
  return { people, openings, blobs };
}

// ---- people --------------------------------------------------------------------------------------

async function openPeople(reader: Reading): Promise<BundleOpening[]> {
  const { deps, row, records, references } = reader;
  const named = records.flatMap(commitmentsOf).filter(({ path }) => path === PERSON_PATH);
  await prepare(deps, [...references.values()]);
  const shown = shownSubjects(reader);
  return [...new Set(named.map(({ c }) => c))].map((c): BundleOpening => {
    const reference = references.get(c);
    if (reference === undefined) return { c, path: PERSON_PATH, state: 'not_kept' };
    const { subject, dekId, ciphertext } = reference;
    const place = referencePlace(row.id, subject);
    const text = deps.vault.decrypt(dekId, place, ciphertext);
    const maySee = reader.sees === 'all' || shown.has(subject);
    return asOpening({ c, path: PERSON_PATH }, text, maySee);
  });
}

/** Whom `GET /v1/requests/{id}` names to this reader, and themselves. */
function shownSubjects({ shape, row, principal }: Reading): ReadonlySet<string> {
  const { stage, decisions, resolution, requester } = shape;
  const people = [
    ...(stage?.eligible ?? []),
    ...(stage?.decided ?? []),
    ...decisions.flatMap(({ person, delegatedBy }) => [person, delegatedBy]),
    ...(resolution?.by ?? []),
    row.state.onBehalfOf, // a part of the content, which every reader sees
  ].filter((id) => id !== null);
  const asker = { type: row.state.requester.type, id: requester.id };
  return new Set([
    ...people.map((id) => subjectOf({ type: 'person', id })),
    subjectOf(asker),
    subjectOf(principal),
  ]);
}

// ---- texts ---------------------------------------------------------------------------------------

async function openTexts(reader: Reading): Promise<Map<number, BundleOpening[]>> {
  const { deps, row, records } = reader;
  const stored = await openingsOf(deps.db, row.id);
  await prepare(deps, stored);
  const byPlace = new Map(stored.map((one) => [`${one.seq}/${one.path}`, one]));
  const opened = new Map<number, BundleOpening[]>();
  for (const record of records) {
    const ofRecord = record.commits.map((commit): BundleOpening => {
      const { seq } = record;
      const one = byPlace.get(`${seq}/${commit.path}`);
      if (one === undefined) return { ...commit, state: 'not_kept' };
      const place = openingPlace(row.id, seq, commit.path);
      const text = deps.vault.decrypt(one.dekId, place, one.ciphertext);
      const maySee = text !== null && seesText(reader, record, valueOf(text));
      return asOpening(commit, text, maySee);
    });
    if (ofRecord.length > 0) opened.set(record.seq, ofRecord);
  }
  return opened;
}

/** Their own words, and the reason that the request's resolution shows to everybody. */
function seesText({ sees, self, shape }: Reading, record: LedgerRecord, value: string): boolean {
  if (sees === 'all') return true;
  const isOwn = self !== null && record.actor.c === self;
  const isShown = record.kind === 'overridden' || record.kind === 'withdrawn';
  return isOwn || (isShown && shape.resolution?.reason === value);
}

interface Salted {
  readonly salt: string;
  readonly value: string;
}

const valueOf = (text: string): string => (JSON.parse(text) as Salted).value;

function asOpening(
  commit: { readonly c: string; readonly path: string },
  text: string | null,
  maySee: boolean,
): BundleOpening {
  const { c, path } = commit;
  if (text === null) return { c, path, state: 'erased' };
  if (!maySee) return { c, path, state: 'not_disclosed' };
  const { salt, value } = JSON.parse(text) as Salted; // ours: written by sealing.ts
  return { c, path, state: 'disclosed', salt, value };
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

// ---- contents ------------------------------------------------------------------------------------

async function openBlobs(reader: Reading): Promise<Disclosed['blobs']> {
  const blobs = new Map<string, Disclosed['blobs'][number]>();
  const contents = await keptContents(reader);
  for (const record of reader.records) {
    for (const ref of record.refs) {
      const { sha256 } = ref;
      if (blobs.get(sha256)?.bytes) continue;
      const maySee = seesBlob(reader, record, ref);
      const bytes = await blobOf(reader, contents, { record, ref });
      const state = bytes === null ? 'not_kept' : maySee ? 'disclosed' : 'not_disclosed';
      blobs.set(sha256, { mark: { sha256, state }, bytes: state === 'disclosed' ? bytes : null });
    }
  }
  return [...blobs.values()];
}

/** A view names who else is excluded, so it is shown to whoever saw it; the rest every reader sees. */
function seesBlob({ sees, self }: Reading, record: LedgerRecord, { name }: BlobRef): boolean {
  if (sees === 'all' || name !== 'view') return true;
  return self !== null && record.kind === 'viewed' && record.body.person_c === self;
}

/** What can be made again without looking at a record, by digest: content, action and policy text. */
async function keptContents({ deps, row }: Reading): Promise<ReadonlyMap<string, Uint8Array>> {
  const { state } = row;
  const policyVersion = policyVersionName(state.policy);
  const [content, policy] = await Promise.all([
    readContent(deps, row).catch(nullIfErased),
    findPolicyVersion(deps.db, state.policy.id, state.policy.version),
  ]);
  const texts = policy === null ? [] : [policy.source];
  if (content !== null) {
    const { kind, action } = content;
    texts.push(jcs({ ...content, policyVersion }), jcs({ kind, action, policyVersion }));
  }
  return new Map(texts.map((text) => [sha256Hex(text), Buffer.from(text)]));
}

function nullIfErased(error: unknown): null {
  if (error instanceof ApplicationError && error.code === 'NOT_FOUND') return null;
  throw error;
}

async function blobOf(
  { deps, row, records }: Reading,
  contents: ReadonlyMap<string, Uint8Array>,
  { record, ref }: { readonly record: LedgerRecord; readonly ref: BlobRef },
): Promise<Uint8Array | null> {
  const kept = contents.get(ref.sha256);
  if (kept !== undefined) return kept;
  if (record.kind !== 'viewed' || ref.name !== 'view') return null;
  return viewAgain(deps, row, { viewed: record, records }).catch(nullIfErased);
}
