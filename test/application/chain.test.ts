import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { verifyStoredChain } from '../../application/chain.ts';
import type { Deps } from '../../application/deps.ts';
import { openingPlace } from '../../application/places.ts';
import { createVault } from '../../application/vault.ts';
import { codeOf, openWorld, publish, type World } from './world.ts';

/** Two silent stages, so that chains of other rules are there too. */
const SILENT = `id: silence
kind: vendor-approval
rules:
  - name: silence
    effect: review
    requireView: false
    stages:
      - { name: first, role: security, quorum: 1, deadline: P1D, onTimeout: approve }
      - { name: second, role: privacy, quorum: 1, deadline: P1D, onTimeout: approve }
`;

const VENDOR = {
  kind: 'vendor-approval',
  context: {
    vendor: { id: 'acme' },
    product: { name: 'Cloud' },
    useCase: {
      purpose: 'Transcribe',
      dataClasses: [],
      deploymentRegion: 'EU',
      personalDataEu: false,
      matterSensitivity: 'low',
    },
    owner: 'dana',
  },
} as const;

let world: World;
beforeAll(async () => {
  world = await openWorld();
  await publish(world.deps, SILENT);
});
afterAll(() => world.close());

/** requested, policy_bound, stage_opened, viewed, decided, viewed, decided, stage_opened. */
async function aChain(): Promise<string> {
  const { id } = (await world.submit({ content: { onBehalfOf: 'dana' } })).body;
  await world.approve(id, 'eve');
  await world.approve(id, 'omar');
  return id;
}

const problemsOf = async (id: string): Promise<string[]> =>
  (await verifyStoredChain(world.deps, id)).problems.map(({ code, seq }) => `${code} ${seq}`);

test('a stored chain is valid, and every commitment in it can be opened', async () => {
  const report = await verifyStoredChain(world.deps, await aChain());
  expect(report).toMatchObject({ valid: true, problems: [], unopened: 0 });
  expect(report.records).toHaveLength(8);
});

test('a request that does not exist has none', async () => {
  expect(await codeOf(verifyStoredChain(world.deps, randomUUID()))).toBe('NOT_FOUND');
});

test('a chain that grows while it is looked at is still valid', async () => {
  const { db } = world.deps;
  // Between each two reads of the first rounds somebody acts.
  const commands = async (id: string): Promise<string[]> => {
    const said = { kind: 'override', effect: 'reverse', reason: 'not a reason at all' } as const;
    return Promise.all(Array.from({ length: 7 }, () => world.command(id, 'olga', said)));
  };
  const id = await aChain();
  const left = await commands(id);
  const restless = {
    ...db,
    query: (async (text: string, values: unknown[]) => {
      const rows = await db.query(text, values);
      const command = left.pop();
      if (command !== undefined) await world.step(id, command);
      return rows;
    }) as typeof db.query,
  };
  const report = await verifyStoredChain({ ...world.deps, db: restless }, id);
  expect(left).toEqual([]);
  expect(report).toMatchObject({ valid: true, problems: [], unopened: 0 });
  expect(report.records).toHaveLength(15);
});

describe('what a superuser changed with the triggers asleep is named', () => {
  const asleep = async (statements: readonly string[], id: string): Promise<void> => {
    const client = new pg.Client({ connectionString: world.url });
    await client.connect();
    await client.query('BEGIN');
    await client.query('ALTER TABLE ledger_record DISABLE TRIGGER no_change');
    for (const statement of statements) await client.query(statement.replaceAll(':id', `'${id}'`));
    await client.query('ALTER TABLE ledger_record ENABLE ALWAYS TRIGGER no_change');
    await client.query('COMMIT');
    await client.end();
  };
  /** New bytes with the leaf hash that fits them: the table itself finds nothing. */
  const rewrite = (seq: number, from: string, to: string): string =>
    `UPDATE ledger_record SET bytes = b.bytes, leaf_hash = sha256('\\x00'::bytea || b.bytes)
      FROM (SELECT replace(convert_from(bytes, 'UTF8'), '${from}', '${to}')::text::bytea AS bytes
        FROM ledger_record WHERE stream_id = :id AND seq = ${seq}) b
      WHERE stream_id = :id AND seq = ${seq}`;

  test.each<{ why: string; statements: string[]; problems: string[] }>([
    {
      why: 'another verdict',
      statements: [rewrite(4, '"verdict":"approve"', '"verdict":"reject"')],
      problems: ['CHAIN_PREV 5'],
    },
    {
      why: 'another time',
      statements: [`${rewrite(1, '"ts":"20', '"ts":"19')}`],
      problems: ['TIME_ORDER 1', 'CHAIN_PREV 2'],
    },
    {
      why: 'another deadline in the last record',
      statements: [rewrite(7, '"deadline":"20', '"deadline":"21')],
      problems: ['HEAD_MISMATCH 7'],
    },
    {
      why: 'a field more',
      statements: [rewrite(0, '{"actor"', '{"aaa":1,"actor"')],
      problems: ['SCHEMA 0', 'CHAIN_PREV 1'],
    },
    {
      why: 'a record less in the middle',
      statements: ['DELETE FROM ledger_record WHERE stream_id = :id AND seq = 4'],
      problems: ['CHAIN_GAP 5'],
    },
    {
      why: 'the first record gone',
      statements: ['DELETE FROM ledger_record WHERE stream_id = :id AND seq = 0'],
      problems: ['CHAIN_GENESIS 1'],
    },
    {
      why: 'the last record gone',
      statements: ['DELETE FROM ledger_record WHERE stream_id = :id AND seq = 7'],
      problems: ['HEAD_MISMATCH 6'],
    },
    {
      why: 'all of it gone',
      statements: ['DELETE FROM ledger_record WHERE stream_id = :id'],
      problems: ['CHAIN_GENESIS 0'],
    },
    {
      why: 'a head row that says something else',
      statements: [`UPDATE request SET head_hash = sha256('') WHERE id = :id`],
      problems: ['HEAD_MISMATCH 7'],
    },
    {
      why: 'a row that shows another end than the chain',
      statements: [
        `UPDATE request SET status = 'approved', state = jsonb_set(state, '{resolution}',
          '{"kind":"approved","effect":null,"mayProceed":true,"at":"2026-01-01T00:00:00.000Z","by":[],"cause":"people"}')
          WHERE id = :id`,
      ],
      problems: ['PROJECTION_MISMATCH null'],
    },
  ])('$why', async ({ statements, problems }) => {
    const id = await aChain();
    await asleep(statements, id);
    const found = await problemsOf(id);
    expect(found.slice(0, problems.length)).toEqual(problems);
  });

  test('a commitment that was given another text', async () => {
    const { id } = (await world.submit()).body;
    const said = { kind: 'withdraw', reason: 'first reason' } as const;
    await world.step(id, await world.command(id, 'app', said));
    expect(await problemsOf(id)).toEqual([]);
    const { vault, db } = world.deps;
    const { dekId } = await world.row(id);
    const [opening] = await db.query<{ seq: number; path: string }>(
      'SELECT seq, path FROM opening WHERE stream_id = $1',
      [id],
    );
    const place = openingPlace(id, opening?.seq ?? -1, opening?.path ?? '');
    const other = JSON.stringify({ salt: 'ab'.repeat(32), value: 'second reason' });
    await world.owner.query('UPDATE opening SET ciphertext = $2 WHERE stream_id = $1', [
      id,
      vault.encrypt(dekId, place, other),
    ]);
    expect(await problemsOf(id)).toEqual(['COMMITMENT 3']);
  });
});

