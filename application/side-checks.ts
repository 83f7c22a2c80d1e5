import { sha256Hex } from '../ledger/hash.ts';
import { commitmentsOf, PERSON_PATH, type LedgerRecord } from '../ledger/record.ts';
import type { SideRows } from '../prisma/side-store.ts';

// What lies beside the records of a stream, held against them: the rows that open commitments, and the
// rows of the directory, of apps and of policies that rules are read from.

type Of<K extends LedgerRecord['kind']> = Extract<LedgerRecord, { readonly kind: K }>;

/** @returns one sentence for each row that is missing, added, or says other things than the records. */
export function sideProblems(sealed: readonly LedgerRecord[], rows: SideRows): readonly string[] {
  return [
    ...openingProblems(sealed, rows),
    ...viewProblems(sealed, rows),
    ...grantProblems(sealed, rows),
    ...keyProblems(sealed, rows),
    ...policyProblems(sealed, rows),
    ...logKeyProblems(sealed, rows),
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

/** Rights are read from rows: each must have been granted in a record, as it is. */
function grantProblems(sealed: readonly LedgerRecord[], { grants }: SideRows): readonly string[] {
  const granted = new Map(
    sealed.filter(kindOf('role_granted')).map(({ body }) => [body.grant, body]),
  );
  const ended = new Map(sealed.filter(kindOf('role_ended')).map(({ body }) => [body.grant, body]));
  const problems = grants.flatMap(({ id, role, from, until }) => {
    const body = granted.get(id);
    if (body === undefined) return [`the role ${role} was never granted in a record`];
    const end = ended.get(id);
    const until_ = end !== undefined && 'at' in end ? end.at : body.until;
    const isSame = body.role === role && body.from === from && until_ === until;
    return isSame ? [] : [`the role ${role} is kept otherwise than it was granted`];
  });
  const kept = new Set(grants.map(({ id }) => id));
  const gone = [...granted.keys()].filter((id) => !kept.has(id)).length;
  return gone === 0 ? problems : [...problems, `${gone} granted roles are gone`];
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

function policyProblems(
  sealed: readonly LedgerRecord[],
  { policyVersions }: SideRows,
): readonly string[] {
  const published = new Map(
    sealed.filter(kindOf('policy_changed')).map(({ body }) => [body.version, body.policy_digest]),
  );
  const wrong = policyVersions.flatMap(({ version, source }) =>
    published.get(version) === sha256Hex(source) ? [] : [`version ${version} has another text`],
  );
  const kept = new Set(policyVersions.map(({ version }) => version));
  const gone = [...published.keys()].filter((version) => !kept.has(version));
  return [...wrong, ...gone.map((version) => `version ${version} is gone`)];
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
