import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { createApi } from '../../api/create-api.ts';
import { listen } from '../../api/server.ts';
import type { CommandBody } from '../../application/approval-service.ts';
import { createWorkflowGateway, type WorkflowGateway } from '../../application/workflow-gateway.ts';
import {
  addReviewers,
  aPolicySource,
  eventually,
  show,
  soundChain,
  submit,
} from '../support/acts.ts';
import { track } from '../support/no-leaks.ts';
import { openStack, publishPolicies, type Stack } from '../support/stack.ts';

const DECIDERS = 64;
/** Each sends up to four Updates at once to one gate, which takes ten. */
const API_PROCESSES = 4;

/** Through the workflow, or as when it has ended: each API takes the step itself, side by side. */
type Way = 'through the gate' | 'straight';

interface Front {
  readonly address: string;
  readonly close: () => Promise<void>;
}

let stack: Stack;
let fronts: Readonly<Record<Way, Front[]>>;
let jurors: readonly { readonly id: string; readonly token: string }[];
beforeAll(async () => {
  stack = await openStack({ policies: [] });
  jurors = await addReviewers(stack.deps, { role: 'juror', count: DECIDERS });
  const policies = [1, 3].map((quorum) => {
    const when = `request.action.operation == "quorum-${quorum}"`;
    return aPolicySource({ id: `quorum-${quorum}`, when, role: 'juror', quorum });
  });
  await publishPolicies(stack.deps, policies);
  const open = (way: Way) =>
    Promise.all(Array.from({ length: API_PROCESSES }, () => openFront(way)));
  fronts = { 'through the gate': await open('through the gate'), straight: await open('straight') };
});
afterAll(async () => {
  await Promise.all(Object.values(fronts).flatMap((all) => all.map((front) => front.close())));
  await stack.close();
});

/** Another API on the same database, with a connection to Temporal of its own, as in another process. */
async function openFront(way: Way): Promise<Front> {
  const gateway = createWorkflowGateway({
    connection: { address: inject('temporalAddress') },
    namespace: 'default',
    taskQueue: stack.taskQueue,
  });
  const closed: WorkflowGateway = { ...gateway, deliver: () => Promise.resolve('closed') };
  const app = createApi({ ...stack.deps, gateway: way === 'straight' ? closed : gateway });
  const server = await listen(app, { host: '127.0.0.1', port: 0 });
  const close = track('another API', async () => {
    await server.close(1_000);
    await gateway.close();
  });
  return { address: server.address, close };
}

test.each([
  { quorum: 1, way: 'through the gate' },
  { quorum: 3, way: 'through the gate' },
  { quorum: 3, way: 'straight' },
] as const)(
  'of 64 people who decide at one instant $way exactly $quorum count, and each is told the truth',
  async ({ quorum, way }) => {
    const action = { operation: `quorum-${quorum}`, target: 'loan/1' };
    const request = await submit(stack, { action });
    const body = JSON.stringify({ verdict: 'approve', contentDigest: request.contentDigest });
    const answers = await Promise.all(
      jurors.map(async ({ id, token }, n) => {
        const front = fronts[way][n % API_PROCESSES]?.address ?? '';
        const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' };
        const path = `${front}/v1/requests/${request.id}/decisions`;
        const response = await fetch(path, { method: 'POST', headers, body });
        const told = (await response.json()) as CommandBody;
        if (response.status !== 202) return { id, status: response.status, ...told };
        // A machine that is too busy to decide within ten seconds says so: the answer comes later.
        const location = `${front}${response.headers.get('location') ?? ''}`;
        const later = await eventually('the answer', 20_000, async () => {
          const answer = await fetch(location, { headers });
          const found = (await answer.json()) as CommandBody;
          return found.outcome.kind !== 'recorded' && { status: answer.status, ...found };
        });
        return { id, ...later };
      }),
    );

    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    const inFavour = answers.filter(({ outcome }) => outcome.kind !== 'refused');
    expect(inFavour).toHaveLength(quorum);
    const approvals = inFavour.flatMap(({ outcome }) =>
      outcome.kind === 'counted' ? [outcome.approvals] : [],
    );
    expect(approvals.sort((a, b) => a - b)).toEqual(
      Array.from({ length: quorum - 1 }, (_, n) => n + 1),
    );
    const refusals = answers.flatMap(({ outcome }) =>
      outcome.kind === 'refused' ? [outcome.reason] : [],
    );
    expect(refusals).toEqual(Array.from({ length: DECIDERS - quorum }, () => 'RESOLVED'));

    const end = await show(stack, request.id);
    const deciders = inFavour.map(({ id }) => id).sort();
    expect([...(end.resolution?.by ?? [])].sort()).toEqual(deciders);
    expect(end.decisions.map(({ person }) => person).sort()).toEqual(deciders);

    // Every answer names a record of its own in a chain that holds nothing else.
    const { kinds, report } = await soundChain(stack.deps, request.id);
    expect(kinds.filter((kind) => kind === 'decided')).toHaveLength(quorum);
    expect(kinds.filter((kind) => kind === 'refused')).toHaveLength(DECIDERS - quorum);
    expect(kinds).toHaveLength(DECIDERS + 4);
    const leaves = new Map(report.records.map(({ position, leafHash }) => [position, leafHash]));
    expect(new Set(answers.map(({ record }) => record?.seq)).size).toBe(DECIDERS);
    for (const { record } of answers) expect(leaves.get(record?.seq ?? 0)).toBe(record?.leafHash);
    expect(stack.faults).toEqual([]);
  },
);
