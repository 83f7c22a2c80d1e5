import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { parsePolicy } from '../../application/policy-file.ts';
import { policyProblems } from '../../domain/policy-problems.ts';

test('the policy in docs/policies.md can be published as it stands', async () => {
  const text = await readFile(new URL('../../docs/policies.md', import.meta.url), 'utf8');
  const examples = [...text.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, yaml]) => yaml ?? '');
  expect(examples.length).toBeGreaterThan(0);
  for (const example of examples) {
    const parsed = parsePolicy(example, 'yaml');
    expect(parsed).toMatchObject({ ok: true });
    if (parsed.ok) expect(policyProblems(parsed.policy, () => 3)).toEqual([]);
  }
});
