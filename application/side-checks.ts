import { sha256Hex } from '../ledger/hash.ts';
import { jcs } from '../ledger/jcs.ts';
import { commitmentsOf, PERSON_PATH, type LedgerRecord } from '../ledger/record.ts';
import type { SideRows } from '../prisma/side-store.ts';
import { calendarIn } from './calendars.ts';
import { directoryProblems } from './directory-checks.ts';
import { subjectOf } from './principal.ts';
import { policyRowProblems } from './policy-row-checks.ts';

// What lies beside the records of a stream, held against them: the rows that open commitments, and the
// rows of the directory, of apps and of policies that rules are read from.

type Of<K extends LedgerRecord['kind']> = Extract<LedgerRecord, { readonly kind: K }>;

/** @returns one sentence for each row that is missing, added, or says other things than the records. */
export function sideProblems(sealed: readonly LedgerRecord[], rows: SideRows): readonly string[] {
  return [
    ...openingProblems(sealed, rows),
    ...viewProblems(sealed, rows),
    ...directoryProblems(sealed, rows),
    ...ownerProblems(sealed, rows),
    ...keyProblems(sealed, rows),
    ...policyRowProblems(sealed, rows),
    ...debtRowProblems(sealed, rows),
    ...logKeyProblems(sealed, rows),
    ...calendarRowProblems(sealed, rows),
  ];
}

const kindOf =
  <K extends LedgerRecord['kind']>(kind: K) =>
  (record: LedgerRecord): record is Of<K> =>
    record.kind === kind;

/** Each commitment has what opens it, unless its erasure was sealed. */
function openingProblems(sealed: readonly LedgerRecord[], rows: SideRows): readonly string[] {
  if (sealed.some(kindOf('erased'))) return []; // which ones, the record itself says
  const known = new Set(rows.references.map(({ c }) => c));
  const opened = new Set(rows.openings.map(({ seq, path }) => `${seq} ${path}`));
  const gone = sealed.flatMap((record) =>
    commitmentsOf(record).filter(({ path, c }) =>
      path === PERSON_PATH ? !known.has(c) : !opened.has(`${record.seq} ${path}`),
    ),
  );
  const lost = [...rows.references, ...rows.openings].filter((row) => !row.hasKey);
  return [
    ...(gone.length === 0 ? [] : [`what opens ${gone.length} commitments is gone, unsealed`]),
    ...(lost.length === 0 ? [] : [`the key of ${lost.length} openings is gone, unsealed`]),
  ];
}

function viewProblems(sealed: readonly LedgerRecord[], { views }: SideRows): readonly string[] {
  const wrong = views.filter(({ seq }) => sealed[seq]?.kind !== 'viewed');
  return wrong.length === 0 ? [] : [`${wrong.length} views are kept that were never sealed`];
}

/** Who owes a review may not override: each debt must be there, as it was opened, paid where that was sealed. */
function debtRowProblems(
  sealed: readonly LedgerRecord[],
  { debts, references }: SideRows,
): readonly string[] {
  const changes = sealed.filter(kindOf('review_debt')).map(({ body }) => body);
  const opened = new Map(
    changes.flatMap((body) => (body.change === 'opened' ? [[body.debt, body] as const] : [])),
  );
  const refs = new Map(references.map(({ subject, c }) => [subject, c]));
  const paid = new Set(changes.flatMap((body) => (body.change === 'settled' ? [body.debt] : [])));
  const wrong = debts.filter(
    ({ id, person, due, isSettled }) =>
      opened.get(id)?.due !== due ||
      opened.get(id)?.person_c !== refs.get(subjectOf({ type: 'person', id: person })) ||
      isSettled !== paid.has(id),
  ).length;
  const kept = new Set(debts.map(({ id }) => id));
  const gone = [...opened.keys()].filter((id) => !kept.has(id)).length;
  return [
    ...(wrong === 0 ? [] : [`${wrong} reviews are owed otherwise than it was sealed`]),
    ...(gone === 0 ? [] : [`${gone} reviews that are owed are gone`]),
  ];
}

/** An app's owner is a party of whatever it asks: another one would change who may decide. */
function ownerProblems(
  sealed: readonly LedgerRecord[],
  { apps, references }: SideRows,
): readonly string[] {
  // Every record of an app names its owner as the row had them; these two decide who it is.
  const owned = sealed
    .filter(kindOf('app_changed'))
    .findLast(({ body }) => body.change === 'created' || body.change === 'owner_changed');
  const known = new Map(references.map(({ subject, c }) => [subject, c]));
  return apps.flatMap(({ owner }) => {
    const c = known.get(subjectOf({ type: 'person', id: owner }));
    return c !== undefined && c === owned?.body.owner_c
      ? []
      : ['the app belongs to somebody else than was sealed'];
  });
}

function keyProblems(sealed: readonly LedgerRecord[], { appKeys }: SideRows): readonly string[] {
  const changes = sealed.filter(kindOf('app_changed'));
  const named = new Set(changes.map(({ body }) => body.key));
  const revoked = new Set(
    changes.flatMap(({ body }) => (body.change === 'key_revoked' ? [body.key] : [])),
  );
  return appKeys.flatMap(({ id, isRevoked }) => {
    if (!named.has(id)) return [`the key ${id} was never made in a record`];
    return revoked.has(id) && !isRevoked ? [`the key ${id} was revoked, and works`] : [];
  });
}

function logKeyProblems(sealed: readonly LedgerRecord[], { logKeys }: SideRows): readonly string[] {
  const added = new Set(
    sealed
      .filter(kindOf('key_rotated'))
      .flatMap(({ body }) =>
        (body.use === 'log' || body.use === 'stream_head') && body.new_digest !== null
          ? [body.new_digest]
          : [],
      ),
  );
  const kept = new Set(logKeys.map((key) => sha256Hex(key)));
  const strange = [...kept].filter((digest) => !added.has(digest)).length;
  const gone = [...added].filter((digest) => !kept.has(digest)).length;
  return [
    ...(strange === 0 ? [] : [`${strange} keys of the log were never sealed`]),
    ...(gone === 0 ? [] : [`${gone} keys of the log are gone`]),
  ];
}

/** Times are computed from rows: each version says what was sealed, and the newest sealed one is in force. */
function calendarRowProblems(
  sealed: readonly LedgerRecord[],
  { calendarVersions }: SideRows,
): readonly string[] {
  const published = new Map<string, string | null>();
  const newest = new Map<string, number>();
  for (const { body } of sealed.filter(kindOf('register_changed'))) {
    if (body.register !== 'calendar' || body.version === null) continue;
    published.set(`${body.item}@${body.version}`, body.digest);
    newest.set(body.item, Math.max(body.version, newest.get(body.item) ?? 0));
  }
  const kept = new Set(calendarVersions.map(({ id, version }) => `${id}@${version}`));
  const gone = [...published.keys()].filter((name) => !kept.has(name));
  const wrong = calendarVersions.flatMap(({ id, version, source, document, newest: inForce }) => {
    const name = `${id}@${version}`;
    if (published.get(name) !== sha256Hex(source)) return [`calendar ${name} has another text`];
    if (jcs(calendarIn(source)) !== jcs(document)) return [`calendar ${name} is read otherwise`];
    return inForce === newest.get(id)
      ? []
      : [`calendar ${id} is not in force as its newest version`];
  });
  return [...wrong, ...gone.map((name) => `calendar ${name} is gone`)];
}