describe('what is stored and cannot be decrypted is a problem of its record', () => {
  const garbage = `decode(repeat('07', 64), 'hex')`;
  test.each([
    {
      why: 'a text',
      sql: `UPDATE opening SET ciphertext = ${garbage} WHERE stream_id = $1`,
      named: ['reason 3'],
    },
    {
      why: 'a person',
      sql: `UPDATE reference SET ciphertext = ${garbage} WHERE stream_id = $1 AND subject = 'person:eve'`,
      named: ['person 2'],
    },
    {
      why: 'what was submitted',
      sql: `UPDATE request SET content = ${garbage} WHERE id = $1`,
      named: ['content 0'],
    },
  ])('$why', async ({ sql, named }) => {
    const { id } = (await world.submit()).body;
    const said = { kind: 'withdraw', reason: 'first reason' } as const;
    await world.step(id, await world.command(id, 'app', said));
    await world.owner.query(sql, [id]);
    expect(await unreadable(world.deps, id)).toEqual(named);
  });

  test('everything, with another ENCRYPTION_KEY', async () => {
    const { id } = (await world.submit()).body;
    const vault = createVault(Buffer.alloc(32, 9));
    const named = await unreadable({ ...world.deps, vault }, id);
    expect(named).toEqual(expect.arrayContaining(['content 0', 'person 0']));
  });

  /** @returns path and record of each. */
  async function unreadable(deps: Pick<Deps, 'db' | 'vault' | 'origin'>, id: string) {
    const { valid, problems } = await verifyStoredChain(deps, id);
    expect(valid).toBe(false);
    expect(new Set(problems.map(({ code }) => code))).toEqual(new Set(['COMMITMENT']));
    return problems
      .map(({ seq, detail }) => `${/stored (\S+) cannot/.exec(detail)?.[1]} ${seq}`)
      .sort();
  }
});

test('what was erased leaves a valid chain whose words are gone', async () => {
  const id = await aChain();
  await world.owner.query(
    `UPDATE dek SET wrapped = NULL, destroyed_at = now() WHERE dek_id IN
      (SELECT dek_id FROM opening WHERE stream_id = $1 UNION SELECT dek_id FROM reference WHERE stream_id = $1)`,
    [id],
  );
  // Another process: nothing is in its memory, and nothing of this chain is left to unwrap.
  const vault = createVault(Buffer.alloc(32, 9));
  const report = await verifyStoredChain({ ...world.deps, vault }, id);
  expect(report).toMatchObject({ valid: true, problems: [] });
  // Everybody whom the chain names: the app, its owner, Dana, and the three who could decide.
  expect(report.unopened).toBe(6);
});

describe('silence', () => {
  test('that passes a stage is sealed as such, and the last one as what it brings about', async () => {
    const { id } = (await world.submit({ content: VENDOR as never })).body;
    world.clock.move('P1D');
    await world.step(id);
    world.clock.move('P1D');
    await world.step(id);
    const told = (await world.records(id)).map(({ kind, body }) => {
      const { then, resolution } = body as { then?: string; resolution?: string };
      return [kind, then ?? resolution].filter(Boolean).join(' ');
    });
    expect(told).toEqual([
      'requested',
      'policy_bound',
      'stage_opened',
      'expired next_stage',
      'stage_opened',
      'expired approve',
      'resolved approved',
    ]);
    expect(await problemsOf(id)).toEqual([]);
  });
});
