import { randomUUID } from 'node:crypto';
import { titlePlace } from '../../../application/places.ts';
import type { Vault } from '../../../application/vault.ts';
import type { Database } from '../../../prisma/database.ts';
import { reading } from '../../../prisma/directory-store.ts';

// Lays request rows by SQL, with everything that lists are read from: copies of requests that the product
// has made, each with an id, a time and a readable title of its own. They have no records and no workflow.

/** A request to copy, and how often. */
export interface Template {
  readonly id: string;
  readonly count: number;
}

interface Laying {
  readonly vault: Vault;
  readonly templates: readonly Template[];
  /** The youngest copy is so old; each one before it is `apartMs` older, whatever it is a copy of. */
  readonly newest: Date;
  readonly apartMs: number;
}

const AT_ONCE = 2_000;

/** The deadlines of copies lie within so many seconds around that of their original. */
const DEADLINE_SPREAD_S = 86_400;

/** Copies lie mixed, as if requests of all kinds had come in one after the other. */
export async function layRequests(db: Database, laying: Laying): Promise<void> {
  const { templates, vault, newest, apartMs } = laying;
  const keys = await keysOf(db, templates);
  await vault.prepare(reading(db), [...keys.values()]);
  const order = mixed(templates);
  for (let from = 0; from < order.length; from += AT_ONCE) {
    const copies = order.slice(from, from + AT_ONCE).map((template, at) => {
      const id = randomUUID();
      const key = keys.get(template) ?? '';
      const title = vault.encrypt(key, titlePlace(id), `Copy ${from + at} of ${template}`);
      const createdAt = new Date(newest.getTime() - (from + at) * apartMs).toISOString();
      return { id, template, title, createdAt };
    });
    await db.query(await copyText(db), [
      copies.map(({ id }) => id),
      copies.map(({ template }) => template),
      copies.map(({ title }) => title),
      copies.map(({ createdAt }) => createdAt),
      DEADLINE_SPREAD_S,
    ]);
  }
}

async function keysOf(db: Database, templates: readonly Template[]): Promise<Map<string, string>> {
  const rows = await db.query<{ id: string; dek_id: string }>(
    'SELECT id, dek_id FROM request WHERE id = ANY($1::uuid[])',
    [templates.map(({ id }) => id)],
  );
  return new Map(rows.map(({ id, dek_id: key }) => [id, key]));
}

/** Each template as often as it is asked for, spread evenly. */
function mixed(templates: readonly Template[]): string[] {
  const places = templates.flatMap(({ id, count }) =>
    Array.from({ length: count }, (_, n) => ({ id, at: (n + 0.5) / count })),
  );
  return places.sort((a, b) => a.at - b.at).map(({ id }) => id);
}

/** What a copy has of its own; content is never shown in lists, and would only take up room. */
const OWN: Readonly<Record<string, string>> = {
  id: 'c.id',
  title: 'c.title',
  content: `'\\x00'::bytea`,
  created_at: 'c.created_at',
  updated_at: 'c.created_at',
  gate: `'closed'`,
  wake_at: 'NULL::timestamptz',
  deadline: 'c.deadline',
  state: `t.state || jsonb_build_object('requestId', c.id, 'createdAt', to_char(c.created_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))`,
};

let text: string | null = null;

async function copyText(db: Database): Promise<string> {
  text ??= copyStatement(
    await db.query<{ name: string }>(
      `SELECT attname AS name FROM pg_attribute
        WHERE attrelid = 'request'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum`,
    ),
  );
  return text;
}

function copyStatement(columns: readonly { readonly name: string }[]): string {
  const names = columns.map(({ name }) => name);
  return `WITH copy AS (
      SELECT c.id, c.template, c.title, c.created_at,
        t.deadline + make_interval(secs => ($5 * (random() - 0.5))::int) AS deadline
        FROM unnest($1::uuid[], $2::uuid[], $3::bytea[], $4::timestamptz[]) AS c(id, template, title, created_at)
        JOIN request t ON t.id = c.template
    ), laid AS (
      INSERT INTO request (${names.join(', ')})
        SELECT ${names.map((name) => OWN[name] ?? `t.${name}`).join(', ')}
          FROM copy c JOIN request t ON t.id = c.template
    ), waiting AS (
      INSERT INTO request_waiting (request_id, asked, kind, created_at, due, barred)
        SELECT c.id, w.asked, w.kind, c.created_at, coalesce(c.deadline, 'infinity'), w.barred
          FROM copy c JOIN request_waiting w ON w.request_id = c.template
    )
    INSERT INTO request_person (person_id, request_id, kind, status, created_at, due)
      SELECT p.person_id, c.id, p.kind, p.status, c.created_at, coalesce(c.deadline, 'infinity')
        FROM copy c JOIN request_person p ON p.request_id = c.template`;
}
