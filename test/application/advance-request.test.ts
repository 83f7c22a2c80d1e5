import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { advanceRequest } from '../../application/advance-request.ts';
import { verifyStoredChain } from '../../application/chain.ts';
import { fromMillis, toMillis } from '../../domain/instant.ts';
import { codeOf, openWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

const submitted = async (content = {}): Promise<string> =>
  (await world.submit({ content })).body.id;
const kindsOf = async (id: string): Promise<string[]> =>
  (await world.records(id)).map((record) => record.kind);
const openedWith = ['requested', 'policy_bound', 'stage_opened'];

async function expectSound(id: string): Promise<void> {
  expect((await verifyStoredChain(world.deps, id)).problems).toEqual([]);
}

describe('the same command', () => {
  test('one after the other: one set of records, one answer', async () => {
    const id = await submitted();
    const command = await world.command(id, 'eve', await world.decision(id));
    const first = await world.step(id, command);
    const answer = await world.answer(command);
    world.clock.move('PT1M');
    const second = await world.step(id, command);
    expect(second).toMatchObject({ seq: first.seq, finished: false });
    expect(await world.answer(command)).toEqual(answer);
    expect(answer).toMatchObject({
      outcome: { kind: 'counted', approvals: 1, needed: 2 },
      record: { seq: 3, leafHash: (await world.row(id)).head.leafHash },
    });
    expect(await kindsOf(id)).toEqual([...openedWith, 'decided']);
  });

  test('eight times at once: the same', async () => {
    const id = await submitted();
    const command = await world.command(id, 'eve', await world.decision(id));
    const steps = await Promise.all(Array.from({ length: 8 }, () => world.step(id, command)));
    expect(new Set(steps.map((step) => step.seq))).toEqual(new Set([3]));
    expect(await kindsOf(id)).toEqual([...openedWith, 'decided']);
    expect((await world.row(id)).state.decisions).toHaveLength(1);
    await expectSound(id);
  });

  test('that was refused stays refused, also when it would be taken now', async () => {
    const id = await submitted();
    const command = await world.command(id, 'mia', await world.decision(id));
    await world.step(id, command);
    world.clock.move('PT4H'); // by now the manager is asked
    await world.step(id);
    await world.step(id, command);
    expect(await world.answer(command)).toMatchObject({
      outcome: { kind: 'refused', reason: 'NOT_ELIGIBLE' },
    });
    expect(await kindsOf(id)).toEqual([...openedWith, 'refused', 'reminded', 'escalated']);
  });
});

describe('commands that waited are decided in the order in which they were written', () => {
  type Told = { outcome: { kind: string; approvals?: number; reason?: string } };
  const told = async (command: string): Promise<string | number | undefined> => {
    const { outcome } = (await world.answer(command)) as Told;
    return outcome.reason ?? outcome.approvals ?? outcome.kind;
  };

  test('the second of one person is delivered first: the first counts, the second came too late', async () => {
    const id = await submitted();
    const approve = await world.command(id, 'eve', await world.decision(id));
    world.clock.move('PT20S');
    const reject = await world.command(id, 'eve', await world.decision(id, { verdict: 'reject' }));
    const after = await world.step(id, reject);
    expect(after).toMatchObject({ seq: 4, finished: false });
    expect(await told(approve)).toBe(1);
    expect(await told(reject)).toBe('ALREADY_DECIDED');
    expect((await world.row(id)).state.decisions).toMatchObject([
      { person: 'eve', verdict: 'approve' },
    ]);
    // Whoever brings the first one now finds it answered.
    expect(await world.step(id, approve)).toMatchObject({ seq: 4 });
    expect(await kindsOf(id)).toEqual([...openedWith, 'decided', 'refused']);
    await expectSound(id);
  });

  test('of one instant, by their ids', async () => {
    const id = await submitted();
    const commands: { command: string; who: string }[] = [];
    for (const who of ['omar', 'eve', 'dana'])
      commands.push({ command: await world.command(id, who, await world.decision(id)), who });
    commands.sort((a, b) => (a.command < b.command ? -1 : 1));
    await world.step(id, commands.at(-1)?.command);
    expect((await world.row(id)).state.decisions.map(({ person }) => person)).toEqual(
      commands.slice(0, 2).map(({ who }) => who),
    );
    expect(await Promise.all(commands.map(({ command }) => told(command)))).toEqual([
      ...[1, 2, 'NOT_ELIGIBLE'],
    ]);
    await expectSound(id);
  });

  test('forty that are delivered at once, the newest first: each once, in order', async () => {
    const id = await submitted();
    const commands: string[] = [];
    for (let n = 0; n < 40; n += 1) {
      world.clock.move('PT1S');
      commands.push(await world.command(id, 'mia', await world.decision(id)));
    }
    await Promise.all(commands.toReversed().map((command) => world.step(id, command)));
    const answers = (await Promise.all(commands.map((one) => world.answer(one)))) as {
      record: { seq: number };
    }[];
    expect(answers.map(({ record }) => record.seq)).toEqual(commands.map((_, n) => n + 3));
    expect(await kindsOf(id)).toHaveLength(43);
    await expectSound(id);
  });

  test('one that cannot be read holds up nobody, and is told', async () => {
    const id = await submitted();
    const broken = await world.command(id, 'eve', await world.decision(id));
    await world.deps.db.query('UPDATE command SET payload = $2 WHERE id = $1', [
      broken,
      Buffer.alloc(64),
    ]);
    world.clock.move('PT1S');
    const second = await world.command(id, 'omar', await world.decision(id));
    const before = world.faults.length;
    await world.step(id, second);
    expect(await told(second)).toBe(1);
    expect(await world.answer(broken)).toBeNull();
    expect(world.faults.slice(before)).toEqual([expect.stringContaining(broken)]);
    await expect(world.step(id, broken)).rejects.toThrow(Error);
    expect(await kindsOf(id)).toEqual([...openedWith, 'decided']);
  });

  test('looking at the request decides nothing that waits for its gate', async () => {
    const id = await submitted();
    const waiting = await world.command(id, 'eve', await world.decision(id));
    world.clock.move('PT1S');
    const view = { name: 'view', sha256: 'ab'.repeat(32), bytes: 2 } as const;
    const viewing = await world.command(id, 'omar', { kind: 'view', view });
    await world.step(id, viewing);
    expect(await world.answer(waiting)).toBeNull();
    expect(await kindsOf(id)).toEqual([...openedWith, 'viewed']);
  });

  test('what waits on another request has no part in it', async () => {
    const [id, other] = [await submitted(), await submitted()];
    const waiting = await world.command(other, 'eve', await world.decision(other));
    world.clock.move('PT1S');
    await world.step(id, await world.command(id, 'eve', await world.decision(id)));
    expect(await world.answer(waiting)).toBeNull();
    expect(await kindsOf(other)).toEqual(openedWith);
  });
});

describe('different commands at once', () => {
  test('are decided one after the other: the quorum counts, each is told the truth', async () => {
    const id = await submitted();
    const people = ['dana', 'eve', 'omar'];
    const commands = await Promise.all(
      people.map(async (who) => world.command(id, who, await world.decision(id))),
    );
    await Promise.all(commands.map((command) => world.step(id, command)));
    const answers = (await Promise.all(commands.map((command) => world.answer(command)))) as {
      outcome: { kind: string; approvals?: number; reason?: string };
    }[];
    const told = answers.map(({ outcome }) => outcome.reason ?? outcome.approvals);
    expect(new Set(told)).toEqual(new Set([1, 2, 'NOT_ELIGIBLE']));
    expect((await world.row(id)).state).toMatchObject({ stage: { index: 1 } });
    await expectSound(id);
  });

  test('of ticks nothing comes but time', async () => {
    const id = await submitted();
    world.clock.move('PT2H');
    await Promise.all(Array.from({ length: 5 }, () => world.step(id)));
    expect(await kindsOf(id)).toEqual([...openedWith, 'reminded']);
    await expectSound(id);
  });
});

describe('a command that is not there', () => {
  test.each([
    { why: 'unknown to everybody', of: async () => randomUUID() },
    {
      why: 'of another request',
      of: async () => {
        const other = await submitted();
        return world.command(other, 'eve', await world.decision(other));
      },
    },
  ])('does nothing: $why', async ({ of }) => {
    const id = await submitted();
    const command = await of();
    const before = await world.row(id);
    expect(await codeOf(world.step(id, command))).toBe('NOT_FOUND');
    expect(await world.row(id)).toEqual(before);
    expect(await kindsOf(id)).toEqual(openedWith);
    expect((await world.answer(command)) ?? null).toBeNull();
  });

  test('nor does one of a request that is not there', async () => {
    expect(await codeOf(world.step(randomUUID()))).toBe('NOT_FOUND');
    expect(await codeOf(world.step(randomUUID(), randomUUID()))).toBe('NOT_FOUND');
  });
});

describe('people are read inside the step', () => {
  const ended = (person: string) =>
    world.deps.db.query(`UPDATE role_grant SET valid_until = $2 WHERE person_id = $1`, [
      person,
      world.clock.now,
    ]);
  const granted = (person: string) =>
    world.deps.db.query('UPDATE role_grant SET valid_until = NULL WHERE person_id = $1', [person]);

  test('a role that ended between the command and the step does not count', async () => {
    const id = await submitted();
    const command = await world.command(id, 'eve', await world.decision(id));
    world.clock.move('PT1S');
    await ended('eve');
    await world.step(id, command);
    await granted('eve');
    expect(await world.answer(command)).toMatchObject({
      outcome: { kind: 'refused', reason: 'NOT_ELIGIBLE' },
    });
    expect((await world.row(id)).state.decisions).toEqual([]);
    expect(await kindsOf(id)).toEqual([...openedWith, 'refused']);
  });

  test.each([
    { why: 'before it begins', from: 1, until: 60_000, reason: null },
    { why: 'from its first instant', from: 0, until: 60_000, reason: 'NOT_ELIGIBLE' },
    { why: 'to its last', from: -60_000, until: 1, reason: 'NOT_ELIGIBLE' },
    { why: 'not any more at its end', from: -60_000, until: 0, reason: null },
  ])('an absence excludes: $why', async ({ from, until, reason }) => {
    const id = await submitted();
    const [start, end] = [from, until].map((ms) => fromMillis(toMillis(world.clock.now) + ms));
    await world.deps.db.query(
      `INSERT INTO absence (id, person_id, valid_from, valid_until, recorded_by, created_at)
        VALUES (gen_random_uuid(), 'omar', $1, $2, 'system', now())`,
      [start, end],
    );
    const command = await world.command(id, 'omar', await world.decision(id));
    await world.step(id, command);
    await world.owner.query('DELETE FROM absence');
    const outcome = reason === null ? { kind: 'counted' } : { kind: 'refused', reason };
    expect(await world.answer(command)).toMatchObject({ outcome });
  });

  test('a view counts for the content it showed', async () => {
    const id = await submitted();
    await world.approve(id, 'eve');
    const [viewed, decided] = (await world.records(id)).slice(3);
    expect([viewed?.kind, decided?.kind]).toEqual(['viewed', 'decided']);
    expect(decided?.body).toMatchObject({ viewed: decided?.prev });
    await expectSound(id);
  });
});

describe('a clock that runs backwards', () => {
  test('never lowers the time of a chain', async () => {
    const id = await submitted();
    world.clock.move('PT1H');
    await world.step(id, await world.command(id, 'eve', await world.decision(id)));
    const before = await world.row(id);
    const real = world.clock.now;
    world.clock.now = fromMillis(toMillis(real) - 30 * 60_000);
    await world.step(id, await world.command(id, 'omar', await world.decision(id)));
    world.clock.now = real;
    const times = (await world.records(id)).map((record) => record.ts);
    expect(times).toEqual(times.toSorted());
    const after = await world.row(id);
    expect(after.updatedAt).toBe(before.updatedAt);
    expect(after.state.stage).toMatchObject({ index: 1, openedAt: before.updatedAt });
    await expectSound(id);
  });
});

describe('a step and its answer', () => {
  test('time first: who comes after the deadline meets an expired request, in one commit', async () => {
    const id = await submitted();
    const command = await world.command(id, 'eve', await world.decision(id));
    world.clock.move('P2D');
    const step = await world.step(id, command);
    expect(step).toMatchObject({ finished: true, wakeInMs: null });
    expect(await world.answer(command)).toMatchObject({
      outcome: { kind: 'refused', reason: 'EXPIRED' },
    });
    expect((await kindsOf(id)).slice(3)).toEqual([
      'reminded',
      'escalated',
      'expired',
      'resolved',
      'refused',
    ]);
    await expectSound(id);
  });

  test('says when time alone changes something next, and closes the gate at the end', async () => {
    const id = await submitted();
    expect(await world.step(id)).toMatchObject({
      seq: 2,
      wakeInMs: 2 * 3_600_000,
      finished: false,
    });
    world.clock.move('PT3H');
    expect(await world.step(id)).toMatchObject({ seq: 3, wakeInMs: 3_600_000, finished: false });
    expect((await world.row(id)).gate).toBe('due');
    const withdrawn = await world.command(id, 'app', { kind: 'withdraw', reason: 'a mistake' });
    expect(await world.step(id, withdrawn)).toMatchObject({
      seq: 5,
      wakeInMs: null,
      finished: true,
    });
    expect(await world.row(id)).toMatchObject({ gate: 'closed', wakeAt: null });
  });

  test('a step that fails stores nothing, and the same command does it later', async () => {
    const id = await submitted();
    const command = await world.command(id, 'eve', await world.decision(id));
    const before = await world.row(id);
    const broken = { ...world.deps, origin: 'not an origin' };
    const ref = { kind: 'command', requestId: id, commandId: command } as const;
    expect(await codeOf(advanceRequest(broken, ref))).toBe('SCHEMA');
    expect(await world.row(id)).toEqual(before);
    expect(await world.answer(command)).toBeNull();
    await world.step(id, command);
    expect(await world.answer(command)).toMatchObject({ outcome: { kind: 'counted' } });
    await expectSound(id);
  });
});
