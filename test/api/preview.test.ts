import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Preview } from '../../application/preview.ts';
import { addDuration } from '../../domain/instant.ts';
import { openStack, type Stack } from '../support/stack.ts';
import {
  aHeldRequest,
  aLoan,
  aSureLoan,
  aVendor,
  expectProblem,
  HOLDING_POLICY,
  submit,
} from './support/calls.ts';

const VAULT_POLICY = `id: vault
kind: ai-decision
when: request.action.operation.startsWith("vault.")
rules:
  - name: never
    when: request.action.operation == "vault.burn"
    effect: reject
  - name: both keys
    when: request.action.operation == "vault.open"
    effect: review
    stages:
      - name: keys
        parallel:
          - { name: line, role: credit-officer, quorum: 2 }
          - { name: risk, role: risk-manager, quorum: 1, rejectQuorum: 1 }
        deadline: P1D
      - { name: second look, role: credit-officer, quorum: 1, deadline: P1D, distinctFrom: [keys] }
  - name: trained only
    effect: review
    stages: [{ name: only, role: credit-officer, quorum: 1, deadline: P1D }]
`;

let stack: Stack;
beforeAll(async () => {
  stack = await openStack({ worker: false, dispatcher: false });
  for (const [id, raw] of Object.entries({ holding: HOLDING_POLICY, vault: VAULT_POLICY })) {
    const headers = { 'Content-Type': 'application/yaml' };
    await stack.call('cora', `/v1/policies/${id}/versions`, { raw, headers });
  }
});
afterAll(() => stack.close());

async function preview(body: unknown, who = 'app'): Promise<Preview> {
  const reply = await stack.call<Preview>(who, '/v1/requests/preview', { body });
  expect(reply.status, reply.text).toBe(200);
  return reply.body;
}

const toVault = (operation: string, more: Readonly<Record<string, unknown>> = {}) =>
  aLoan({ action: { operation: `vault.${operation}`, target: 'vault' }, ...more });

async function stored(): Promise<unknown[]> {
  const rows = await stack.deps.db.query<{ table_name: string }>(
    `SELECT table_name FROM information_schema.tables
      WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY table_name`,
  );
  expect(rows.map((row) => row.table_name)).toEqual(expect.arrayContaining(['request', 'dek']));
  return Promise.all(
    rows
      // The access log and the outbox of the log run beside us.
      .filter(({ table_name: name }) => !/^(?:access|log|checkpoint|tile)/.test(name))
      .map(async ({ table_name: name }) => [
        name,
        (await stack.deps.db.query(`SELECT count(*) AS rows FROM "${name}"`))[0],
      ]),
  );
}

