import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { parsePolicy } from '../../application/policy-file.ts';
import type { Policy } from '../../domain/policy.ts';
import { policyProblems } from '../../domain/policy-problems.ts';
import type { Candidate } from '../../domain/reviewer.ts';
import { openStack } from '../support/stack.ts';

const text = await readFile(new URL('../../docs/policies.md', import.meta.url), 'utf8');

/** Three people in every role that a policy names. */
function staffOf({ rules }: Policy): Candidate[] {
  const roles = rules.flatMap(({ stages, override }) => [
    ...stages.flatMap(({ groups, escalations }) => [
      ...groups.map(({ role }) => role),
      ...escalations.map(({ to }) => to),
    ]),
    ...(override === null ? [] : [override.role]),
  ]);
  return roles.flatMap((role) =>
    [1, 2, 3].map((n) => ({
      id: `${role}-${n}`,
      roles: [role],
      absent: false,
      team: null,
      region: null,
      trainings: [],
      acknowledged: [],
      standsFor: [],
    })),
  );
}

test('the policy in docs/policies.md can be published as it stands', () => {
  const examples = [...text.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, yaml]) => yaml ?? '');
  expect(examples.length).toBeGreaterThan(0);
  for (const example of examples) {
    const parsed = parsePolicy(example, 'yaml');
    expect(parsed).toMatchObject({ ok: true });
    if (!parsed.ok) continue;
    const bench = { people: staffOf(parsed.policy), reachable: 1 } as const;
    expect(policyProblems(parsed.policy, bench)).toEqual([]);
  }
});

test('the preview in docs/policies.md is what the sample installation answers', async () => {
  const json = (marker: string): unknown => {
    const block = new RegExp(
      `<!-- preview: ${marker} -->\\s+\`\`\`json\\n([\\s\\S]*?)^\`\`\`$`,
      'm',
    );
    return JSON.parse(block.exec(text)?.[1] ?? '');
  };
  const stack = await openStack({ worker: false, dispatcher: false });
  const reply = await stack.call('eve', '/v1/requests/preview', { body: json('request by eve') });
  await stack.close();
  expect(reply.status, reply.text).toBe(200);
  expect(reply.body).toEqual(json('answer'));
});
