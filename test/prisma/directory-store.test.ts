import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { SYSTEM_ROLES } from '../../domain/standing-in.ts';
import {
  candidatesAt,
  directoryInForce,
  factsOfPeople,
  peopleWithRoles,
  personByToken,
  reading,
  roleCounts,
  type PersonFacts,
} from '../../prisma/directory-store.ts';
import { openTestDatabase, type TestDatabase } from './databases.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(() => database.close());

const day = (n: number): string => `2026-03-${String(n).padStart(2, '0')}T00:00:00.000Z`;

/** One row of a table, with what every such row has. */
async function put(table: string, row: Readonly<Record<string, unknown>>): Promise<string> {
  const id = typeof row['id'] === 'string' ? row['id'] : randomUUID();
  const all = { ...row, id };
  const names = Object.keys(all);
  await database.db.query(
    `INSERT INTO ${table} (${names.join(', ')}) VALUES (${names.map((_, n) => `$${n + 1}`).join(', ')})`,
    Object.values(all),
  );
  return id;
}

async function person(id: string, differs: Readonly<Record<string, unknown>> = {}): Promise<void> {
  const dek_id = randomUUID();
  await database.db.query(`INSERT INTO dek (dek_id, subject, kek) VALUES ($1, $2, 'k')`, [
    dek_id,
    `person:${id}`,
  ]);
  const row = { name: id, stream_id: randomUUID(), dek_id, created_at: day(1), ...differs };
  await put('person', { id, ...row });
}

const grant = (person_id: string, role: string, more: object = {}): Promise<string> =>
  put('role_grant', {
    ...{ person_id, role, valid_from: day(2), granted_by: 'cora', created_at: day(2) },
    ...more,
  });
const absence = (person_id: string, more: object = {}): Promise<string> =>
  put('absence', {
    ...{ person_id, valid_from: day(10), valid_until: day(20) },
    ...{ recorded_by: 'cora', created_at: day(5), ...more },
  });
const delegation = (person_id: string, to_id: string, more: object = {}): Promise<string> =>
  put('delegation', {
    ...{ person_id, to_id, valid_from: day(10), valid_until: day(20) },
    ...{ recorded_by: 'cora', created_at: day(5), ...more },
  });
const training = (person_id: string, more: object = {}): Promise<string> =>
  put('training', {
    ...{ person_id, course: 'bias', version: 2, valid_from: day(10), valid_until: day(20) },
    ...{ change: 'completed', recorded_by: 'cora', created_at: day(5), ...more },
  });

const TABLES = [
  ...['policy_acknowledgement', 'training', 'delegation', 'absence', 'role_grant'],
  ...['person_profile', 'person_token', 'person'],
];

beforeEach(async () => {
  for (const table of TABLES) await database.admin(`DELETE FROM ${table}`);
  for (const id of ['ann', 'ben', 'cas', 'dot']) await person(id);
  await grant('ann', 'officer');
});

async function factsOf(id: string, now: string): Promise<PersonFacts> {
  const [facts] = await factsOfPeople(reading(database.db), [id], now);
  if (facts === undefined) throw new TypeError(id);
  return facts;
}

const holders = async (now: string, roles = ['officer']): Promise<string[]> =>
  (await peopleWithRoles(reading(database.db), roles, now)).map(({ id }) => id);
const standsFor = async (id: string, now: string): Promise<string[]> =>
  (await factsOf(id, now)).standsFor.map(({ source, principal }) => `${source} ${principal.id}`);

