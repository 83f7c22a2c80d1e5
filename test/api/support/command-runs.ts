import { addDuration } from '../../../domain/instant.ts';
import type { RequestShape } from '../../../application/request-shape.ts';
import type { CallOptions, Stack } from '../../support/stack.ts';
import { act, aLoan, read, submit, view } from './calls.ts';

type Run = [name: string, who: string, path: string, options?: CallOptions];

const BREAKABLE = `id: breakable
kind: ai-decision
when: request.action.operation == "glass.break"
rules:
  - name: or at once
    effect: review
    requireView: false
    override: { role: override-authority, minReason: 5, breakGlass: { role: compliance } }
    stages:
      - { name: first line, role: credit-officer, quorum: 1, deadline: P1D }
`;

/** One good call of each route that is a command on a request and no decision, each on a request of its own. */
export async function commandRuns(stack: Stack): Promise<Run[]> {
  const fresh = async (): Promise<string> => (await submit(stack, aLoan())).id;
  const asked = await fresh();
  const question = await act(stack, 'eve', `${asked}/questions`, { text: 'Why?' });
  const { questionId } = question.body.outcome as { questionId?: string };
  const claimed = await fresh();
  await act(stack, 'eve', `${claimed}/claims`, {});
  const withdrawn = await fresh();
  await act(stack, 'app', `${withdrawn}/withdrawal`, {});
  const until = addDuration(stack.clock.now(), 'P1D');
  const reason = 'I am away.';
  const run = (name: string, who: string, id: string, body: object): Run => [
    `POST /v1/requests/:id/${name}`,
    who,
    `/v1/requests/${id}/${name}`,
    { body },
  ];
  return [
    run('questions', 'eve', await fresh(), { text: 'Which debts?' }),
    run('answers', 'app', asked, { questionId, text: 'Two loans.' }),
    run('comments', 'eve', await fresh(), { text: 'Seen before.' }),
    ['GET /v1/requests/:id/discussion', 'app', `/v1/requests/${asked}/discussion`],
    run('amendments', 'app', await fresh(), { summary: 'Another summary.' }),
    run('claims', 'eve', await fresh(), {}),
    [
      'DELETE /v1/requests/:id/claims',
      'eve',
      `/v1/requests/${claimed}/claims`,
      { method: 'DELETE' },
    ],
    run('delegations', 'eve', await fresh(), { to: 'sam', until, reason }),
    run('reassignments', 'mia', await fresh(), { from: 'eve', to: 'omar', reason }),
    run('escalations', 'eve', await fresh(), { reason }),
    run('reviews', 'cora', await brokenGlass(stack), { verdict: 'justified', reason }),
    run('reopening', 'app', withdrawn, {}),
  ];
}

/** A request that somebody forced at once: the review of it is owed. */
async function brokenGlass(stack: Stack): Promise<string> {
  await stack.call('cora', '/v1/policies/breakable/versions', {
    raw: BREAKABLE,
    headers: { 'Content-Type': 'application/yaml' },
  });
  const { id } = await submit(
    stack,
    aLoan({ action: { operation: 'glass.break', target: 'glass/1' } }),
  );
  await act(stack, 'olga', `${id}/overrides`, {
    ...{ effect: 'stop', reason: 'At once, please.', breakGlass: true },
  });
  const { debt }: RequestShape = await read(stack, id);
  if (debt === null) throw new Error('no review is owed');
  await view(stack, 'cora', id);
  return id;
}
