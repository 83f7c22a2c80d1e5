import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import {
  createIncidents,
  MOST_PER_HOUR,
  unknownCommand,
  type Incident,
} from '../../application/incidents.ts';
import { checkLog } from '../../application/self-check.ts';
import { readInstallation } from '../../prisma/installation-store.ts';
import { openWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());
beforeEach(() => {
  world.clock.move('PT1H');
});

async function incidents() {
  const installation = await readInstallation(world.deps.db);
  const records = await world.records(installation?.systemStreamId ?? '');
  return records.flatMap((record) => (record.kind === 'incident' ? [record.body] : []));
}

const unknown = (): Incident =>
  unknownCommand({ requestId: randomUUID(), commandId: randomUUID() });

test('one is sealed once, whoever reports it and however often, and names its request', async () => {
  const incident = unknown();
  const all = await Promise.all(
    Array.from({ length: 6 }, () => createIncidents(world.deps)(incident)),
  );
  expect(all.toSorted()).toEqual([...Array(5).fill('known'), 'sealed'] as string[]);
  expect(
    (await incidents()).filter((one) => one.about_stream === incident.requestId),
  ).toMatchObject([{ code: 'UNKNOWN_COMMAND', change: 'detected', severity: 'high' }]);
});

test('what is no id is not written down', async () => {
  const before = (await incidents()).length;
  const seal = createIncidents(world.deps);
  expect(await seal(unknownCommand({ requestId: 'Jane Doe', commandId: 'x' }))).toBe('sealed');
  expect((await incidents()).slice(before)).toMatchObject([{ about_stream: null }]);
});

test('whoever causes many fills an hour with a fixed number and one more, not the log', async () => {
  const before = (await incidents()).length;
  const most = MOST_PER_HOUR.UNKNOWN_COMMAND;
  const seals = [createIncidents(world.deps), createIncidents(world.deps)];
  const answers: string[] = [];
  for (let n = 0; n < most + 30; n += 1)
    for (const seal of seals) answers.push(await seal(unknown()));
  expect(answers.filter((one) => one === 'sealed')).toHaveLength(most);
  const sealed = (await incidents()).slice(before);
  expect(sealed).toHaveLength(most + 1);
  expect(sealed.at(-1)).toMatchObject({ severity: 'critical', about_stream: null });

  // Another code has its own share, and so has the next hour.
  const ended = { code: 'WORKFLOW_ENDED', key: randomUUID(), requestId: null } as const;
  expect(await createIncidents(world.deps)(ended)).toBe('sealed');
  world.clock.move('PT1H');
  expect(await seals[0]?.(unknown())).toBe('sealed');
});

test('a chain with incidents is a sound one', async () => {
  await createIncidents(world.deps)(unknown());
  const { problems } = await checkLog({ ...world.deps, db: world.owner }, { signed: null });
  expect(problems).toEqual([]);
});
