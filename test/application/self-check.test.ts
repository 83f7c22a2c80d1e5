import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createLogHealth } from '../../application/log-health.ts';
import { checkLog, selfCheck } from '../../application/self-check.ts';
import { createSequencer } from '../../application/sequencer.ts';
import { signCheckpoint } from '../../ledger/checkpoint.ts';
import { jcs } from '../../ledger/jcs.ts';
import { leafHash, sha256 } from '../../ledger/hash.ts';
import { treeRoot } from '../../ledger/merkle.ts';
import { parseRecord } from '../../ledger/record.ts';
import { formatVerifierKey } from '../../ledger/verifier-key.ts';
import { openDatabase, type Database } from '../../prisma/database.ts';
import { newestSelfCheck } from '../../prisma/self-check-store.ts';
import { decideOn, published, submit } from '../support/acts.ts';
import { openStack, type Stack } from '../support/stack.ts';

// A superuser does to the stored log what triggers and rights keep others from. Every time it is found
// and named; the one who holds the signing key is found by the signer's memory and any old checkpoint.

const TABLES = [
  ...['ledger_record', 'log_leaf', 'log_tile', 'log_state', 'log_checkpoint', 'log_key', 'request'],
  ...['opening', 'reference', 'role_grant', 'app', 'app_key', 'policy_version', 'request_view'],
];

let stack: Stack;
let owner: Database;
let request: string;
let streams: string[];
beforeAll(async () => {
  stack = await openStack({ dispatcher: false });
  const shape = await submit(stack);
  request = shape.id;
  await stack.call('eve', `/v1/requests/${request}/view`);
  const decided = await decideOn(stack, 'eve', { request: shape, rationale: 'debt ratio' });
  if (decided.body.outcome.kind !== 'counted') throw new Error('the decision does not count');
  const other = await submit(stack);
  streams = [request, other.id];
  await published(stack, request);
  await published(stack, other.id);
  await stack.log.stop();
  owner = openDatabase(stack.databaseUrl, 2);
  for (const table of TABLES) await owner.query(`CREATE TABLE kept_${table} AS TABLE ${table}`);
}, 60_000);
afterAll(async () => {
  await owner.close();
  await stack.close();
});
afterEach(async () => {
  await owner.query('TRUNCATE log_queue');
  for (const table of TABLES) {
    await owner.query(`ALTER TABLE ${table} DISABLE TRIGGER ALL`);
    await owner.query(`DELETE FROM ${table}`);
    await owner.query(`INSERT INTO ${table} SELECT * FROM kept_${table}`);
    await owner.query(`ALTER TABLE ${table} ENABLE TRIGGER ALL`);
  }
});

async function tamper(...statements: readonly (readonly [sql: string, values?: unknown[]])[]) {
  for (const table of TABLES) await owner.query(`ALTER TABLE ${table} DISABLE TRIGGER ALL`);
  for (const [sql, values] of statements) await owner.query(sql, values);
}

/** Codes that the examination finds, in order, each once. */
async function found(): Promise<string[]> {
  const signed = await stack.log.memory.read();
  const { problems } = await checkLog(stack.deps, { signed });
  return [...new Set(problems.map(({ code }) => code))];
}

const bytesOf = async (stream: string, seq: number): Promise<Buffer> => {
  const rows = await owner.query<{ bytes: Buffer }>(
    'SELECT bytes FROM ledger_record WHERE stream_id = $1 AND seq = $2',
    [stream, seq],
  );
  return rows[0]?.bytes ?? Buffer.alloc(0);
};

test('a log that nobody touched is sound', async () => {
  const check = await checkLog(stack.deps, { signed: await stack.log.memory.read() });
  expect(check).toMatchObject({ passed: true, problems: [] });
  expect(check.records).toBe(check.size);
  expect(check.streams).toBeGreaterThan(10);
  expect(check.checkpoints).toBeGreaterThan(1);
});

