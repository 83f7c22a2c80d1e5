import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestDatabase, type TestDatabase } from './databases.ts';
import { linesOfDatabase, linesOfFile, type SchemaLines } from './schema-lines.ts';

let database: TestDatabase;
let file: SchemaLines;
beforeAll(async () => {
  database = await openTestDatabase();
  const text = await readFile(new URL('../../prisma/schema.prisma', import.meta.url), 'utf8');
  file = linesOfFile(text);
});
afterAll(() => database.close());

test('the migrations make what prisma/schema.prisma describes, column by column', async () => {
  const lines = await linesOfDatabase(database.db);
  expect(lines).toEqual(file);
  // Both readers have seen something of every sort.
  for (const one of [
    'request.deadline timestamp with time zone null',
    'app.scopes text[] not null',
    'log_queue.qid bigint not null default',
    'ledger_record primary key (log_id, stream_id, seq)',
    'ledger_record unique (log_id, stream_id, cmd)',
    'idempotency_key foreign key (dek_id) references dek (dek_id)',
  ])
    expect(lines).toContain(one);
});

describe('one difference is named', () => {
  test.each([
    {
      why: 'a type',
      change: 'ALTER TABLE command ALTER attempts TYPE bigint',
      missing: ['command.attempts integer not null default'],
      extra: ['command.attempts bigint not null default'],
    },
    {
      why: 'a precision of time',
      change: 'ALTER TABLE request ALTER wake_at TYPE timestamptz(3)',
      missing: ['request.wake_at timestamp with time zone null'],
      extra: ['request.wake_at timestamp(3) with time zone null'],
    },
    {
      why: 'whether it may be empty',
      change: 'ALTER TABLE request ALTER deadline SET NOT NULL',
      missing: ['request.deadline timestamp with time zone null'],
      extra: ['request.deadline timestamp with time zone not null'],
    },
    {
      why: 'a column more',
      change: 'ALTER TABLE person ADD nickname text',
      missing: [],
      extra: ['person.nickname text null'],
    },
    {
      why: 'a column less',
      change: 'ALTER TABLE access_log DROP COLUMN outcome',
      missing: ['access_log.outcome text not null'],
      extra: [],
    },
    {
      why: 'a default',
      change: 'ALTER TABLE command ALTER attempts DROP DEFAULT',
      missing: ['command.attempts integer not null default'],
      extra: ['command.attempts integer not null'],
    },
    {
      why: 'a table more',
      change: 'CREATE TABLE guest (id text PRIMARY KEY)',
      missing: [],
      extra: ['guest primary key (id)', 'guest.id text not null'],
    },
    {
      why: 'a unique key',
      change: 'ALTER TABLE ledger_log DROP CONSTRAINT ledger_log_origin_key',
      missing: ['ledger_log unique (origin)'],
      extra: [],
    },
    {
      why: 'a reference',
      change: 'ALTER TABLE app DROP CONSTRAINT app_owner_fkey',
      missing: ['app foreign key (owner) references person (id)'],
      extra: [],
    },
    {
      why: 'the order of a primary key',
      change:
        'ALTER TABLE opening DROP CONSTRAINT opening_pkey, ADD PRIMARY KEY (stream_id, log_id, seq, path)',
      missing: ['opening primary key (log_id, stream_id, seq, path)'],
      extra: ['opening primary key (stream_id, log_id, seq, path)'],
    },
  ])('$why', async ({ change, missing, extra }) => {
    const lines = await linesAfter(change);
    expect(file.filter((one) => !lines.includes(one))).toEqual(missing);
    expect(lines.filter((one) => !file.includes(one))).toEqual(extra);
  });
});

/** The schema with one change, which is then taken back. */
async function linesAfter(change: string): Promise<SchemaLines> {
  let lines: SchemaLines = [];
  const undo = new Error('undo');
  await database.db
    .transaction(async (tx) => {
      await tx.query({ text: change, values: [] });
      lines = await linesOfDatabase({ query: (text) => tx.query({ text, values: [] }) });
      throw undo;
    })
    .catch((error: unknown) => {
      if (error !== undo) throw error;
    });
  return lines;
}
