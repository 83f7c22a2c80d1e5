import type pg from 'pg';
import { DIRECTORY_ROWS, type DirectorySideRows } from './directory-side-rows.ts';
import { LOG_ID } from './ledger-store.ts';
import { POLICY_ROWS, type PolicySideRows } from './policy-side-rows.ts';
import type { Tx } from './transaction.ts';

/** Rows that belong to one stream. */
export interface SideRows extends DirectorySideRows, PolicySideRows {
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
  readonly apps: readonly { readonly owner: string }[];
  readonly appKeys: readonly { readonly id: string; readonly isRevoked: boolean }[];
  /** Reviews that are owed; of them rules read who may override. */
  readonly debts: readonly {
    readonly person: string;
    readonly id: string;
    readonly due: string;
    readonly isSettled: boolean;
  }[];
  readonly logKeys: readonly string[];
  readonly calendarVersions: readonly {
    readonly id: string;
    readonly version: number;
    readonly source: string;
    readonly document: unknown;
    /** Of the calendar: the version in force. */
    readonly newest: number;
  }[];
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
type AppKey = Row & { readonly id: string; readonly is_revoked: boolean };

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
  apps: `SELECT stream_id AS stream, id ${PLACE} AS place, owner FROM app`,
  appKeys: `SELECT a.stream_id AS stream, k.id ${PLACE} AS place, k.id, k.revoked_at IS NOT NULL AS is_revoked
    FROM app_key k JOIN app a ON a.id = k.app_id`,
  debts: `SELECT request_id AS stream, id::text ${PLACE} AS place, id, person_id AS person, due, settled_at IS NOT NULL AS "isSettled"
    FROM review_debt`,
  logKeys: `SELECT i.system_stream_id AS stream, k.verifier_key ${PLACE} AS place, k.verifier_key
    FROM log_key k CROSS JOIN installation i`,
  calendars: `SELECT i.system_stream_id AS stream, v.calendar_id || lpad(v.version::text, 10, '0') ${PLACE} AS place,
    v.calendar_id AS id, v.version, v.source, v.document, c.newest
    FROM calendar_version v JOIN calendar c ON c.id = v.calendar_id CROSS JOIN installation i`,
} as const;

export function openSideReader(tx: Tx): SideReader {
  const references = new Cursor<Reference>(tx, ROWS.references);
  const openings = new Cursor<Opening>(tx, ROWS.openings);
  const views = new Cursor<Row & { readonly seq: number }>(tx, ROWS.views);
  const directory = openDirectoryReader(tx);
  const apps = new Cursor<Row & { readonly owner: string }>(tx, ROWS.apps);
  const appKeys = new Cursor<AppKey>(tx, ROWS.appKeys);
  const policies = openPolicyReader(tx);
  const debts = new Cursor<Row & SideRows['debts'][number]>(tx, ROWS.debts);
  const logKeys = new Cursor<Row & { readonly verifier_key: string }>(tx, ROWS.logKeys);
  const calendars = new Cursor<Row & SideRows['calendarVersions'][number]>(tx, ROWS.calendars);
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
        ...(await directory.take(stream)),
        apps: await apps.take(stream),
        appKeys: (await appKeys.take(stream)).map(({ id, is_revoked: isRevoked }) => ({
          ...{ id, isRevoked },
        })),
        ...(await policies.take(stream)),
        debts: await debts.take(stream),
        logKeys: (await logKeys.take(stream)).map(({ verifier_key: key }) => key),
        calendarVersions: await calendars.take(stream),
      };
    },
  };
}

function openDirectoryReader(tx: Tx): {
  readonly take: (stream: string) => Promise<DirectorySideRows>;
} {
  const kind = <K extends keyof DirectorySideRows>(name: K) =>
    new Cursor<Row & DirectorySideRows[K][number]>(tx, DIRECTORY_ROWS[name]);
  const grants = kind('grants');
  const absences = kind('absences');
  const delegations = kind('delegations');
  const trainings = kind('trainings');
  const people = kind('people');
  const places = kind('places');
  return {
    async take(stream) {
      return {
        grants: await grants.take(stream),
        absences: await absences.take(stream),
        delegations: await delegations.take(stream),
        trainings: await trainings.take(stream),
        people: await people.take(stream),
        places: await places.take(stream),
      };
    },
  };
}

function openPolicyReader(tx: Tx): {
  readonly take: (stream: string) => Promise<PolicySideRows>;
} {
  const kind = <K extends keyof PolicySideRows>(name: K) =>
    new Cursor<Row & PolicySideRows[K][number]>(tx, POLICY_ROWS[name]);
  const policyVersions = kind('policyVersions');
  const proposals = kind('proposals');
  const exceptions = kind('exceptions');
  const exceptionUses = kind('exceptionUses');
  const shadows = kind('shadows');
  const acknowledgements = kind('acknowledgements');
  return {
    async take(stream) {
      return {
        policyVersions: await policyVersions.take(stream),
        proposals: await proposals.take(stream),
        exceptions: await exceptions.take(stream),
        exceptionUses: await exceptionUses.take(stream),
        shadows: await shadows.take(stream),
        acknowledgements: await acknowledgements.take(stream),
      };
    },
  };
}