describe('a superuser', () => {
  test('edits a record', async () => {
    const bytes = Buffer.from(
      (await bytesOf(request, 0)).toString().replace('"tier":"medium"', '"tier":"high"'),
    );
    await tamper(
      ['ALTER TABLE ledger_record DROP CONSTRAINT ledger_record_check'],
      ['UPDATE ledger_record SET bytes = $2 WHERE stream_id = $1 AND seq = 0', [request, bytes]],
    );
    expect(await found()).toEqual(expect.arrayContaining(['CHAIN_PREV', 'LEAF_MISMATCH']));
    await owner.query(
      `UPDATE ledger_record r SET bytes = k.bytes FROM kept_ledger_record k
        WHERE (k.stream_id, k.seq) = (r.stream_id, r.seq)`,
    );
    await owner.query(
      `ALTER TABLE ledger_record ADD CONSTRAINT ledger_record_check
        CHECK (leaf_hash = sha256('\\x00'::bytea || bytes))`,
    );
  });

  test('edits a record and its hash', async () => {
    const bytes = Buffer.from(
      (await bytesOf(request, 0)).toString().replace('"tier":"medium"', '"tier":"high"'),
    );
    await tamper([
      `UPDATE ledger_record SET bytes = $2, leaf_hash = sha256('\\x00'::bytea || $2)
        WHERE stream_id = $1 AND seq = 0`,
      [request, bytes],
    ]);
    const codes = await found();
    expect(codes).toEqual(
      expect.arrayContaining(['CHAIN_PREV', 'TILE_MISMATCH', 'ROOT_MISMATCH', 'SIGNER_MEMORY']),
    );
  });

  test('edits the last record of a chain, hash and all', async () => {
    const rows = await owner.query<{ seq: number }>(
      'SELECT max(seq) AS seq FROM ledger_record WHERE stream_id = $1',
      [request],
    );
    const seq = rows[0]?.seq ?? 0;
    const record = parseRecord(await bytesOf(request, seq));
    const bytes = Buffer.from(jcs({ ...record, nonce: 'f'.repeat(64) }));
    await tamper([
      `UPDATE ledger_record SET bytes = $3, leaf_hash = sha256('\\x00'::bytea || $3)
        WHERE stream_id = $1 AND seq = $2`,
      [request, seq, bytes],
    ]);
    expect(await found()).toEqual(
      expect.arrayContaining(['PROJECTION_MISMATCH', 'TILE_MISMATCH', 'CHECKPOINT_MISMATCH']),
    );
  });

  test('deletes a record', async () => {
    await tamper(['DELETE FROM ledger_record WHERE stream_id = $1 AND seq = 1', [request]]);
    expect(await found()).toEqual(expect.arrayContaining(['CHAIN_GAP', 'LEAF_MISSING']));
  });

  test('deletes the end of a chain, places and all', async () => {
    await tamper(
      ['DELETE FROM ledger_record WHERE stream_id = $1 AND seq > 1', [request]],
      ['DELETE FROM log_leaf WHERE stream_id = $1 AND seq > 1', [request]],
    );
    expect(await found()).toEqual(
      expect.arrayContaining(['PROJECTION_MISMATCH', 'LEAF_ORDER', 'ROOT_MISMATCH']),
    );
  });

  test('deletes a whole request: its row, its records, its places', async () => {
    await tamper(
      ['DELETE FROM request WHERE id = $1', [streams[1]]],
      ['DELETE FROM ledger_record WHERE stream_id = $1', [streams[1]]],
      ['DELETE FROM log_leaf WHERE stream_id = $1', [streams[1]]],
    );
    expect(await found()).toEqual(expect.arrayContaining(['ROOT_MISMATCH', 'SIGNER_MEMORY']));
  });

  test('exchanges two places', async () => {
    await tamper(
      ['UPDATE log_leaf SET leaf_index = 100000 WHERE stream_id = $1 AND seq = 1', [request]],
      [
        `UPDATE log_leaf l SET leaf_index = k.leaf_index FROM kept_log_leaf k
          WHERE l.stream_id = $1 AND l.seq = 0 AND k.stream_id = $1 AND k.seq = 1`,
        [request],
      ],
      [
        `UPDATE log_leaf l SET leaf_index = k.leaf_index FROM kept_log_leaf k
          WHERE l.stream_id = $1 AND l.seq = 1 AND k.stream_id = $1 AND k.seq = 0`,
        [request],
      ],
    );
    expect(await found()).toEqual(expect.arrayContaining(['LEAF_ORDER', 'TILE_MISMATCH']));
  });

  test('inserts a record at the end of a chain, linked and hashed, without a place', async () => {
    const rows = await owner.query<{ seq: number; leaf_hash: Buffer }>(
      'SELECT seq, leaf_hash FROM ledger_record WHERE stream_id = $1 ORDER BY seq DESC LIMIT 1',
      [request],
    );
    const [last] = rows;
    const first = parseRecord(await bytesOf(request, 0));
    const seq = (last?.seq ?? 0) + 1;
    const prev = last?.leaf_hash.toString('hex') ?? '';
    const bytes = Buffer.from(jcs({ ...first, seq, prev, ts: '2999-01-01T00:00:00.000Z' }));
    await tamper([
      `INSERT INTO ledger_record (log_id, stream_id, seq, cmd, input_hash, leaf_hash, prev_hash, bytes)
        VALUES (1, $1, $2, sha256('x'), sha256('x'), sha256('\\x00'::bytea || $4), $3, $4)`,
      [request, seq, last?.leaf_hash, bytes],
    ]);
    expect(await found()).toEqual(expect.arrayContaining(['FLOW_RULE', 'LEAF_MISSING']));
  });

  test.each([
    ['status', `UPDATE request SET status = 'rejected' WHERE id = $1`],
    [
      'resolution',
      `UPDATE request SET status = 'approved', state = jsonb_set(state, '{resolution}',
        '{"kind":"approved","effect":null,"mayProceed":true,"at":"2026-01-01T00:00:00.000Z","by":[],"cause":"decisions"}')
        WHERE id = $1`,
    ],
    [
      'decisions',
      `UPDATE request SET state = jsonb_set(state, '{decisions}', '[{}, {}]') WHERE id = $1`,
    ],
    [
      'content digest',
      `UPDATE request SET state = jsonb_set(state, '{contentDigest}', to_jsonb(repeat('a', 64))) WHERE id = $1`,
    ],
    ['head', `UPDATE request SET head_hash = sha256('x') WHERE id = $1`],
    ...(
      [
        ['decision', '{decisions,0,verdict}', '"reject"'],
        ['decider', '{decisions,0,person}', '"omar"'],
        ['time of a decision', '{decisions,0,at}', '"2026-01-01T00:00:00.000Z"'],
        ['policy version', '{policy,version}', '7'],
        ['rule', '{policy,ruleIndex}', '5'],
        ['tier', '{tier}', '"low"'],
        ['requester', '{requester,id}', '"mallory"'],
        ['deadline', '{stage,deadline}', '"2999-01-01T00:00:00.000Z"'],
      ] as const
    ).map(([what, path, value]) => [
      what,
      `UPDATE request SET state = jsonb_set(state, '${path}', '${value}') WHERE id = $1`,
    ]),
    ['kind', `UPDATE request SET kind = 'vendor-approval' WHERE id = $1`],
    ['asker', `UPDATE request SET requester_id = 'mallory' WHERE id = $1`],
  ])('makes a request say another %s than its records', async (_what, sql) => {
    await tamper([sql, [request]]);
    expect(await found()).toEqual(['PROJECTION_MISMATCH']);
  });

  test.each([
    ['what opens a word', 'DELETE FROM opening WHERE stream_id = $1'],
    ['whom a commitment stands for', 'DELETE FROM reference WHERE stream_id = $1'],
    [
      'the key of words',
      `UPDATE dek SET wrapped = NULL WHERE dek_id IN (SELECT dek_id FROM opening WHERE stream_id = $1)`,
    ],
  ])('destroys %s without a record of it', async (_what, sql) => {
    const keys = await owner.query('SELECT dek_id, wrapped FROM dek');
    await owner.query('ALTER TABLE dek DISABLE TRIGGER ALL');
    await tamper([sql, [request]]);
    expect(await found()).toEqual(['PROJECTION_MISMATCH']);
    for (const { dek_id: id, wrapped } of keys)
      await owner.query('UPDATE dek SET wrapped = $2 WHERE dek_id = $1', [id, wrapped]);
  });

  test.each([
    [
      'a role that nobody granted',
      `INSERT INTO role_grant (id, person_id, role, valid_from, granted_by, created_at)
        VALUES (gen_random_uuid(), 'vic', 'credit-officer', now(), 'cora', now())`,
    ],
    ['a longer role', `UPDATE role_grant SET valid_until = '2999-01-01' WHERE person_id = 'eve'`],
    ['a role less', `DELETE FROM role_grant WHERE person_id = 'eve'`],
    [
      'a key of an app that nobody made',
      `INSERT INTO app_key (id, app_id, secret_hash, created_at, expires_at)
        SELECT 'aaaaaaaaaaaaaaaa', id, sha256('x'), now(), now() + interval '1 day' FROM app`,
    ],
    ['another owner of an app', `UPDATE app SET owner = 'mia'`],
    ['another text of a policy', `UPDATE policy_version SET source = source || '# x'`],
    ['a policy version less', 'DELETE FROM policy_version'],
    [
      'a key of the log',
      `INSERT INTO log_key SELECT log_id, 'x' || verifier_key, use, from_size, endorsement, created_at FROM log_key`,
    ],
    ['a key of the log less', `DELETE FROM log_key WHERE use = 'stream_head'`],
    [
      'a view that nobody had',
      `INSERT INTO request_view SELECT id, 'omar', sha256('x'), 0, sha256('y') FROM request`,
    ],
  ])('makes %s', async (_what, sql) => {
    await tamper([sql]);
    expect(await found()).toContain('PROJECTION_MISMATCH');
  });

  test('lets a request vanish whose records stay', async () => {
    await tamper(['DELETE FROM request WHERE id = $1', [streams[1]]]);
    expect(await found()).toEqual(['PROJECTION_MISMATCH']);
  });

  test.each([
    [
      'a tile',
      `UPDATE log_tile SET hashes = decode(repeat('00', 32 * width), 'hex')`,
      'TILE_MISMATCH',
    ],
    ['no tile', 'DELETE FROM log_tile', 'TILE_MISSING'],
    ['the root', `UPDATE log_state SET root = sha256('x')`, 'ROOT_MISMATCH'],
    ['the size', 'UPDATE log_state SET size = size - 1', 'ROOT_MISMATCH'],
    ['a checkpoint', `UPDATE log_checkpoint SET root = sha256('x')`, 'CHECKPOINT_MISMATCH'],
    ['a note', `UPDATE log_checkpoint SET note = 'x' || note`, 'NOTE_SIGNATURE'],
    [
      'a tile outside of the tree',
      `INSERT INTO log_tile VALUES (1, 0, 99, 1, sha256('x')), (1, 5, 0, 1, sha256('x'))`,
      'TILE_MISMATCH',
    ],
    [
      'a row of the queue that speaks of nothing',
      `INSERT INTO log_queue (log_id, stream_id, first_seq, leaf_hashes)
        VALUES (1, gen_random_uuid(), 0, sha256('x'))`,
      'LEAF_MISSING',
    ],
    ['a column', `UPDATE ledger_record SET cmd = sha256(cmd)`, 'LEAF_MISMATCH'],
  ])('changes %s', async (_what, sql, code) => {
    await tamper([sql]);
    expect(await found()).toContain(code);
  });

  test('with the signing key rewrites the whole log: only memory and old checkpoints know', async () => {
    // The request's first record is made anew, with everything after it, and the log is signed again.
    await rewrite();
    const keys = [formatVerifierKey(stack.log.signingKey.verifierKey)];
    const alone = await checkLog(stack.deps, { signed: null, keys });
    expect(alone.problems).toEqual([]); // consistent with itself: this is what memory is for
    expect(alone.unchecked[0]).toMatch(/^what the signer remembers/);
    expect(await found()).toEqual(['SIGNER_MEMORY']);
  });
});

