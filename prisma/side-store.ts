import type pg from 'pg';
import { LOG_ID } from './ledger-store.ts';
import type { Tx } from './transaction.ts';

/** Rows that belong to one stream. */
export interface SideRows {
  readonly references: readonly {
    readonly subject: string;
    readonly c: string;
    readonly hasKey: boolean;
  }[];
  readonly openings: readonly {
    readonly seq: number;
    readonly path: string;
    readonly hasKey: boolean;
  }[];
  readonly views: readonly { readonly seq: number }[];
  readonly grants: readonly {
    readonly id: string;
    readonly role: string;
    readonly from: string;
    readonly until: string | null;
  }[];
  readonly appKeys: readonly { readonly id: string; readonly isRevoked: boolean }[];
  readonly policyVersions: readonly { readonly version: number; readonly source: string }[];
  readonly logKeys: readonly string[];
}

/** Hands out the rows of stream after stream, in the order of their ids. */
export interface SideReader {
  /** @param stream larger than the one before. */
  take(stream: string): Promise<SideRows>;
}

const AT_ONCE = 2_000;

interface Row extends pg.QueryResultRow {
  readonly stream: string;
  /** Orders the rows of a stream. */
  readonly place: string;
}

/** All rows of a table in the order of streams, a page at a time. */
class Cursor<R extends Row> {
  readonly #tx: Tx;
  readonly #text: string;
  #rows: readonly R[] = [];
  #at = 0;
  #after: readonly [string, string] = ['00000000-0000-0000-0000-000000000000', ''];
  #isLast = false;

  /** @param text a statement that gives `stream`, `place` and what else is wanted. */
  constructor(tx: Tx, text: string) {
    this.#tx = tx;
    this.#text = text;
  }

  async take(stream: string): Promise<R[]> {
    const taken: R[] = [];
    for (;;) {
      if (this.#at >= this.#rows.length && !(await this.#fill())) return taken;
      const row = this.#rows[this.#at] as R;
      if (row.stream > stream) return taken;
      if (row.stream === stream) taken.push(row);
      this.#at += 1;
    }
  }

  async #fill(): Promise<boolean> {
    if (this.#isLast) return false;
    this.#rows = await this.#tx.query<R>({
      text: `SELECT * FROM (${this.#text}) t WHERE (stream, place) > ($1::uuid, $2::text)
        ORDER BY stream, place LIMIT ${AT_ONCE}`,
      values: [...this.#after],
    });
    this.#at = 0;
    this.#isLast = this.#rows.length < AT_ONCE;
    const last = this.#rows.at(-1);
    if (last !== undefined) this.#after = [last.stream, last.place];
    return this.#rows.length > 0;
  }
}

type Reference = Row & { readonly subject: string; readonly c: Buffer; readonly has_key: boolean };
type Opening = Row & { readonly seq: number; readonly path: string; readonly has_key: boolean };
type Grant = Row & {
  readonly id: string;
  readonly role: string;
  readonly valid_from: string;
  readonly valid_until: string | null;
};

type AppKey = Row & { readonly id: string; readonly is_revoked: boolean };
type Version = Row & { readonly version: number; readonly source: string };

/** Whether a data key can still be unwrapped. */
const HAS_KEY = `EXISTS (SELECT FROM dek d WHERE d.dek_id = r.dek_id AND d.wrapped IS NOT NULL)`;
const PLACE = `COLLATE "C"`;

/** Statements, one for each kind of row; `place` orders the rows of a stream. */
const ROWS = {
  references: `SELECT stream_id AS stream, subject ${PLACE} AS place, subject, commitment AS c, ${HAS_KEY} AS has_key
    FROM reference r WHERE log_id = ${LOG_ID}`,
  openings: `SELECT stream_id AS stream, lpad(seq::text, 10, '0') || path ${PLACE} AS place, seq, path,
    ${HAS_KEY} AS has_key FROM opening r WHERE log_id = ${LOG_ID}`,
  views: `SELECT request_id AS stream, person_id || encode(content_digest, 'hex') ${PLACE} AS place, seq
    FROM request_view`,
  grants: `SELECT p.stream_id AS stream, g.id::text ${PLACE} AS place, g.id, g.role, g.valid_from, g.valid_until
    FROM role_grant g JOIN person p ON p.id = g.person_id`,
  appKeys: `SELECT a.stream_id AS stream, k.id ${PLACE} AS place, k.id, k.revoked_at IS NOT NULL AS is_revoked
    FROM app_key k JOIN app a ON a.id = k.app_id`,
  versions: `SELECT p.stream_id AS stream, lpad(v.version::text, 10, '0') ${PLACE} AS place, v.version, v.source
    FROM policy_version v JOIN policy p ON p.id = v.policy_id`,
  logKeys: `SELECT i.system_stream_id AS stream, k.verifier_key ${PLACE} AS place, k.verifier_key
    FROM log_key k CROSS JOIN installation i`,
} as const;

export function openSideReader(tx: Tx): SideReader {
  const references = new Cursor<Reference>(tx, ROWS.references);
  const openings = new Cursor<Opening>(tx, ROWS.openings);
  const views = new Cursor<Row & { readonly seq: number }>(tx, ROWS.views);
  const grants = new Cursor<Grant>(tx, ROWS.grants);
  const appKeys = new Cursor<AppKey>(tx, ROWS.appKeys);
  const versions = new Cursor<Version>(tx, ROWS.versions);
  const logKeys = new Cursor<Row & { readonly verifier_key: string }>(tx, ROWS.logKeys);
  return {
    async take(stream) {
      return {
        references: (await references.take(stream)).map(({ subject, c, has_key: hasKey }) => ({
          ...{ subject, c: c.toString('hex'), hasKey },
        })),
        openings: (await openings.take(stream)).map(({ seq, path, has_key: hasKey }) => ({
          ...{ seq, path, hasKey },
        })),
        views: await views.take(stream),
        grants: (await grants.take(stream)).map(
          ({ id, role, valid_from: from, valid_until: until }) => ({ id, role, from, until }),
        ),
        appKeys: (await appKeys.take(stream)).map(({ id, is_revoked: isRevoked }) => ({
          ...{ id, isRevoked },
        })),
        policyVersions: await versions.take(stream),
        logKeys: (await logKeys.take(stream)).map(({ verifier_key: key }) => key),
      };
    },
  };
}
