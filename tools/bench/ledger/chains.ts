import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { sealRecords, type Draft, type SealedRecord } from '../../../ledger/append.ts';
import { parseRecord, type RecordV1 } from '../../../ledger/record.ts';

// Rows to measure with: copies of an approval that the product itself has just sealed, each in a stream
// of its own, sealed anew. What is measured is therefore what today's product writes.

/** An approval of the product, as the bench's programs hand it to each other. */
export interface Template {
  /** Exact bytes of its records, which are ASCII. */
  readonly records: readonly string[];
  /** How many of them each commit wrote. */
  readonly commits: readonly number[];
  /** Its row of `request`, as JSON. */
  readonly request: string;
}

/** The newest approval that the product has made. @throws Error where there is none. */
export async function readTemplate(url: string): Promise<Template> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const requests = await client.query<{ id: string; request: string }>(
      `SELECT id, to_jsonb(r)::text AS request FROM request r WHERE status = 'approved'
        ORDER BY created_at DESC LIMIT 1`,
    );
    const [newest] = requests.rows;
    if (newest === undefined) throw new Error('the product has made no approval to copy');
    const { rows } = await client.query<{ bytes: Buffer }>(
      'SELECT bytes FROM ledger_record WHERE stream_id = $1 ORDER BY seq',
      [newest.id],
    );
    const records = rows.map(({ bytes }) => bytes.toString());
    return { records, commits: commitsOf(records), request: newest.request };
  } finally {
    await client.end();
  }
}

/** Records of one commit have one time. */
function commitsOf(records: readonly string[]): number[] {
  const times = records.map((text) => (JSON.parse(text) as { ts: string }).ts);
  return [...Map.groupBy(times, (ts) => ts).values()].map(({ length }) => length);
}

export type Chain = readonly SealedRecord[];

/** @returns seals one more copy with each call, in a new stream. */
export function chainMaker({ records }: Template, origin: string): () => Chain {
  const drafts = records.map((text) => draftOf(parseRecord(Buffer.from(text)) as RecordV1));
  return () => {
    const stream = randomUUID();
    const context = { log: origin, stream, ts: new Date().toISOString(), software: '0.0.0-bench' };
    return sealRecords(null, drafts, context).records;
  };
}

/** The same act again; words of people are stood in for by words of the same kind. */
function draftOf({
  kind,
  cmd,
  actor,
  auth,
  surface,
  policy,
  body,
  refs,
  commits,
}: RecordV1): Draft {
  const erasable = commits.map(({ path }) => ({ path, value: 'checked against the statement' }));
  const said = kind === 'closed' ? {} : body;
  return { kind, cmd, actor, auth, surface, policy, refs, erasable, body: said } as Draft;
}
