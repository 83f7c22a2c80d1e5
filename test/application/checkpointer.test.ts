import { randomBytes, randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { breakSilence, signNews, type CheckpointerDeps } from '../../application/checkpointer.ts';
import { registerKey, StrangeKey } from '../../application/log-keys.ts';
import { assertLogSound } from '../../application/log-keeper.ts';
import { createSequencer, LogCorrupt } from '../../application/sequencer.ts';
import { sealSystemRecord, SYSTEM_AUTHOR } from '../../application/system-stream.ts';
import { fromMillis } from '../../domain/instant.ts';
import { openCheckpoint, type Checkpoint } from '../../ledger/checkpoint.ts';
import { commandKey } from '../../ledger/hash.ts';
import { parseRecord } from '../../ledger/record.ts';
import { loadSigningKey, newSigningKey, type SigningKey } from '../../ledger/signer-key.ts';
import type { SignerMemory } from '../../ledger/signer.ts';
import { noteVerifier } from '../../ledger/verifier-key.ts';
import { openDatabase, type Database } from '../../prisma/database.ts';
import { ensureInstallation } from '../../prisma/installation-store.ts';
import { logKeys, newestCheckpoint, readEntries } from '../../prisma/log-store.ts';
import { ROLES } from '../../prisma/roles.ts';
import { createTestDatabase, memoryOf } from '../support/stack.ts';

const ORIGIN = 'test/log';

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let owner: Database;
let key: SigningKey;
let minutes: number;
let deps: CheckpointerDeps;

beforeEach(async () => {
  database = await createTestDatabase();
  owner = openDatabase(database.url, 4);
  await ensureInstallation(owner, { origin: ORIGIN, cursorKey: randomBytes(32) });
  key = loadSigningKey(ORIGIN, newSigningKey());
  minutes = 0;
  deps = {
    db: openDatabase(database.url, 6, ROLES.sequencer),
    origin: ORIGIN,
    software: '0.0.0-test',
    now: () => fromMillis(Date.now() + minutes * 60_000),
    keys: async () => [key],
    memory: memoryOf(null),
  };
});
afterEach(async () => {
  await deps.db.close();
  await owner.close();
  await database.drop();
});

/** One more record about the installation, with its place in the log. */
async function grow(): Promise<void> {
  const sealed = await sealSystemRecord(deps, {
    ...SYSTEM_AUTHOR,
    kind: 'heartbeat',
    cmd: commandKey('test', randomUUID()),
    body: { size: 0, root: null, silent_seconds: 0, queued: null },
  });
  expect(sealed).not.toBeNull();
  expect(await createSequencer(deps.db).run()).toBeGreaterThan(0);
}

async function opened(note: string, by: readonly SigningKey[] = [key]): Promise<Checkpoint> {
  const logKeysOf = await Promise.all(by.map(({ verifierKey }) => noteVerifier(verifierKey)));
  const trust = { origin: ORIGIN, logKeys: logKeysOf };
  return (await openCheckpoint(Buffer.from(note), trust)).checkpoint;
}

/** The superuser's way: triggers off, rows changed. */
async function tamper(table: string, sql: string): Promise<void> {
  await owner.query(`ALTER TABLE ${table} DISABLE TRIGGER no_change`);
  await owner.query(sql);
  await owner.query(`ALTER TABLE ${table} ENABLE ALWAYS TRIGGER no_change`);
}

describe('checkpoints', () => {
  test('the empty log has one, then each news has one, and silence has none', async () => {
    const first = await signNews(deps);
    expect(first?.size).toBe(0);
    expect((await opened(first?.note ?? '')).size).toBe(0);
    expect(await signNews(deps)).toBeNull();
    await grow();
    const second = await signNews(deps);
    expect(second?.size).toBe(1);
    expect(await opened(second?.note ?? '')).toMatchObject({ origin: ORIGIN, size: 1 });
    expect(await signNews(deps)).toBeNull();
    expect((await newestCheckpoint(owner))?.note).toBe(second?.note);
  });

  test('a signer that died after it stored and before it published publishes the same note', async () => {
    await grow();
    let dies = true;
    const real = deps.memory;
    const dying: SignerMemory = {
      read: real.read,
      async write(head) {
        await real.write(head);
        if (dies) throw new Error('killed');
      },
    };
    await expect(signNews({ ...deps, memory: dying })).rejects.toThrow('killed');
    expect(await newestCheckpoint(owner)).toBeNull();
    expect((await real.read())?.size).toBe(1);
    dies = false;
    expect((await signNews(deps))?.size).toBe(1);
  });

  test('two at once: one signs, the other looks on', async () => {
    await grow();
    const turns = await Promise.all([signNews(deps), signNews(deps), signNews(deps)]);
    expect(turns.filter((turn) => turn !== null)).toHaveLength(1);
  });

  test('ten silent minutes end with a heartbeat in the log, and one only', async () => {
    await grow();
    await signNews(deps);
    minutes = 9;
    expect(await breakSilence(deps)).toBe(false);
    minutes = 11;
    expect(await breakSilence(deps)).toBe(true);
    expect(await breakSilence(deps)).toBe(false);
    await createSequencer(deps.db).run();
    expect((await signNews(deps))?.size).toBe(2);
    const [entry] = await readEntries(owner, 1, 1);
    const record = parseRecord(entry ?? Buffer.alloc(0));
    expect(record).toMatchObject({ kind: 'heartbeat', log: ORIGIN, body: { size: 1 } });
    expect(await breakSilence(deps)).toBe(false);
  });
});

describe('the signer refuses', () => {
  beforeEach(async () => {
    await grow();
    await grow();
    await grow();
    await signNews(deps);
  });
  const refusal = { code: 'SIGNER_REFUSED' };

  test('a database that was set back', async () => {
    const { memory } = deps;
    const later: Checkpoint = { origin: ORIGIN, size: 9, root: new Uint8Array(32) };
    await memory.write(later);
    await expect(signNews(deps)).rejects.toMatchObject(refusal);
    await expect(assertLogSound(deps)).rejects.toMatchObject(refusal);
    expect(await memory.read()).toBe(later);
    expect((await newestCheckpoint(owner))?.size).toBe(3);
  });

  test('a fork: the same size with another root', async () => {
    await tamper('log_state', `UPDATE log_state SET root = sha256('other')`);
    await expect(signNews(deps)).rejects.toMatchObject(refusal);
    await expect(assertLogSound(deps)).rejects.toThrow(LogCorrupt);
  });

  test('a log whose past was rewritten, however consistent with itself', async () => {
    // Everything is made anew from a changed first record: leaves, tiles, state, and no checkpoint.
    for (const table of ['log_leaf', 'log_tile', 'log_state', 'log_checkpoint', 'ledger_record'])
      await owner.query(`ALTER TABLE ${table} DISABLE TRIGGER no_change`);
    await owner.query('DELETE FROM log_leaf');
    await owner.query('DELETE FROM log_tile');
    await owner.query('DELETE FROM log_checkpoint');
    await owner.query('DELETE FROM ledger_record');
    await owner.query(`UPDATE log_state SET size = 0, root = sha256('')`);
    for (let count = 0; count < 5; count += 1) await grow();
    await expect(signNews(deps)).rejects.toThrow('does not extend what was signed at size 3');
    expect(await newestCheckpoint(owner)).toBeNull();
  });

  test('to go on without its memory', async () => {
    await grow();
    const forgotten = { ...deps, memory: memoryOf(null) };
    await expect(signNews(forgotten)).rejects.toThrow('log:adopt');
    await expect(assertLogSound(forgotten)).rejects.toThrow('log:adopt');
  });

  test('a stored checkpoint that is not the one it signed', async () => {
    await tamper('log_checkpoint', `UPDATE log_checkpoint SET root = sha256('other')`);
    await grow();
    await expect(signNews(deps)).rejects.toThrow('is not the one signed');
  });
});

describe('keys of the log', () => {
  const asOwner = () => ({ ...deps, db: owner });

  test('the first is taken as it is; a strange one is refused; a vouched one is sealed', async () => {
    const first = { use: 'log', key: key.verifierKey, endorsedBy: null } as const;
    expect(await registerKey(asOwner(), first)).toBe(true);
    expect(await registerKey(asOwner(), first)).toBe(false);
    const next = loadSigningKey(ORIGIN, newSigningKey());
    const strange = { use: 'log', key: next.verifierKey, endorsedBy: null } as const;
    await expect(registerKey(asOwner(), strange)).rejects.toThrow(StrangeKey);
    const vouched = { ...strange, endorsedBy: { key: key.verifierKey, signer: key } };
    expect(await registerKey(deps, vouched)).toBe(true);

    await createSequencer(deps.db).run();
    const both = [next, key];
    const note = (await signNews({ ...deps, keys: async () => both }))?.note ?? '';
    for (const one of both) expect((await opened(note, [one])).size).toBe(2);
    const kinds = (await readEntries(owner, 0, 2)).map((bytes) => parseRecord(bytes));
    expect(kinds).toMatchObject([
      { kind: 'key_rotated', body: { old_key_id: null, new_key_id: key.keyId } },
      { kind: 'key_rotated', body: { old_key_id: key.keyId, new_key_id: next.keyId } },
    ]);
    const stored = await logKeys(owner);
    expect(stored.map(({ endorsement }) => endorsement?.split('\n')[0] ?? null)).toEqual([
      null,
      `${ORIGIN}/key-rotation/v1`,
    ]);
  });
});
