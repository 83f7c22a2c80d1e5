import type { Database } from '../../../prisma/database.ts';
import type { Chain, Template } from './chains.ts';

// Fills a log faster than its writers would: many streams in one commit. Places, tiles and checkpoints
// are then given by the real sequencer and signer.

const STREAMS_AT_ONCE = 128;
const COLUMNS = 7;

/** Data keys of the copied rows: present in every database, and of nobody. */
const DEK = `INSERT INTO dek (dek_id, subject, wrapped, kek)
  SELECT (r.value)::uuid, 'bench', NULL, 'bench'
    FROM jsonb_each_text($1::jsonb) r WHERE r.key = 'dek_id' ON CONFLICT DO NOTHING`;

/** @returns how many records were written. */
export async function fill(
  db: Database,
  { template, count, makeChain }: { template: Template; count: number; makeChain: () => Chain },
): Promise<number> {
  await db.query(DEK, [template.request]);
  let done = 0;
  const writer = async (): Promise<void> => {
    while (done < count) {
      const streams = Math.min(
        STREAMS_AT_ONCE,
        Math.ceil((count - done) / template.records.length),
      );
      done += streams * template.records.length;
      await writeChains(db, template, Array.from({ length: streams }, makeChain));
    }
  };
  await Promise.all([writer(), writer()]); // one seals while the database stores for the other
  return done;
}

async function writeChains(
  db: Database,
  template: Template,
  chains: readonly Chain[],
): Promise<void> {
  const hex = (text: string): Buffer => Buffer.from(text, 'hex');
  const records = chains.flat();
  const heads = chains.map((chain) => chain.at(-1));
  await db.transaction(async (tx) => {
    tx.write({
      text: `INSERT INTO ledger_record (log_id, stream_id, seq, cmd, input_hash, leaf_hash, prev_hash, bytes)
        VALUES ${placesOf(records.length)}`,
      values: records.flatMap((one) => [
        ...[one.stream, one.seq, hex(one.cmd), hex(one.inputHash), hex(one.leafHash)],
        ...[one.prev === null ? null : hex(one.prev), one.bytes],
      ]),
    });
    const commits = chains.flatMap((chain) => cut(chain, template.commits));
    tx.write({
      text: `INSERT INTO log_queue (log_id, stream_id, first_seq, leaf_hashes)
        SELECT 1, * FROM unnest($1::uuid[], $2::int[], $3::bytea[])`,
      values: [
        commits.map(([first]) => first?.stream),
        commits.map(([first]) => first?.seq),
        commits.map((commit) => Buffer.concat(commit.map(({ leafHash }) => hex(leafHash)))),
      ],
    });
    tx.write({
      text: `INSERT INTO request SELECT r.* FROM unnest($1::uuid[], $2::text[]) AS s (id, head),
          LATERAL jsonb_populate_record(NULL::request, $3::jsonb || jsonb_build_object('id', s.id,
            'head_seq', $4::int, 'head_hash', '\\x' || s.head, 'gate', 'closed', 'wake_at', NULL)) AS r`,
      values: [
        heads.map((head) => head?.stream),
        heads.map((head) => head?.leafHash),
        template.request,
        template.records.length - 1,
      ],
    });
  });
}

function placesOf(rows: number): string {
  const row = (at: number): string =>
    `(1, ${Array.from({ length: COLUMNS }, (_, column) => `$${at * COLUMNS + column + 1}${CASTS[column]}`).join(', ')})`;
  return Array.from({ length: rows }, (_, at) => row(at)).join(', ');
}

const CASTS = ['::uuid', '::int', '::bytea', '::bytea', '::bytea', '::bytea', '::bytea'];

function cut(chain: Chain, commits: readonly number[]): Chain[] {
  let from = 0;
  return commits.map((length) => chain.slice(from, (from += length)));
}
