import { randomUUID } from 'node:crypto';
import { openDatabase, type Database } from '../../prisma/database.ts';
import { reading, factsOfPeople } from '../../prisma/directory-store.ts';
import { findApp } from '../../prisma/app-store.ts';
import { findCommand, insertCommand } from '../../prisma/command-store.ts';
import { recordsOf } from '../../prisma/ledger-store.ts';
import { findRequest, type RequestRow } from '../../prisma/request-store.ts';
import { advanceRequest } from '../../application/advance-request.ts';
import type { CommandPayload } from '../../application/command-payload.ts';
import type { Content } from '../../application/content.ts';
import type { Deps } from '../../application/deps.ts';
import type { KeyUse, Replayable } from '../../application/idempotency.ts';
import { commandPlace } from '../../application/places.ts';
import { createPolicyCache, publishPolicy } from '../../application/policies.ts';
import type { Caller } from '../../application/principal.ts';
import type { RequestShape } from '../../application/request-shape.ts';
import { ensureSampleDirectory } from '../../application/sample-directory.ts';
import { BY_ENGINE } from '../../application/sealing.ts';
import { submitRequest, type SubmitDeps } from '../../application/submit-request.ts';
import type { WorkflowGateway } from '../../application/workflow-gateway.ts';
import { addDuration, fromMillis, type Instant } from '../../domain/instant.ts';
import { parseRecord, type LedgerRecord } from '../../ledger/record.ts';
import { track } from '../support/no-leaks.ts';
import { createTestDatabase, openTestDeps } from '../support/stack.ts';

/** The use cases on a database of their own: sample people, the policies of a test, a clock that stands. */
export interface World {
  readonly url: string;
  readonly deps: SubmitDeps;
  readonly clock: { now: Instant; readonly move: (duration: string) => void };
  /** Gates that a submission asked to be started. */
  readonly needed: string[];
  /** What use cases got over by themselves. */
  readonly faults: string[];
  /** @param who a sample person, or `app` for the sample app. */
  caller(who: string): Promise<Caller>;
  submit(differs?: Submitting): Promise<Replayable & { readonly body: RequestShape }>;
  /** Stores a command as the approval service would, and leaves it there. */
  command(requestId: string, who: string, payload: CommandPayload): Promise<string>;
  step(requestId: string, commandId?: string): ReturnType<typeof advanceRequest>;
  /** A view and then an approval, both decided. @returns the id of the second command. */
  approve(requestId: string, who: string): Promise<string>;
  decision(requestId: string, more?: Partial<Deciding>): Promise<CommandPayload>;
  row(requestId: string): Promise<RequestRow>;
  records(stream: string): Promise<LedgerRecord[]>;
  answer(commandId: string): Promise<unknown>;
  /** The superuser, for what the product's own role may not do. */
  readonly owner: Database;
  close(): Promise<void>;
}

type Deciding = Extract<CommandPayload, { kind: 'decide' }>;

interface Submitting {
  readonly who?: string;
  readonly content?: Partial<Content>;
  readonly key?: KeyUse | null;
}

/** Two officers with everything a policy can ask of time, then a risk manager. */
export const POLICY = `id: loans
kind: ai-decision
rules:
  - name: everything
    effect: review
    stages:
      - name: first line
        role: credit-officer
        quorum: 2
        deadline: P1D
        reminders: [PT2H]
        escalations: [{ after: PT4H, to: credit-manager, mode: add }]
      - name: second line
        role: risk-manager
        quorum: 1
        deadline: P1D
        distinctFrom: [first line]
    requireView: false
    override: { role: override-authority, minReason: 20, effects: [stop, reverse, force] }
`;

export const LOAN: Content = {
  kind: 'ai-decision',
  title: 'Decline loan application 4711',
  action: { operation: 'loan.decline', target: 'loan/4711', parameters: { amount: '12500.00' } },
  context: {
    system: 'credit-scorer',
    model: { name: 'credit-scorer', version: '2026-08-01' },
    output: { value: { decision: 'decline' } },
    rationale: 'Debt ratio above 0.55.',
  },
};

export const NOBODY_REMEMBERS = (): void => undefined;

export async function publish(deps: Deps, source: string, expected: number | null = null) {
  return publishPolicy(deps, {
    id: /^id: *(\S+)/m.exec(source)?.[1] ?? '',
    source,
    format: 'yaml',
    expected,
    author: { ...BY_ENGINE, name: 'system' },
    remember: NOBODY_REMEMBERS,
  });
}

export async function openWorld(policies: readonly string[] = [POLICY]): Promise<World> {
  const database = await createTestDatabase();
  const clock = {
    now: fromMillis(Date.now()),
    move: (duration: string): void => {
      clock.now = addDuration(clock.now, duration);
    },
  };
  const base = await openTestDeps(database.url, { now: () => clock.now, advance: clock.move });
  const needed: string[] = [];
  const faults: string[] = [];
  const deps: SubmitDeps = {
    ...base,
    policies: createPolicyCache(base),
    gateNeeded: (gate) => void needed.push(gate.requestId),
    onFault: (message) => void faults.push(message),
  };
  await ensureSampleDirectory(deps);
  for (const source of policies) await publish(deps, source);
  const owner = openDatabase(database.url, 2);
  const close = track('world', async () => {
    await owner.close();
    await deps.db.close();
    await database.drop();
  });
  return { url: database.url, deps, clock, needed, faults, owner, close, ...actions(deps) };
}