describe('the facts of a person', () => {
  test('are empty where nothing was recorded', async () => {
    expect(await factsOf('ben', day(12))).toEqual({
      id: 'ben',
      dekId: expect.any(String),
      roles: [],
      absent: false,
      team: null,
      region: null,
      trainings: [],
      acknowledged: [],
      standsFor: [],
    });
  });

  test('hold team, region, trainings and acknowledged versions, and the same of whom they stand for', async () => {
    await database.db.query(`UPDATE person SET team = 'credit', region = 'eu' WHERE id = 'ann'`);
    await training('ann');
    await database.db.query(
      `INSERT INTO policy_acknowledgement (person_id, policy_id, version, at) VALUES ('ann', 'loans', 3, $1)`,
      [day(4)],
    );
    const id = await delegation('ann', 'ben', { role: 'officer', kind: 'ai-decision' });
    const { standsFor: none, ...ann } = await factsOf('ann', day(12));
    expect(ann).toMatchObject({
      ...{ roles: ['officer'], team: 'credit', region: 'eu', acknowledged: ['loans@3'] },
      trainings: [{ course: 'bias', version: 2 }],
    });
    expect(none).toEqual([]);
    expect((await factsOf('ben', day(12))).standsFor).toEqual([
      { id, source: 'delegation', role: 'officer', kind: 'ai-decision', principal: ann },
    ]);
  });

  test.each(['role_grant', 'absence', 'delegation', 'training'])(
    'of %s count from the start, included, to the end, not included',
    async (table) => {
      await grant('ann', 'lead', { valid_from: day(10), valid_until: day(20) });
      await absence('ann', { deputy_id: 'ben' });
      await delegation('ann', 'ben');
      await training('ann');
      const before = (instant: string) => new Date(Date.parse(instant) - 1).toISOString();
      const counts = async (now: string): Promise<boolean> => {
        const [ann, ben] = [await factsOf('ann', now), await factsOf('ben', now)];
        return {
          role_grant: ann.roles.includes('lead'),
          absence: ann.absent && ben.standsFor.some(({ source }) => source === 'absence'),
          delegation: ben.standsFor.some(({ source }) => source === 'delegation'),
          training: ann.trainings.length > 0,
        }[table] as boolean;
      };
      const seen = [before(day(10)), day(10), before(day(20)), day(20)].map(counts);
      expect(await Promise.all(seen)).toEqual([false, true, true, false]);
      const column = { role_grant: 'ended_at', training: 'revoked_at' }[table] ?? 'cancelled_at';
      await database.db.query(`UPDATE ${table} SET ${column} = $1`, [day(12)]);
      expect(await Promise.all([before(day(12)), day(12)].map(counts))).toEqual([true, false]);
    },
  );
});

describe('standing in', () => {
  test('is never passed on, and a deputy does it only while the other is absent', async () => {
    await delegation('ann', 'ben');
    await delegation('ben', 'cas');
    await absence('ben', { deputy_id: 'dot', valid_until: day(12) });
    expect(await standsFor('ben', day(15))).toEqual(['delegation ann']);
    expect(await standsFor('cas', day(15))).toEqual(['delegation ben']);
    expect(await standsFor('dot', day(11))).toEqual(['absence ben']);
    expect(await standsFor('dot', day(12))).toEqual([]);
    // Cas and Dot may stand in for Ben, who holds nothing himself: neither is asked.
    expect(await holders(day(11))).toEqual(['ann', 'ben']);
  });

  test('never gives the roles that carry the installation', async () => {
    for (const role of SYSTEM_ROLES) await grant('ann', role);
    await delegation('ann', 'ben');
    await absence('ann', { deputy_id: 'cas' });
    for (const id of ['ben', 'cas'])
      expect((await factsOf(id, day(12))).standsFor[0]?.principal.roles).toEqual(['officer']);
    expect((await factsOf('ann', day(12))).roles).toHaveLength(1 + SYSTEM_ROLES.length);
  });

  test('finds delegates and deputies of holders, by the role that was passed on', async () => {
    await delegation('ann', 'ben', { role: 'lead' });
    await absence('ann', { deputy_id: 'cas' });
    expect(await holders(day(9))).toEqual(['ann']);
    expect(await holders(day(10))).toEqual(['ann', 'cas']);
    await delegation('ann', 'ben', { role: 'officer' });
    expect(await holders(day(10))).toEqual(['ann', 'ben', 'cas']);
    expect(await holders(day(20))).toEqual(['ann']);
  });

  test('whoever has left holds nothing, stands for nobody and is stood for by nobody', async () => {
    await grant('ben', 'officer');
    await delegation('ann', 'cas');
    await delegation('dot', 'ann');
    const token = Buffer.alloc(32, 7);
    await database.db.query(
      `INSERT INTO person_token (token_hash, person_id, created_at) VALUES ($1, 'ann', $2)`,
      [token, day(2)],
    );
    await database.db.query(`UPDATE person SET left_at = $1 WHERE id = 'ann'`, [day(12)]);
    await database.db.query(`UPDATE role_grant SET ended_at = $1 WHERE person_id = 'ann'`, [
      day(12),
    ]);
    expect(await holders(day(11))).toEqual(['ann', 'ben', 'cas']);
    expect((await personByToken(database.db, token, day(11)))?.id).toBe('ann');
    expect(await holders(day(12))).toEqual(['ben']);
    expect(await factsOf('ann', day(12))).toMatchObject({ roles: [], standsFor: [] });
    expect(await standsFor('cas', day(12))).toEqual([]);
    expect(await personByToken(database.db, token, day(12))).toBeNull();
  });
});

