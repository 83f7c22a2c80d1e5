import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { setAbsence } from '../../application/absences.ts';
import type { DirectoryAuthor } from '../../application/directory-changes.ts';
import { cancelDelegation, setDelegation } from '../../application/directory-delegations.ts';
import { recordDeparture, updatePerson } from '../../application/people.ts';
import { endRole, grantRole } from '../../application/role-grants.ts';
import { sideProblems } from '../../application/side-checks.ts';
import { BY_ENGINE } from '../../application/sealing.ts';
import { recordTraining, revokeTraining } from '../../application/trainings.ts';
import { addDuration } from '../../domain/instant.ts';
import { openSideReader } from '../../prisma/side-store.ts';
import { NOBODY_REMEMBERS, openWorld, type World } from './world.ts';

// Rows of the directory are what rights are read from: whoever changes one without a record is found.

const AUTHOR: DirectoryAuthor = { by: BY_ENGINE, name: 'system', source: 'directory' };
const remember = NOBODY_REMEMBERS;

let world: World;
beforeAll(async () => {
  world = await openWorld([]);
  const { deps } = world;
  const span = { from: world.clock.now, until: addDuration(world.clock.now, 'P9D') };
  const training = { course: 'bias', version: 1, role: null, from: null, until: span.until };
  const delegation = { ...span, reason: 'x', role: null, kind: null };
  for (const deputy of ['omar', null])
    await setAbsence(deps, AUTHOR, {
      ...{ person: 'eve', remember },
      wish: { ...span, deputy, reason: 'ill' },
    });
  const given = await setDelegation(deps, AUTHOR, {
    ...{ person: 'eve', remember },
    wish: { ...delegation, to: 'dana', role: 'credit-officer' },
  });
  await setDelegation(deps, AUTHOR, {
    person: 'eve',
    remember,
    wish: { ...delegation, to: 'mia' },
  });
  const taken = await recordTraining(deps, AUTHOR, {
    ...{ person: 'eve', remember },
    wish: { ...training, change: 'completed' },
  });
  await recordTraining(deps, AUTHOR, {
    ...{ person: 'eve', remember },
    wish: { ...training, until: null, change: 'waived' },
  });
  world.clock.move('PT1H');
  await cancelDelegation(deps, AUTHOR, { person: 'eve', id: given.id });
  await revokeTraining(deps, AUTHOR, { person: 'eve', id: taken.id });
  const { grants } = await grantRole(deps, AUTHOR, {
    ...{ person: 'eve', remember },
    grant: { role: 'lead', from: null, until: null },
  });
  const lead = grants.find(({ role }) => role === 'lead')?.id ?? '';
  await endRole(deps, AUTHOR, { person: 'eve', grant: lead, reason: 'REVOKED' });
  for (const team of ['credit', 'risk'])
    await updatePerson(deps, AUTHOR, { person: 'eve', wish: { team }, remember });
  await recordDeparture(deps, AUTHOR, { person: 'rui', remember });
}, 60_000);
afterAll(() => world.close());

async function problemsOf(person: string): Promise<readonly string[]> {
  const [row] = await world.owner.query<{ stream: string }>(
    'SELECT stream_id AS stream FROM person WHERE id = $1',
    [person],
  );
  const stream = row?.stream ?? '';
  const records = await world.records(stream);
  return world.owner.transaction(async (tx) =>
    sideProblems(records, await openSideReader(tx).take(stream)),
  );
}

const REPLICA = `SET LOCAL session_replication_role = replica`;

/** What is found after a change without a record, which is then taken back. */
async function foundAfter(sql: string, person: string): Promise<readonly string[]> {
  const undo = new Error('undo');
  let problems: readonly string[] = [];
  const [row] = await world.owner.query<{ stream: string }>(
    'SELECT stream_id AS stream FROM person WHERE id = $1',
    [person],
  );
  const stream = row?.stream ?? '';
  const records = await world.records(stream);
  await world.owner
    .transaction(async (tx) => {
      await tx.query({ text: REPLICA, values: [] });
      await tx.query({ text: sql, values: [] });
      problems = sideProblems(records, await openSideReader(tx).take(stream));
      throw undo;
    })
    .catch((error: unknown) => {
      if (error !== undo) throw error;
    });
  return problems;
}

test('what was changed by its records is sound', async () => {
  for (const person of ['eve', 'rui', 'omar']) expect(await problemsOf(person)).toEqual([]);
});

describe('without a record somebody', () => {
  const EVE = `person_id = 'eve'`;
  test.each([
    [
      'ends a role',
      `UPDATE role_grant SET ended_at = now() WHERE ${EVE} AND ended_at IS NULL`,
      /role/,
    ],
    ['gives an ended role back', `UPDATE role_grant SET ended_at = NULL WHERE ${EVE}`, /role/],
    [
      'moves an absence',
      `UPDATE absence SET valid_until = valid_until + interval '1 day' WHERE ${EVE}`,
      /absence/,
    ],
    [
      'names another deputy',
      `UPDATE absence SET deputy_id = 'mia' WHERE ${EVE} AND deputy_id IS NOT NULL`,
      /absence/,
    ],
    [
      'names a deputy where there is none',
      `UPDATE absence SET deputy_id = 'mia' WHERE ${EVE} AND deputy_id IS NULL`,
      /absence/,
    ],
    ['cancels an absence', `UPDATE absence SET cancelled_at = now() WHERE ${EVE}`, /absence/],
    [
      'makes an absence',
      `INSERT INTO absence (id, person_id, valid_from, valid_until, recorded_by, created_at)
      VALUES (gen_random_uuid(), 'eve', now(), now() + interval '1 day', 'cora', now())`,
      /absence .* never sealed/,
    ],
    [
      'takes an absence away',
      `DELETE FROM absence WHERE ${EVE}`,
      /sealed, and gone: absence, 2 times/,
    ],
    [
      'turns a delegation to somebody else',
      `UPDATE delegation SET to_id = 'vic' WHERE ${EVE}`,
      /delegation/,
    ],
    [
      'widens a delegation',
      `UPDATE delegation SET role = NULL WHERE ${EVE} AND role IS NOT NULL`,
      /delegation/,
    ],
    ['narrows a delegation', `UPDATE delegation SET kind = 'x' WHERE ${EVE}`, /delegation/],
    [
      'revives a delegation',
      `UPDATE delegation SET cancelled_at = NULL WHERE ${EVE}`,
      /delegation/,
    ],
    ['makes a training longer', `UPDATE training SET valid_until = NULL WHERE ${EVE}`, /training/],
    ['makes a training newer', `UPDATE training SET version = 9 WHERE ${EVE}`, /training/],
    ['revives a training', `UPDATE training SET revoked_at = NULL WHERE ${EVE}`, /training/],
    [
      'moves somebody',
      `UPDATE person SET team = 'security' WHERE id = 'eve'`,
      /not the ones of the last change/,
    ],
    [
      'moves somebody with a past',
      `INSERT INTO person_profile SELECT 'eve', 99, 'security', NULL, 'cora', now()`,
      /other times/,
    ],
  ])('%s', async (_, sql, message) => {
    expect((await foundAfter(sql, 'eve')).join('\n')).toMatch(message);
  });

  test('lets somebody come back, or go', async () => {
    const back = `UPDATE person SET left_at = NULL WHERE id = 'rui'`;
    const gone = `UPDATE person SET left_at = now() WHERE id = 'eve'`;
    expect((await foundAfter(back, 'rui')).join()).toMatch(/somebody left/);
    expect((await foundAfter(gone, 'eve')).join()).toMatch(/somebody left/);
  });
});
