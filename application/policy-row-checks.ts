import { isDeepStrictEqual } from 'node:util';
import { sha256Hex } from '../ledger/hash.ts';
import type { LedgerRecord } from '../ledger/record.ts';
import type { PolicySideRows } from '../prisma/policy-side-rows.ts';
import { exceptionText } from './exception-text.ts';
import { readPolicySource } from './policy-source.ts';

// Rows that rules are read from, held against the records of their stream.

type Of<K extends LedgerRecord['kind']> = Extract<LedgerRecord, { readonly kind: K }>;

const kindOf =
  <K extends LedgerRecord['kind']>(kind: K) =>
  (record: LedgerRecord): record is Of<K> =>
    record.kind === kind;

/** @returns one sentence for each row that is missing, added, or says other things than the records. */
export function policyRowProblems(
  sealed: readonly LedgerRecord[],
  rows: PolicySideRows,
): readonly string[] {
  return [
    ...versionProblems(sealed, rows),
    ...proposalProblems(sealed, rows),
    ...exceptionProblems(sealed, rows),
    ...useProblems(sealed, rows),
    ...shadowProblems(sealed, rows),
    ...acknowledgementProblems(sealed, rows),
  ];
}

function versionProblems(
  sealed: readonly LedgerRecord[],
  { policyVersions }: PolicySideRows,
): string[] {
  const published = new Map(
    sealed
      .filter(kindOf('policy_changed'))
      .filter(({ body }) => body.change === 'published')
      .map(({ body }) => [body.version, body.policy_digest]),
  );
  const wrong = policyVersions.flatMap((row) => {
    const name = `version ${row.version}`;
    if (published.get(row.version) !== sha256Hex(row.source)) return [`${name} has another text`];
    if (!isReadAs(row.source, row.document)) return [`${name} is read otherwise than its text`];
    const { kind, enabled = true } = row.document as Readonly<Record<string, unknown>>;
    return kind === row.kind && enabled === row.enabled ? [] : [`${name} is listed otherwise`];
  });
  const kept = new Set(policyVersions.map(({ version }) => version));
  const gone = [...published.keys()].filter((version) => !kept.has(version));
  const newest = Math.max(0, ...published.keys());
  const moved = policyVersions.some((row) => row.newest !== newest);
  return [
    ...wrong,
    ...gone.map((version) => `version ${version} is gone`),
    ...(moved ? [`version ${newest} is the newest, and another is listed as such`] : []),
  ];
}

/** What is in force is the document; it must be what the sealed text says. */
function isReadAs(source: string, document: unknown): boolean {
  const read = readPolicySource(source, 'auto');
  return read.ok && isDeepStrictEqual(read.value, document);
}

const CLOSED_AS: Readonly<Record<string, string>> = {
  published: 'published',
  rejected: 'rejected',
};

function proposalProblems(
  sealed: readonly LedgerRecord[],
  { proposals }: PolicySideRows,
): string[] {
  const about = Map.groupBy(
    sealed.flatMap((record) =>
      record.kind === 'policy_changed' && 'request' in record.body && record.body.request !== null
        ? [{ request: record.body.request, body: record.body }]
        : [],
    ),
    ({ request }) => request,
  );
  const wrong = proposals.flatMap((row) => {
    const changes = about.get(row.request) ?? [];
    const first = changes.find(({ body }) => body.change === 'proposed')?.body;
    const last = changes.at(-1)?.body.change ?? 'none';
    const name = `the proposal of version ${row.version}`;
    if (first?.policy_digest !== sha256Hex(row.source) || first.version !== row.version)
      return [`${name} is another one than was sealed`];
    if (!isReadAs(row.source, row.document)) return [`${name} is read otherwise than its text`];
    const isSame = row.state === (CLOSED_AS[last] ?? 'open');
    return isSame ? [] : [`${name} is shown as ${row.state}, sealed is ${last}`];
  });
  const kept = new Set(proposals.map(({ request }) => request));
  const gone = [...about.keys()].filter((request) => !kept.has(request)).length;
  return gone === 0 ? wrong : [...wrong, `${gone} proposals are gone`];
}

function exceptionProblems(
  sealed: readonly LedgerRecord[],
  { exceptions }: PolicySideRows,
): string[] {
  const changes = sealed.filter(kindOf('exception'));
  const has = (id: string, change: string) =>
    changes.find(({ body }) => body.exception === id && body.change === change);
  const wrong = exceptions.flatMap((row) => {
    const granted = has(row.id, 'granted');
    if (row.isApproved !== (granted !== undefined))
      return [`an exception to "${row.rule}" is in force otherwise than was sealed`];
    const digest = granted?.refs.find(({ name }) => name === 'content')?.sha256;
    const ended = has(row.id, 'ended');
    const isSame =
      (granted === undefined || digest === sha256Hex(exceptionText(row))) &&
      (granted === undefined || row.endedAt === (ended?.body.until ?? null)) &&
      row.isExpired === (has(row.id, 'expired') !== undefined);
    return isSame ? [] : [`an exception to "${row.rule}" is kept otherwise than it was sealed`];
  });
  const kept = new Set(exceptions.map(({ id }) => id));
  const gone = changes.filter(
    ({ body }) => body.change === 'granted' && !kept.has(body.exception),
  ).length;
  return gone === 0 ? wrong : [...wrong, `${gone} exceptions are gone`];
}

function useProblems(sealed: readonly LedgerRecord[], { exceptionUses }: PolicySideRows): string[] {
  const used = sealed
    .filter(kindOf('exception'))
    .filter(({ body }) => body.change === 'used')
    .map(({ body }) => `${body.exception} ${body.uses} ${body.rule}`);
  const kept = exceptionUses.map((row) => `${row.exception} ${row.ordinal} ${row.rule}`);
  const isSame = isDeepStrictEqual(used.toSorted(), kept.toSorted());
  return isSame ? [] : ['uses of exceptions are counted otherwise than they were sealed'];
}

function shadowProblems(sealed: readonly LedgerRecord[], { shadows }: PolicySideRows): string[] {
  const said = sealed
    .filter(kindOf('shadow_evaluated'))
    .map(({ seq, body }) => [seq, body.policy_id, body.version, body.effect, body.differs]);
  const kept = shadows.map((row) => [row.seq, row.policy, row.version, row.effect, row.differs]);
  const isSame = isDeepStrictEqual(said, kept);
  return isSame ? [] : ['what shadows said is counted otherwise than it was sealed'];
}

function acknowledgementProblems(
  sealed: readonly LedgerRecord[],
  { acknowledgements }: PolicySideRows,
): string[] {
  const given = sealed
    .filter(kindOf('acknowledged'))
    .filter(({ body }) => body.of === 'policy')
    .map(({ ts, body }) => `${body.policy_id}@${body.version} ${ts}`);
  const kept = acknowledgements.map((row) => `${row.policy}@${row.version} ${row.at}`);
  const isSame = isDeepStrictEqual(given.toSorted(), kept.toSorted());
  return isSame ? [] : ['policies are listed as acknowledged otherwise than was sealed'];
}