/** Rewrites one nonce, relinks the chain, rebuilds leaves, tiles, state and one checkpoint. */
async function rewrite(): Promise<void> {
  await tamper();
  const rows = await owner.query<{ seq: number; bytes: Buffer }>(
    'SELECT seq, bytes FROM ledger_record WHERE stream_id = $1 ORDER BY seq',
    [request],
  );
  let prev: string | null = null;
  const forgedOf = new Map<string | null, string>();
  for (const { seq, bytes } of rows) {
    const record = parseRecord(bytes);
    const nonce = seq === 0 ? 'f'.repeat(64) : record.nonce;
    const { body } = record;
    const named = 'viewed' in body ? { viewed: forgedOf.get(body.viewed) ?? null } : {};
    const forged: Buffer = Buffer.from(
      jcs({ ...record, body: { ...body, ...named }, nonce, prev }),
    );
    await owner.query(
      `UPDATE ledger_record SET bytes = $3, leaf_hash = sha256('\\x00'::bytea || $3), prev_hash = $4
        WHERE stream_id = $1 AND seq = $2`,
      [request, seq, forged, prev === null ? null : Buffer.from(prev, 'hex')],
    );
    prev = leafHash(forged);
    forgedOf.set(leafHash(bytes), prev);
  }
  await owner.query(`UPDATE request SET head_hash = $2 WHERE id = $1`, [
    request,
    Buffer.from(prev ?? '', 'hex'),
  ]);
  await owner.query('DELETE FROM log_tile');
  await owner.query('DELETE FROM log_checkpoint');
  await owner.query(`UPDATE log_state SET size = 0, root = sha256('')`);
  await owner.query(
    `INSERT INTO log_queue (log_id, stream_id, first_seq, leaf_hashes)
      SELECT 1, l.stream_id, l.seq, r.leaf_hash FROM log_leaf l
        JOIN ledger_record r USING (log_id, stream_id, seq) ORDER BY l.leaf_index`,
  );
  await owner.query('DELETE FROM log_leaf');
  await createSequencer(owner).run();
  const leaves = await owner.query<{ leaf_hash: Buffer }>(
    `SELECT r.leaf_hash FROM log_leaf l JOIN ledger_record r USING (log_id, stream_id, seq)
      ORDER BY l.leaf_index`,
  );
  const root = treeRoot(
    leaves.map((row) => row.leaf_hash),
    sha256,
  );
  const head = { origin: stack.deps.origin, size: leaves.length, root };
  const note = Buffer.from(await signCheckpoint(head, [stack.log.signingKey])).toString();
  await owner.query(
    `INSERT INTO log_checkpoint (log_id, size, root, note, signed_at) VALUES (1, $1, $2, $3, now())`,
    [head.size, root, note],
  );
}

