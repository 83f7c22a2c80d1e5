import { afterAll, beforeAll, expect, test } from 'vitest';
import { act, type ActDeps } from '../../application/approval-service.ts';
import { createApp } from '../../application/apps.ts';
import { keyUse } from '../../application/idempotency.ts';
import { addPerson } from '../../application/people.ts';
import { BY_ENGINE } from '../../application/sealing.ts';
import {
  LOAN,
  NOBODY_REMEMBERS,
  aGateway,
  openWorld,
  publish,
  POLICY,
  type World,
} from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

/** People whom one finds when they are there: their ids and names occur in nothing else. */
const PEOPLE = [
  { id: 'plantedxid-dana', name: 'Plantedxname Weiss', roles: ['credit-officer'] },
  { id: 'plantedxid-eve', name: 'Plantedxname Lindqvist', roles: ['credit-officer'] },
  { id: 'plantedxid-rui', name: 'Plantedxname Tavares', roles: ['risk-manager'] },
  { id: 'plantedxid-olga', name: 'Plantedxname Petrova', roles: ['override-authority'] },
  { id: 'plantedxid-cora', name: 'Plantedxname Meyer', roles: ['policy-admin'] },
] as const;
const WORDS = 'plantedxwords: she earns 41000, Zoë said so';

/** Everything that people can do today, with words wherever words can be. */
async function everything(): Promise<void> {
  const author = { by: BY_ENGINE, name: 'system', source: 'directory' } as const;
  for (const person of PEOPLE)
    await addPerson(world.deps, author, { person, remember: NOBODY_REMEMBERS });
  const cora = await world.caller('plantedxid-cora');
  const by = {
    actor: { type: 'person', id: cora.principal.id },
    auth: { level: 1, method: 'sample_token', proof: null },
    surface: 'rest',
  } as const;
  await addPerson(
    world.deps,
    { by, name: 'plantedxid-cora', source: 'directory' },
    {
      person: { id: 'plantedxid-last', name: 'Plantedxname Last', roles: ['security'] },
      remember: NOBODY_REMEMBERS,
    },
  );
  await createApp(world.deps, by, {
    app: { id: 'app-of-cora', name: 'An app', owner: 'plantedxid-cora', scopes: [], kinds: [] },
    remember: NOBODY_REMEMBERS,
  });
  await publish(world.deps, POLICY, 1);

  const deps: ActDeps = {
    ...world.deps,
    gateway: aGateway({ deliver: async () => 'closed' }).gateway,
  };
  const content = {
    ...LOAN,
    title: WORDS,
    summary: WORDS,
    onBehalfOf: 'plantedxid-dana',
    action: { ...LOAN.action, target: WORDS, parameters: { plantedxkey: WORDS } },
    context: { ...LOAN.context, rationale: WORDS, recipient: WORDS },
  } as typeof LOAN;
  const key = (name: string) =>
    keyUse({ principal: 'app:sample-agent', route: 'POST /v1/requests', key: name }, { name });
  const submit = async (name: string) => (await world.submit({ content, key: key(name) })).body.id;
  const acting = async (
    requestId: string,
    who: string,
    payload: Parameters<typeof act>[2]['payload'],
  ) =>
    act(deps, await world.caller(who), {
      requestId,
      payload,
      key: key(`${requestId} ${payload.kind} ${who}`),
    });
  const view = { kind: 'view', view: { name: 'view', sha256: 'ab'.repeat(32), bytes: 9 } } as const;
  const deciding = { rationale: WORDS, conditions: [WORDS], acknowledgements: ['ack'] };

  const approved = await submit('approved');
  for (const who of ['plantedxid-dana', 'plantedxid-eve', 'omar', 'plantedxid-rui']) {
    await acting(approved, who, view).catch(() => undefined);
    await acting(approved, who, await world.decision(approved, deciding));
  }
  expect((await world.row(approved)).state.resolution?.kind).toBe('approved');
  const overriding = {
    kind: 'override',
    effect: 'reverse',
    reason: `${WORDS} and it is long`,
  } as const;
  await acting(approved, 'plantedxid-olga', overriding);
  await acting(await submit('refused'), 'plantedxid-eve', overriding);
  await acting(await submit('withdrawn'), 'app', { kind: 'withdraw', reason: WORDS });
  const rejected = await submit('rejected');
  await acting(
    rejected,
    'plantedxid-eve',
    await world.decision(rejected, { ...deciding, verdict: 'reject' }),
  );
  const late = await submit('late');
  world.clock.move('P9D');
  await world.step(late);
}

/** However a text might be written down. */
function spellings(text: string): string[] {
  const bytes = Buffer.from(text);
  return [text, bytes.toString('hex'), encodeURIComponent(text)].map((one) => one.toLowerCase());
}

test('neither who nor what stands in the clear: not in the records, and what not anywhere', async () => {
  await everything();
  const { owner: db } = world; // reads every table, whoever may
  const records = await db.query<{ kind: string; text: string }>(
    `SELECT bytes_text::json ->> 'kind' AS kind, bytes_text AS text
      FROM (SELECT convert_from(bytes, 'UTF8') AS bytes_text FROM ledger_record) r`,
  );
  const kinds = new Set(records.map(({ kind }) => kind));
  for (const kind of [
    'requested viewed decided refused overridden withdrawn resolved expired escalated reminded',
    'stage_opened policy_bound person_added role_granted app_changed policy_changed',
  ].flatMap((line) => line.split(' ')))
    expect(kinds).toContain(kind);
  const plants = ['plantedx', 'Zoë', 'Lindqvist', 'Weiss', 'earns'].flatMap(spellings);
  for (const { text } of records)
    for (const plant of plants) expect(text.toLowerCase()).not.toContain(plant);

  const tables = await db.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'`,
  );
  const words = ['plantedxwords', 'earns 41000', 'plantedxkey'].flatMap(spellings);
  for (const { name } of tables)
    for (const { row } of await db.query<{ row: string }>(`SELECT t::text AS row FROM ${name} t`))
      for (const plant of words) expect(row.toLowerCase(), name).not.toContain(plant);
});
