import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createSequencer, LogCorrupt, type SequencerStep } from '../../application/sequencer.ts';
import { sha256 } from '../../ledger/hash.ts';
import { treeRoot } from '../../ledger/merkle.ts';
import { partialTiles, tileWidth } from '../../ledger/tile.ts';
import { openDatabase, type Database } from '../../prisma/database.ts';
import { ensureInstallation } from '../../prisma/installation-store.ts';
import { readLogState, readTiles } from '../../prisma/log-store.ts';
import { ROLES } from '../../prisma/roles.ts';
import { createTestDatabase } from '../support/stack.ts';

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let owner: Database;
let db: Database;

const open = async (): Promise<void> => {
  database = await createTestDatabase();
  owner = openDatabase(database.url, 20);
  await ensureInstallation(owner, { origin: 'test/log', cursorKey: randomBytes(32) });
  db = openDatabase(database.url, 10, ROLES.sequencer);
};
const close = async (): Promise<void> => {
  await owner.close();
  await db.close();
  await database.drop();
};

const leafOf = (bytes: Uint8Array): Buffer =>
  createHash('sha256')
    .update(Buffer.concat([Buffer.of(0), bytes]))
    .digest();

/** Appends `count` rows to a stream as one commit does it. The bytes are nobody's business here. */
async function append(stream: string, from: number, count: number, prev: Buffer | null) {
  const hashes: Buffer[] = [];
  await owner.transaction(async (tx) => {
    let last = prev;
    const values: unknown[] = [stream];
    const rows: string[] = [];
    for (let seq = from; seq < from + count; seq += 1) {
      const bytes = Buffer.from(`{"seq":${seq},"stream":"${stream}"}`);
      const leaf = leafOf(bytes);
      const at = values.length;
      rows.push(
        `(1, $1::uuid, $${at + 1}::int, $${at + 2}, $${at + 2}, $${at + 3}, $${at + 4}, $${at + 5})`,
      );
      values.push(seq, randomBytes(32), leaf, last, bytes);
      last = leaf;
      hashes.push(leaf);
    }
    tx.write({
      text: `INSERT INTO ledger_record (log_id, stream_id, seq, cmd, input_hash, leaf_hash, prev_hash, bytes)
        VALUES ${rows.join(', ')}`,
      values,
    });
    tx.write({
      text: 'INSERT INTO log_queue (log_id, stream_id, first_seq, leaf_hashes) VALUES (1, $1, $2, $3)',
      values: [stream, from, Buffer.concat(hashes)],
    });
  });
  return hashes;
}

/** Every leaf hash in order of the log, from the records themselves. */
async function leaves(): Promise<Buffer[]> {
  const rows = await owner.query<{ leaf_index: string; leaf_hash: Buffer }>(
    `SELECT l.leaf_index, r.leaf_hash FROM log_leaf l
      JOIN ledger_record r USING (log_id, stream_id, seq) ORDER BY l.leaf_index`,
  );
  expect(rows.map((row) => Number(row.leaf_index))).toEqual(rows.map((_, index) => index));
  return rows.map((row) => row.leaf_hash);
}

/** Nothing lost, doubled or out of order, and every tile says what the records say. */
async function expectSound(count: number): Promise<void> {
  const hashes = await leaves();
  expect(hashes).toHaveLength(count);
  const state = await readLogState(owner);
  expect(state?.size).toBe(count);
  expect(state?.root.toString('hex')).toBe(Buffer.from(treeRoot(hashes, sha256)).toString('hex'));
  const order = await owner.query<{ sound: boolean }>(
    `SELECT bool_and(seq = rank - 1) AS sound FROM
      (SELECT seq, row_number() OVER (PARTITION BY stream_id ORDER BY leaf_index) AS rank FROM log_leaf) t`,
  );
  expect(count === 0 || order[0]?.sound).toBe(true);
  const full = Math.floor(count / 256);
  const places = Array.from({ length: full }, (_, index) => ({ level: 0, index, width: 256 }));
  const stored = await readTiles(owner, places);
  for (const [index, tile] of stored.entries())
    expect(tile).toEqual(Buffer.concat(hashes.slice(index * 256, (index + 1) * 256)));
  for (const tile of await readTiles(owner, partialTiles(count))) expect(tile).not.toBeNull();
  expect(await owner.query('SELECT FROM log_queue')).toEqual([]);
}