describe('the examination', () => {
  test('is sealed once under its name, and a failed one makes the product not ready', async () => {
    const health = createLogHealth(stack.deps.db);
    await health.isSound();
    const id = randomUUID();
    const signed = await stack.log.memory.read();
    expect((await selfCheck(stack.deps, { id, signed })).passed).toBe(true);
    expect((await selfCheck(stack.deps, { id, signed })).passed).toBe(true);
    expect(await sealed()).toEqual(['passed']);
    await health.isSound();
    await tamper([`UPDATE request SET status = 'rejected' WHERE id = $1`, [request]]);
    expect((await selfCheck(stack.deps, { id: randomUUID(), signed })).passed).toBe(false);
    expect(await sealed()).toEqual(['passed', 'failed']);
    expect(await newestSelfCheck(stack.deps.db)).toMatchObject({ passed: false, problems: 1 });
    await expect(health.isSound()).rejects.toThrow('found 1 problems: run npm run selfcheck');
  });

  async function sealed(): Promise<string[]> {
    const rows = await owner.query<{ bytes: Buffer }>(
      `SELECT bytes FROM ledger_record WHERE stream_id = (SELECT system_stream_id FROM installation)
        ORDER BY seq`,
    );
    return rows
      .map(({ bytes }) => parseRecord(bytes))
      .flatMap((record) => (record.kind === 'self_check' ? [record.body.result] : []));
  }
});