type Actions = Omit<World, 'url' | 'deps' | 'clock' | 'needed' | 'faults' | 'owner' | 'close'>;

function actions(deps: SubmitDeps): Actions {
  const { db, vault } = deps;
  const self: Actions = {
    caller: (who) => callerOf(deps, who),
    async submit({ who = 'app', content = {}, key = null } = {}) {
      const submitted = { content: { ...LOAN, ...content } as Content, key };
      const answer = await submitRequest(deps, await callerOf(deps, who), submitted);
      return { ...answer, body: answer.body as RequestShape };
    },
    async command(requestId, who, payload) {
      const row = await self.row(requestId);
      const { principal } = await callerOf(deps, who);
      const id = randomUUID();
      await vault.prepare(reading(db), [row.dekId]);
      const command = {
        id,
        requestId,
        kind: payload.kind,
        actorType: principal.type,
        actorId: principal.id,
        surface: 'rest',
        authLevel: principal.type === 'app' ? 0 : 1,
        authMethod: principal.type === 'app' ? 'api_key' : 'sample_token',
        payload: vault.encrypt(row.dekId, commandPlace(id), JSON.stringify(payload)),
        createdAt: deps.now(),
      } as const;
      await db.transaction(async (tx) => tx.write(insertCommand(command, deps.now())));
      return id;
    },
    step: (requestId, commandId) =>
      advanceRequest(
        deps,
        commandId === undefined
          ? { kind: 'tick', requestId }
          : { kind: 'command', requestId, commandId },
      ),
    async approve(requestId, who) {
      const view = { name: 'view', sha256: 'ab'.repeat(32), bytes: 2 } as const;
      await self.step(requestId, await self.command(requestId, who, { kind: 'view', view }));
      const id = await self.command(requestId, who, await self.decision(requestId));
      await self.step(requestId, id);
      return id;
    },
    async decision(requestId, more = {}) {
      const { state } = await self.row(requestId);
      const { contentDigest } = state;
      const words = { rationale: null, conditions: [], acknowledgements: [] };
      return { kind: 'decide', verdict: 'approve', contentDigest, ...words, ...more };
    },
    async row(requestId) {
      const row = await findRequest(db, requestId);
      if (row === null) throw new TypeError('no such request');
      return row;
    },
    records: async (stream) => (await recordsOf(db, stream)).map(({ bytes }) => parseRecord(bytes)),
    answer: async (commandId) => (await findCommand(db, commandId))?.answer,
  };
  return self;
}

async function callerOf({ db, now }: Deps, who: string): Promise<Caller> {
  if (who !== 'app') {
    const [person] = await factsOfPeople(reading(db), [who], now());
    if (person === undefined) throw new TypeError(`no person ${who}`);
    const principal = { ...person, type: 'person', assurance: 1 } as const;
    return { principal: { ...principal, method: 'sample_token' }, surface: 'rest' };
  }
  const app = await findApp(db, 'sample-agent');
  const [owner] = await factsOfPeople(reading(db), [app?.owner ?? ''], now());
  if (app === null || owner === undefined) throw new TypeError('no sample app');
  const { id, scopes, kinds } = app;
  const principal = { type: 'app', id, owner: owner.id, ownerDekId: owner.dekId } as const;
  return { principal: { ...principal, scopes, kinds }, surface: 'rest' };
}

/** A Temporal that writes down what it is asked and does what the test says. */
export function aGateway(differs: Partial<WorkflowGateway> = {}) {
  const started: string[] = [];
  const delivered: string[] = [];
  const gateway: WorkflowGateway = {
    startGate: async () => undefined,
    deliver: async () => 'decided',
    namespaceId: async () => 'namespace-1',
    arrange: async () => undefined,
    close: async () => undefined,
    ...differs,
  };
  return {
    started,
    delivered,
    gateway: {
      ...gateway,
      startGate: async (gate) => {
        started.push(gate.requestId);
        await gateway.startGate(gate);
      },
      deliver: async (gate, commandId) => {
        delivered.push(commandId);
        return gateway.deliver(gate, commandId);
      },
    } satisfies WorkflowGateway,
  };
}

/** The same database, but for statements that contain `lost`: they never arrive. */
export function losing(db: Database, lost: string): Database {
  const query = (async (text: string, values?: readonly unknown[]) => {
    if (text.includes(lost)) throw new Error('the connection is gone');
    return db.query(text, values);
  }) as Database['query'];
  return { ...db, query };
}

/** @returns the code of the ApplicationError that the promise ends with; `none` where it does not. */
export async function codeOf(outcome: Promise<unknown>): Promise<string> {
  try {
    await outcome;
    return 'none';
  } catch (error) {
    return String((error as { code?: unknown }).code ?? error);
  }
}