describe('places in the log', () => {
  beforeEach(open);
  afterEach(close);

  test.each([0, 1, 255, 256, 257, 1_000])('%i records', async (count) => {
    for (let done = 0; done < count; done += 100)
      await append(randomUUID(), 0, Math.min(100, count - done), null);
    expect(await createSequencer(db).run()).toBe(count);
    await expectSound(count);
    expect(tileWidth(count, 0, Math.floor(count / 256))).toBe(count % 256);
  });

  test('a stream that goes on is sequenced in order of its records', async () => {
    const stream = randomUUID();
    const sequencer = createSequencer(db);
    let prev: Buffer | null = null;
    for (let from = 0; from < 30; from += 3) {
      const hashes: Buffer[] = await append(stream, from, 3, prev);
      prev = hashes.at(-1) ?? null;
      if (from % 2 === 0) await sequencer.run();
    }
    await sequencer.run();
    await expectSound(30);
  });

  test('narrow tiles go once the full one is there, and are served from it', async () => {
    const sequencer = createSequencer(db);
    for (let round = 0; round < 4; round += 1) {
      await append(randomUUID(), 0, 100, null);
      await sequencer.run();
    }
    const rows = await owner.query('SELECT idx, width FROM log_tile WHERE level = 0 ORDER BY 1, 2');
    expect(rows).toEqual([
      { idx: '0', width: 256 },
      { idx: '1', width: 44 },
      { idx: '1', width: 144 },
    ]);
    const [narrow] = await readTiles(owner, [{ level: 0, index: 0, width: 100 }]);
    expect(narrow).toEqual(Buffer.concat((await leaves()).slice(0, 100)));
  });

  test('a transaction that stays open holds nobody up, and its record is placed once', async () => {
    const late = openDatabase(database.url, 1);
    let finish = (): void => undefined;
    const waits = new Promise<void>((resolve) => (finish = resolve));
    const stream = randomUUID();
    let queued = (): void => undefined;
    const isQueued = new Promise<void>((resolve) => (queued = resolve));
    const slow = late.transaction(async (tx) => {
      const bytes = Buffer.from('{"late":true}');
      await tx.query({
        text: `INSERT INTO ledger_record (log_id, stream_id, seq, cmd, input_hash, leaf_hash, bytes)
          VALUES (1, $1, 0, $2, $2, $3, $4)`,
        values: [stream, randomBytes(32), leafOf(bytes), bytes],
      });
      await tx.query({
        text: 'INSERT INTO log_queue (log_id, stream_id, first_seq, leaf_hashes) VALUES (1, $1, 0, $2)',
        values: [stream, leafOf(bytes)],
      });
      queued();
      await waits;
    });
    await isQueued; // with a low place in the queue, and invisible
    await append(randomUUID(), 0, 10, null);
    const sequencer = createSequencer(db);
    expect(await sequencer.run()).toBe(10);
    finish();
    await slow;
    expect(await sequencer.run()).toBe(1);
    await expectSound(11);
    await late.close();
  });

  test.each(['locked', 'computed'] as const satisfies SequencerStep[])(
    'a sequencer that dies when %s leaves nothing half done',
    async (step) => {
      await append(randomUUID(), 0, 300, null);
      const dying = createSequencer(db, (at) => {
        if (at === step) throw new Error('killed');
      });
      await expect(dying.run()).rejects.toThrow('killed');
      expect((await readLogState(owner))?.size).toBe(0);
      await createSequencer(db).run();
      await expectSound(300);
    },
  );

  test('a sequencer that dies after its commit is not done again', async () => {
    await append(randomUUID(), 0, 300, null);
    const dying = createSequencer(db, (at) => {
      if (at === 'committed') throw new Error('killed');
    });
    await expect(dying.run()).rejects.toThrow('killed');
    await append(randomUUID(), 0, 5, null);
    await createSequencer(db).run();
    await expectSound(305);
  });

  test('four of them at once, while 32 writers append', async () => {
    let writing = true;
    const writers = Array.from({ length: 32 }, async () => {
      const stream = randomUUID();
      let prev: Buffer | null = null;
      for (let from = 0; from < 20; from += 2) {
        const hashes: Buffer[] = await append(stream, from, 2, prev);
        prev = hashes.at(-1) ?? null;
      }
    });
    const sequencers = Array.from({ length: 4 }, async () => {
      const sequencer = createSequencer(db);
      while (writing) await sequencer.run();
      await sequencer.run();
    });
    await Promise.all(writers);
    writing = false;
    await Promise.all(sequencers);
    await expectSound(640);
  });
});

describe('a queue or a table that lies', () => {
  beforeEach(open);
  afterEach(close);

  test('a record that was changed between its append and its place is not placed', async () => {
    const stream = randomUUID();
    await append(stream, 0, 1, null);
    await owner.query('ALTER TABLE ledger_record DISABLE TRIGGER no_change');
    await owner.query(
      `UPDATE ledger_record SET bytes = '\\x7b7d', leaf_hash = sha256('\\x007b7d') WHERE stream_id = $1`,
      [stream],
    );
    await expect(createSequencer(db).run()).rejects.toThrow(LogCorrupt);
    expect((await readLogState(owner))?.size).toBe(0);
  });

  test('nor one that vanished', async () => {
    const stream = randomUUID();
    await append(stream, 0, 2, null);
    await owner.query('ALTER TABLE ledger_record DISABLE TRIGGER no_change');
    await owner.query('DELETE FROM ledger_record WHERE stream_id = $1 AND seq = 1', [stream]);
    await expect(createSequencer(db).run()).rejects.toThrow('is not the one that was appended');
  });

  test('nor one that does not continue its stream', async () => {
    const stream = randomUUID();
    await append(stream, 0, 1, null);
    await append(stream, 1, 1, leafOf(Buffer.from('another')));
    await expect(createSequencer(db).run()).rejects.toThrow('does not name the record before it');
  });

  test('nor one whose predecessor was taken out of the queue', async () => {
    const stream = randomUUID();
    const [first = null] = await append(stream, 0, 1, null);
    await append(stream, 1, 1, first);
    await owner.query('DELETE FROM log_queue WHERE stream_id = $1 AND first_seq = 0', [stream]);
    await expect(createSequencer(db).run()).rejects.toThrow('has no place in the log');
  });

  test('tiles that were changed stop it at its next start', async () => {
    await append(randomUUID(), 0, 3, null);
    await createSequencer(db).run();
    await owner.query('ALTER TABLE log_tile DISABLE TRIGGER no_change');
    await owner.query(`UPDATE log_tile SET hashes = decode(repeat('00', 96), 'hex')`);
    await append(randomUUID(), 0, 1, null);
    await expect(createSequencer(db).run()).rejects.toThrow('do not give the root');
    expect((await readLogState(owner))?.size).toBe(3);
  });
});
