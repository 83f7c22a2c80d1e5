import { randomUUID } from 'node:crypto';
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RequestState } from '../../domain/request.ts';
import { audienceId } from '../../prisma/listing-store.ts';
import { migrate } from '../../prisma/migrate.ts';
import { MIGRATIONS, openTestDatabase, type TestDatabase } from './databases.ts';

// A database from before lists had tables of their own is filled by the migration.

const LISTS = '20261121210500_inbox';

let database: TestDatabase;
let folder: string;
beforeAll(async () => {
  database = await openTestDatabase('empty');
  folder = await mkdtemp(join(tmpdir(), 'countersign-migrations-'));
  for (const name of (await readdir(MIGRATIONS)).filter((one) => one < LISTS))
    await cp(join(MIGRATIONS, name), join(folder, name), { recursive: true });
  await migrate(database.url, folder);
});
afterAll(async () => {
  await database.close();
  await rm(folder, { recursive: true });
});

/** As the first release stored them: what was added to the state since is missing. */
const OLD = {
  kind: 'ai-decision',
  requester: { type: 'app', id: 'loan-agent', owner: 'otto' },
  onBehalfOf: 'dana',
  editors: [],
  decisions: [{ person: 'eve', delegatedBy: null, verdict: 'approve', stage: 0 }],
  policy: {
    rule: {
      stages: [
        {
          name: 'first line',
          groups: [{ name: 'first line', role: 'credit-officer' }],
          escalations: [{ after: 'PT4H', to: 'credit-manager', mode: 'add' }],
        },
        {
          name: 'second line',
          groups: [{ name: 'second line', role: 'risk-manager' }],
          escalations: [],
        },
      ],
      override: { role: 'override-authority', breakGlass: null },
    },
  },
};

test('lists find what was there before them', async () => {
  const [pending, over] = [randomUUID(), randomUUID()];
  const dek = randomUUID();
  await database.admin(`INSERT INTO dek (dek_id, subject, kek) VALUES ($1, 'request', 'none')`, [
    dek,
  ]);
  for (const [id, status, roles, deadline] of [
    [pending, 'pending', ['credit-officer', 'credit-manager'], '2026-11-22T09:00:00Z'],
    [over, 'approved', [], null],
  ] as const)
    await database.admin(
      `INSERT INTO request (id, kind, status, tier, requester_type, requester_id, waiting_roles, deadline, revision,
          head_seq, head_hash, state, dek_id, title, content, gate, gate_at, created_at, updated_at)
        VALUES ($1, 'ai-decision', $2, 'medium', 'app', 'loan-agent', $3, $4, 1, 1, sha256('x'), $5, $6, 'x', 'x',
          'closed', now(), '2026-11-21T09:00:00Z', now())`,
      [id, status, roles, deadline, JSON.stringify(OLD), dek],
    );
  await migrate(database.url, MIGRATIONS);

  const audience = audienceId(OLD as unknown as RequestState);
  expect(await database.admin('SELECT DISTINCT audience FROM request')).toEqual([{ audience }]);
  expect(await database.admin('SELECT * FROM request_audience')).toEqual([
    {
      id: audience,
      kind: 'ai-decision',
      roles: ['credit-manager', 'credit-officer', 'override-authority', 'risk-manager'],
    },
  ]);
  expect(
    await database.admin('SELECT request_id, asked, due::text FROM request_waiting ORDER BY asked'),
  ).toEqual(
    ['credit-manager', 'credit-officer'].map((asked) => ({
      request_id: pending,
      asked,
      due: '2026-11-22 09:00:00+00',
    })),
  );
  expect(
    await database.admin(
      'SELECT person_id, request_id, status FROM request_person ORDER BY person_id, status',
    ),
  ).toEqual(
    ['dana', 'eve'].flatMap((person) => [
      { person_id: person, request_id: over, status: 'approved' },
      { person_id: person, request_id: pending, status: 'pending' },
    ]),
  );
});