describe('a preview', () => {
  test('says rule, stages and people as submitting then finds them, and stores nothing', async () => {
    const before = await stored();
    const shown = await preview(aLoan());
    expect(await stored()).toEqual(before);
    expect(shown).toEqual({
      policy: { id: 'credit-decisions', version: 1 },
      rule: 'everything else',
      effect: 'review',
      stages: [
        {
          name: 'first line',
          role: 'credit-officer',
          needed: 2,
          eligible: ['eve', 'omar'],
          excluded: [{ person: 'dana', reason: 'OWN_REQUEST' }],
        },
        { name: 'second line', role: 'risk-manager', needed: 1, eligible: ['rui'], excluded: [] },
      ],
      satisfiable: true,
      problems: [],
    });
    const request = await submit(stack, aLoan());
    expect(request).toMatchObject({
      policy: { ...shown.policy, rule: shown.rule },
      stage: { eligible: shown.stages[0]?.eligible, needed: shown.stages[0]?.needed },
    });
  });

  test('a person who asks is a party too', async () => {
    const shown = await preview(aLoan({ onBehalfOf: 'dana' }), 'eve');
    expect(shown.stages[0]).toMatchObject({
      // The manager is there to help: her role is asked as soon as the stage opens.
      eligible: ['mia', 'omar'],
      excluded: [
        { person: 'dana', reason: 'OWN_REQUEST' },
        { person: 'eve', reason: 'OWN_REQUEST' },
      ],
    });
    expect(shown.satisfiable).toBe(true);
    expect(shown.problems).toEqual([expect.stringMatching(/first line.*"credit-manager"/)]);
    expect((await submit(stack, aLoan(), 'eve')).stage?.eligible).toEqual(['mia', 'omar']);
  });

  test('groups beside each other are shown each, and stages that lack people together are named', async () => {
    const shown = await preview(toVault('open'));
    expect(shown.stages.map(({ name, needed }) => [name, needed])).toEqual([
      ['line', 2],
      ['risk', 1],
      ['second look', 1],
    ]);
    expect(shown.satisfiable).toBe(false);
    expect(shown.problems).toEqual([
      'stage "second look": stages "keys" and "second look" need different people, and only eve, omar and rui can answer in them',
    ]);
    // With Dana, who is not acted for here, there are three officers for two and one.
    const { onBehalfOf: _, ...forNobody } = toVault('open');
    expect((await preview(forNobody)).satisfiable).toBe(true);
  });

  test('what a policy decides alone asks nobody', async () => {
    const nobody = { stages: [], satisfiable: true, problems: [] };
    expect(await preview(aSureLoan())).toMatchObject({ effect: 'approve', ...nobody });
    expect(await preview(toVault('burn'))).toMatchObject({ effect: 'reject', ...nobody });
  });

  test('what would be held is said with the reason', async () => {
    const shown = await preview(aHeldRequest());
    expect(shown).toMatchObject({ rule: 'large ones', stages: [], satisfiable: false });
    expect(shown.problems).toEqual([expect.stringContaining('no such key')]);
    expect((await submit(stack, aHeldRequest())).heldBy).not.toEqual([]);
  });

  test('who is absent is not eligible, and missed where nobody else is there', async () => {
    const from = stack.deps.now();
    const body = { from, until: addDuration(from, 'P1D') };
    const path = '/v1/people/rui/absences';
    const absence = await stack.call<{ id: string }>('rui', path, { body });
    expect(absence.status, absence.text).toBe(201);
    const shown = await preview(aLoan());
    expect(shown.stages[1]).toMatchObject({
      eligible: [],
      excluded: [{ person: 'rui', reason: 'NOT_ELIGIBLE' }],
    });
    expect(shown).toMatchObject({
      satisfiable: false,
      problems: [
        'stage "second line": quorum 1 of "risk-manager" cannot be met: rui holds it, rui is absent',
      ],
    });
    await stack.call('rui', `${path}/${absence.body.id}`, { method: 'DELETE' });
    expect((await preview(aLoan())).satisfiable).toBe(true);
  });
});

test('what no people can meet is refused when it is published, by its line', async () => {
  const raw = VAULT_POLICY.replace('id: vault', 'id: unmet').replace(
    'second look, role: credit-officer, quorum: 1',
    'second look, role: credit-officer, quorum: 2',
  );
  const headers = { 'Content-Type': 'application/yaml' };
  const reply = await stack.call('cora', '/v1/policies/unmet/versions', { raw, headers });
  const { errors } = expectProblem(reply, 422, 'POLICY_INVALID');
  expect(errors).toEqual([
    {
      pointer: '/rules/1/stages/1/distinctFrom',
      message: expect.stringMatching(
        /^stages "keys" and "second look" need different people, and only .* \(line 17, column \d+\)$/,
      ),
    },
  ]);
});

describe('who may ask, and what', () => {
  test('the body is that of a submission, checked the same', async () => {
    const call = (body: unknown, who: string | null = 'app') =>
      stack.call(who, '/v1/requests/preview', { body });
    const { title: _, ...untitled } = aLoan();
    expectProblem(await call(untitled), 422, 'VALIDATION_FAILED');
    const problem = expectProblem(
      await call(aLoan({ onBehalfOf: 'nobody' })),
      422,
      'VALIDATION_FAILED',
    );
    expect(problem.errors).toMatchObject([{ pointer: '/onBehalfOf' }]);
    expectProblem(await call(aLoan(), null), 401, 'UNAUTHENTICATED');
  });

  test('people may, and apps that may submit such requests', async () => {
    expect((await preview(aVendor(), 'ada')).stages.length).toBeGreaterThan(0);
    const body = {
      id: 'reader',
      name: 'Reads',
      owner: 'otto',
      scopes: ['requests:read'],
      kinds: ['*'],
    };
    const vendorsOnly = {
      ...body,
      id: 'vendors',
      scopes: ['requests:submit'],
      kinds: ['vendor-approval'],
    };
    for (const app of [body, vendorsOnly]) {
      expect((await stack.call('cora', '/v1/apps', { body: app })).status).toBe(201);
      const key = await stack.call<{ key: string }>('cora', `/v1/apps/${app.id}/keys`, {
        body: {},
      });
      const headers = { Authorization: `Bearer ${key.body.key}` };
      const reply = await stack.call(null, '/v1/requests/preview', { body: aLoan(), headers });
      expectProblem(reply, 403, 'FORBIDDEN');
    }
  });
});