test('an ended grant no longer counts among the holders of its role', async () => {
  await grant('ben', 'officer', { ended_at: day(12) });
  const count = async (now: string) => (await roleCounts(reading(database.db), now)).get('officer');
  expect([await count(day(11)), await count(day(12))]).toEqual([2, 1]);
});

test('looking back shows what was known at that instant', async () => {
  // Recorded on the 15th for a time that had begun on the 10th; another one cancelled on the 16th.
  await absence('ann', { created_at: day(15) });
  await delegation('ann', 'ben', { cancelled_at: day(16) });
  for (const [at, team] of [
    [3, 'credit'],
    [14, 'risk'],
  ] as const)
    await database.db.query(
      `INSERT INTO person_profile (person_id, seq, team, recorded_by, created_at)
        VALUES ('ann', $1, $2, 'cora', $3)`,
      [at, team, day(at)],
    );
  await person('eve', { created_at: day(13) });
  const at = async (now: string) => {
    const people = await candidatesAt(reading(database.db), now);
    const ann = people.find(({ id }) => id === 'ann');
    const ben = people.find(({ id }) => id === 'ben');
    return [ann?.absent, ann?.team, ben?.standsFor.length, people.length];
  };
  expect(await at(day(2))).toEqual([false, null, 0, 4]);
  expect(await at(day(13))).toEqual([false, 'credit', 1, 5]);
  expect(await at(day(15))).toEqual([true, 'risk', 1, 5]);
  expect(await at(day(16))).toEqual([true, 'risk', 0, 5]);
});

describe('the fingerprint of the directory', () => {
  const CHANGES: Readonly<Record<string, () => Promise<unknown>>> = {
    'a role': () => grant('ben', 'officer'),
    'a role that ended': () => database.db.query(`UPDATE role_grant SET ended_at = $1`, [day(12)]),
    'an absence': () => absence('ann', { created_at: day(12) }),
    'a delegation': () => delegation('ann', 'ben'),
    'a training': () => training('ann'),
    'a team': () => database.db.query(`UPDATE person SET team = 'x' WHERE id = 'ann'`),
    'somebody who left': () =>
      database.db.query(`UPDATE person SET left_at = $1 WHERE id = 'dot'`, [day(12)]),
    'an acknowledgement': () =>
      database.db.query(
        `INSERT INTO policy_acknowledgement (person_id, policy_id, version, at) VALUES ('ann', 'loans', 3, $1)`,
        [day(12)],
      ),
  };

  test.each(Object.entries(CHANGES))('notices %s', async (_, change) => {
    const before = await directoryInForce(database.db, day(12));
    expect(await directoryInForce(database.db, day(12))).toBe(before);
    await change();
    expect(await directoryInForce(database.db, day(12))).not.toBe(before);
  });

  test.each(['absence', 'delegation', 'training'])(
    'notices a %s that begins, ends or is cut short by time alone',
    async (table) => {
      const make: Record<string, () => Promise<string>> = {
        absence: () => absence('ann'),
        delegation: () => delegation('ann', 'ben'),
        training: () => training('ann'),
      };
      await make[table]?.();
      const [before, during, after] = [day(9), day(12), day(21)].map((now) =>
        directoryInForce(database.db, now),
      );
      expect(new Set([await before, await during, await after]).size).toBe(3);
      const column = table === 'training' ? 'revoked_at' : 'cancelled_at';
      await database.db.query(`UPDATE ${table} SET ${column} = $1`, [day(11)]);
      expect(await directoryInForce(database.db, day(12))).not.toBe(await during);
    },
  );
});
