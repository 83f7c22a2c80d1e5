import { sha256 } from '../ledger/hash.ts';
import { commitmentsOf, PERSON_PATH } from '../ledger/record.ts';
import {
  verifyChain,
  type ChainProblem,
  type ChainReport,
  type DisclosedOpening,
} from '../ledger/verify.ts';
import { reading } from '../prisma/directory-store.ts';
import {
  openingsOf,
  recordsOf,
  storedReferencesOf,
  type StoredOpening,
  type StoredReference,
} from '../prisma/ledger-store.ts';
import { leavesOf, newestCheckpoint } from '../prisma/log-store.ts';
import {
  contentOf,
  findRequest,
  projectedRequest,
  type ProjectedRow,
  type RequestRow,
} from '../prisma/request-store.ts';
import type { Deps } from './deps.ts';
import { notFound } from './error.ts';
import { contentPlace, openingPlace, referencePlace } from './places.ts';
import type { Principal } from './principal.ts';
import { projectionProblems } from './projection.ts';
import { visibleRequest } from './request-queries.ts';
import { Unreadable } from './vault.ts';

/** All records of one request, as they lie there (product contract 3.2). */
export interface ChainBody {
  readonly requestId: string;
  readonly records: readonly {
    readonly seq: number;
    /** Place in the log; null until the record is sequenced. */
    readonly index: number | null;
    readonly leafHash: string;
    /** base64 of the exact bytes. */
    readonly bytes: string;
  }[];
  readonly checkpoint: string | null;
}

/** @throws ApplicationError NOT_FOUND */
export async function getChain(deps: Deps, principal: Principal, id: string): Promise<ChainBody> {
  const row = await visibleRequest(deps, principal, id);
  const records = await recordsOf(deps.db, row.id);
  const [places, checkpoint] = await Promise.all([
    leavesOf(deps.db, row.id),
    newestCheckpoint(deps.db),
  ]);
  return {
    requestId: row.id,
    records: records.map(({ seq, leafHash, bytes }) => ({
      seq,
      index: places.get(seq) ?? null,
      leafHash,
      bytes: bytes.toString('base64'),
    })),
    checkpoint: checkpoint?.note ?? null,
  };
}

/**
 * Recomputes a stored chain from its exact bytes and holds it against the head row, the origin and every
 * opening that is still there. What is stored and cannot be decrypted is a problem of the record that
 * names it.
 *
 * @throws ApplicationError NOT_FOUND
 */
export async function verifyStoredChain(
  deps: Pick<Deps, 'db' | 'vault' | 'origin'>,
  id: string,
): Promise<ChainReport> {
  const stored = await readStill(deps, id);
  const { openings, unreadable } = await decryptAll(deps, id, stored);
  const report = await verifyChain({
    records: stored.records.map((record) => record.bytes),
    sha256,
    expected: { log: deps.origin, stream: id, head: stored.row.head },
    openings,
  });
  const contradictions = report.valid ? rowProblems(stored, report) : [];
  if (unreadable.length === 0 && contradictions.length === 0) return report;
  const problems = [...report.problems, ...contradictions, ...unreadable.map(asProblem(report))];
  problems.sort((a, b) => (a.seq ?? Infinity) - (b.seq ?? Infinity)); // stable
  return { ...report, valid: false, problems };
}

/** What programs read of the request, held against its records. */
function rowProblems({ projected, references }: Stored, report: ChainReport): ChainProblem[] {
  const refs = new Map(references.map(({ subject, c }) => [subject, c]));
  return projectionProblems(projected, report.records, refs).map((detail) => {
    return { code: 'PROJECTION_MISMATCH', seq: null, detail };
  });
}

/** How often a chain that grows under the reader's eyes is read again. */
const MAX_READS = 20;

interface Stored {
  readonly row: RequestRow;
  readonly projected: ProjectedRow;
  readonly records: readonly { readonly bytes: Buffer }[];
  readonly openings: readonly StoredOpening[];
  readonly references: readonly StoredReference[];
  readonly content: Uint8Array | null;
}

/** Everything of one moment: each step moves the head, so an unmoved head means that nothing moved. */
async function readStill({ db }: Pick<Deps, 'db'>, id: string): Promise<Stored> {
  for (let reads = 1; ; reads += 1) {
    const row = await findRequest(db, id);
    if (row === null) throw notFound();
    const [projected, records, openings, references, content] = await Promise.all([
      projectedRequest(db, id),
      recordsOf(db, id),
      openingsOf(db, id),
      storedReferencesOf(db, id),
      contentOf(db, id),
    ]);
    const after = await findRequest(db, id);
    if (projected === null) throw notFound();
    if (after?.head.seq === row.head.seq || reads === MAX_READS)
      return { row, projected, records, openings, references, content };
  }
}

/** Something stored that belongs to a record, or, by its commitment, to each that names a person. */
interface Sealed {
  readonly seq: number | null;
  readonly path: string;
  readonly c: string | null;
  readonly dekId: string;
  readonly place: string;
  readonly ciphertext: Uint8Array;
}

function sealedOf(stream: string, { row, openings, references, content }: Stored): Sealed[] {
  const texts = openings.map(({ seq, path, dekId, ciphertext }) => ({
    ...{ seq, path, c: null, dekId, ciphertext },
    place: openingPlace(stream, seq, path),
  }));
  const people = references.map(({ subject, c, dekId, ciphertext }) => ({
    ...{ seq: null, path: PERSON_PATH, c, dekId, ciphertext },
    place: referencePlace(stream, subject),
  }));
  const submitted = {
    seq: 0,
    path: CONTENT,
    c: null,
    dekId: row.dekId,
    place: contentPlace(stream),
  };
  const contents = content === null ? [] : [{ ...submitted, ciphertext: content }];
  return [...texts, ...people, ...contents];
}

/** What was submitted: the first record names its digest, and no commitment of this path. */
const CONTENT = 'content';

async function decryptAll(
  { db, vault }: Pick<Deps, 'db' | 'vault'>,
  stream: string,
  stored: Stored,
): Promise<{ readonly openings: DisclosedOpening[]; readonly unreadable: Sealed[] }> {
  const all = sealedOf(stream, stored);
  const ids = all.map(({ dekId }) => dekId);
  await vault.prepare(reading(db), ids).catch(nullIfUnreadable); // noticed again where it is used
  const openings: DisclosedOpening[] = [];
  const unreadable: Sealed[] = [];
  for (const one of all) {
    try {
      const text = vault.decrypt(one.dekId, one.place, one.ciphertext);
      if (text === null || one.path === CONTENT) continue; // erased, or opens no commitment
      const { salt, value } = JSON.parse(text) as { salt: string; value: string };
      openings.push({ seq: one.seq, path: one.path, salt, value });
    } catch (error) {
      nullIfUnreadable(error);
      unreadable.push(one);
    }
  }
  return { openings, unreadable };
}

function nullIfUnreadable(error: unknown): null {
  if (error instanceof Unreadable) return null;
  throw error;
}

/** A person is named at the first record that names them. */
function asProblem({ records }: ChainReport): (one: Sealed) => ChainProblem {
  return ({ seq, path, c }) => {
    const named = records.find(
      ({ record }) => record !== null && commitmentsOf(record).some((one) => one.c === c),
    );
    return {
      code: 'COMMITMENT',
      seq: seq ?? named?.record?.seq ?? null,
      detail: `the stored ${path} cannot be decrypted: it was changed, or belongs to another ENCRYPTION_KEY`,
    };
  };
}
