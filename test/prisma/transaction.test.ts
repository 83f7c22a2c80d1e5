import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Database } from '../../prisma/database.ts';
import { isDatabaseUnavailable, isPolicyFence, violatedUnique } from '../../prisma/fault.ts';
import { policyFence } from '../../prisma/policy-store.ts';
import { createTransaction, type Fragment } from '../../prisma/transaction.ts';
import { openTestDatabase, sqlStateOf, type TestDatabase } from './databases.ts';

let database: TestDatabase;
let db: Database;
beforeAll(async () => {
  database = await openTestDatabase('migrated', 2);
  ({ db } = database);
  await db.query('CREATE TABLE note (id text PRIMARY KEY, words text NOT NULL)');
  await db.query(`INSERT INTO installation (cursor_key) VALUES (sha256(''))`);
});
afterAll(() => database.close());
beforeEach(() => db.query('TRUNCATE note'));

const note = (id: string, words = 'words'): Fragment => ({
  text: 'INSERT INTO note (id, words) VALUES ($1, $2)',
  values: [id, words],
});
const notes = (): Promise<unknown[]> => db.query('SELECT id, words FROM note ORDER BY id');
const read: Fragment = { text: 'SELECT count(*) AS notes FROM note', values: [] };

describe('what is sent', () => {
  /** A pool of one connection that writes down what it is asked. */
  async function watched<T>(
    work: (transaction: ReturnType<typeof createTransaction>) => Promise<T>,
  ) {
    const pool = new pg.Pool({ connectionString: database.url, max: 1 });
    const sent: string[] = [];
    pool.on('connect', (client) => {
      const query = client.query.bind(client) as (asked: unknown) => unknown;
      client.query = ((asked: string | { text: string }) => {
        sent.push((typeof asked === 'string' ? asked : asked.text).split(/[ (]/)[0] ?? '');
        return query(asked);
      }) as typeof client.query;
    });
    try {
      await work(createTransaction(pool));
      return sent;
    } finally {
      await pool.end();
    }
  }

  test('work that only writes is one statement alone', async () => {
    const sent = await watched((transaction) =>
      transaction(async (tx) => {
        tx.write(note('a'));
        tx.write(note('b'));
        tx.write(note('c'));
      }),
    );
    expect(sent).toEqual(['WITH']);
    expect(await notes()).toHaveLength(3);
  });

  test('work that reads writes in one statement at the end', async () => {
    const sent = await watched((transaction) =>
      transaction(async (tx) => {
        tx.write(note('a'));
        expect(await tx.query(read)).toEqual([{ notes: '0' }]);
        tx.write(note('b'));
        expect(await tx.query(read)).toEqual([{ notes: '0' }]);
      }),
    );
    expect(sent).toEqual(['BEGIN', 'SELECT', 'SELECT', 'WITH', 'COMMIT']);
    expect(await notes()).toHaveLength(2);
  });

  test('work that does nothing sends nothing', async () => {
    expect(await watched((transaction) => transaction(async () => undefined))).toEqual([]);
  });

  test('each fragment keeps its own values, however many there are', async () => {
    const eleven: Fragment = {
      text: `INSERT INTO note (id, words) VALUES ($1, concat($2::text, $3::text, $4::text, $5::text, $6::text,
        $7::text, $8::text, $9::text, $10::text, $11::text, $1::text))`,
      values: ['many', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'],
    };
    await db.transaction(async (tx) => {
      tx.write(note('a', 'of a'));
      tx.write(eleven);
      tx.write(note('b', 'of b'));
    });
    expect(await notes()).toEqual([
      { id: 'a', words: 'of a' },
      { id: 'b', words: 'of b' },
      { id: 'many', words: 'abcdefghijmany' },
    ]);
  });
});

describe('everything or nothing', () => {
  test.each([
    { why: 'after a read', reads: true },
    { why: 'in one statement', reads: false },
  ])('a write that fails takes the others with it, $why', async ({ reads }) => {
    await db.query(`INSERT INTO note VALUES ('there', 'before')`);
    const fault = await db
      .transaction(async (tx) => {
        if (reads) await tx.query(read);
        tx.write(note('new'));
        tx.write(note('there'));
      })
      .catch((error: unknown) => error);
    expect(violatedUnique(fault)).toBe('note_pkey');
    expect(await notes()).toEqual([{ id: 'there', words: 'before' }]);
  });

  test('work that throws stores nothing, and its error comes out as it is', async () => {
    const mine = new Error('mine');
    const work = db.transaction(async (tx) => {
      await tx.query({ text: `INSERT INTO note VALUES ('now', 'at once')`, values: [] });
      tx.write(note('later'));
      throw mine;
    });
    await expect(work).rejects.toBe(mine);
    expect(await notes()).toEqual([]);
  });

  test('a transaction that failed unseen does not pass for a commit', async () => {
    const work = db.transaction(async (tx) => {
      await tx.query({ text: `INSERT INTO note VALUES ('now', 'at once')`, values: [] });
      await tx.query({ text: 'SELECT 1/0', values: [] }).catch(() => undefined);
      return 'done';
    });
    await expect(work).rejects.toThrow('rolled back');
    expect(await notes()).toEqual([]);
  });

  test('the connection is as good as new after each of them', async () => {
    for (let times = 0; times < 5; times += 1) {
      await sqlStateOf(db.transaction((tx) => tx.query({ text: 'SELECT 1/0', values: [] })));
      await sqlStateOf(db.transaction(async (tx) => tx.write(note('x', null as never))));
    }
    await db.transaction(async (tx) => tx.write(note('good')));
    expect(await notes()).toHaveLength(1);
    const open = await database.admin(
      `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'`,
    );
    expect(open).toEqual([]);
  });

  test('two at once do not see each other, and both are there at the end', async () => {
    const ids = Array.from({ length: 20 }, () => randomUUID());
    await Promise.all(ids.map((id) => db.transaction(async (tx) => tx.write(note(id)))));
    expect(await notes()).toHaveLength(20);
  });
});

describe('a fence', () => {
  const generation = async (): Promise<string> =>
    (await db.query<{ g: string }>('SELECT policy_generation AS g FROM installation'))[0]?.g ?? '';
  const publish = (): Promise<unknown> =>
    db.query('UPDATE installation SET policy_generation = policy_generation + 1');

  test.each([
    { why: 'as one statement', reads: false },
    { why: 'after a read', reads: true },
  ])('lets pass what rests on the policies in force, $why', async ({ reads }) => {
    const known = await generation();
    await db.transaction(async (tx) => {
      if (reads) await tx.query(read);
      tx.fence(policyFence(known));
      tx.write(note('new'));
    });
    expect(await notes()).toHaveLength(1);
  });

  test.each([
    { why: 'as one statement', reads: false, writes: true },
    { why: 'after a read', reads: true, writes: true },
    { why: 'with nothing to write', reads: false, writes: false },
  ])('stops what rests on older ones, $why', async ({ reads, writes }) => {
    const known = await generation();
    await publish();
    const fault = await db
      .transaction(async (tx) => {
        if (reads) await tx.query(read);
        tx.fence(policyFence(known));
        if (writes) tx.write(note('new'));
      })
      .catch((error: unknown) => error);
    expect(fault).toMatchObject({ code: 'AP002' });
    expect(isPolicyFence(fault)).toBe(true);
    expect(await notes()).toEqual([]);
  });
});

describe('a connection that is killed mid-way', () => {
  const kill = (pid: number): Promise<unknown> =>
    database.admin('SELECT pg_terminate_backend($1, 2000)', [pid]);
  const pidOf = async (tx: { query: (of: Fragment) => Promise<pg.QueryResultRow[]> }) =>
    Number((await tx.query({ text: 'SELECT pg_backend_pid() AS pid', values: [] }))[0]?.['pid']);

  async function expectRecovered(fault: unknown): Promise<void> {
    expect(fault).toBeInstanceOf(Error);
    expect(isDatabaseUnavailable(fault)).toBe(true);
    expect(await notes()).toEqual([]);
    // More than the pool has connections: none of them is the dead one.
    await Promise.all(
      ['a', 'b', 'c'].map((id) => db.transaction(async (tx) => tx.write(note(id)))),
    );
    expect(await notes()).toHaveLength(3);
  }

  test('between a read and the writes', async () => {
    const fault = await db
      .transaction(async (tx) => {
        const pid = await pidOf(tx);
        await tx.query({ text: `INSERT INTO note VALUES ('now', 'at once')`, values: [] });
        tx.write(note('later'));
        await kill(pid);
      })
      .catch((error: unknown) => error);
    await expectRecovered(fault);
  });

  test('while the work does something else for a while', async () => {
    const fault = await db
      .transaction(async (tx) => {
        await kill(await pidOf(tx));
        await new Promise((resolve) => setTimeout(resolve, 50));
        await tx.query(read);
      })
      .catch((error: unknown) => error);
    await expectRecovered(fault);
  });

  test('while a statement waits', async () => {
    const fault = await db
      .transaction(async (tx) => {
        const pid = await pidOf(tx);
        const waiting = tx.query({ text: 'SELECT pg_sleep(20)', values: [] });
        await Promise.all([waiting, kill(pid)]);
      })
      .catch((error: unknown) => error);
    await expectRecovered(fault);
  });

  test('while the writes wait for a lock, so that they are the one statement', async () => {
    const blocker = new pg.Client({ connectionString: database.url });
    await blocker.connect();
    await blocker.query('BEGIN');
    await blocker.query('LOCK TABLE note');
    const work = db
      .transaction(async (tx) => tx.write(note('later')))
      .catch((error: unknown) => error);
    await vi.waitFor(async () => {
      const waiting = await database.admin<{ pid: number }>(
        `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      );
      await kill(waiting[0]?.pid ?? expect.fail('nobody waits'));
    }, 10_000);
    await blocker.query('ROLLBACK');
    await blocker.end();
    await expectRecovered(await work);
  });

  test('while it idles in the pool', async () => {
    await Promise.all([db.query('SELECT pg_sleep(0.05)'), db.query('SELECT pg_sleep(0.05)')]);
    await database.admin(
      `SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'countersign'`,
    );
    await new Promise((resolve) => setTimeout(resolve, 50));
    await db.transaction(async (tx) => tx.write(note('a')));
    expect(await notes()).toHaveLength(1);
  });
});
