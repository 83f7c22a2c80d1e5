import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openStack, type Stack } from '../support/stack.ts';

const run = promisify(execFile);

let stack: Stack;
let folder: string;
beforeAll(async () => {
  stack = await openStack({ worker: false, dispatcher: false });
  folder = await mkdtemp(join(tmpdir(), 'countersign-docs-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
  await stack.close();
});

/** One command per line of the shell, continued lines joined. */
async function commands(): Promise<string[]> {
  const text = await readFile(new URL('../../docs/directory.md', import.meta.url), 'utf8');
  return [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].flatMap(([, block = '']) =>
    block.replaceAll('\\\n', ' ').trim().split('\n'),
  );
}

test('every example of docs/directory.md works as it stands, in order', async () => {
  const env = {
    ...process.env,
    BASE: stack.address,
    CORA: stack.bearer('cora'),
    EVE: stack.bearer('eve'),
  };
  const lines = await commands();
  expect(lines.length).toBeGreaterThan(8);
  for (const line of lines) {
    const checked = line.replace(/^curl /, 'curl --fail-with-body ');
    const { stdout } = await run('sh', ['-c', checked], { cwd: folder, env });
    if (line.startsWith('curl ')) expect(JSON.parse(stdout), line).toBeTypeOf('object');
  }
  const { body } = await stack.call<{ team: string; roles: { role: string }[] }>(
    'cora',
    '/v1/people/kim',
  );
  expect(body).toMatchObject({
    team: 'credit',
    roles: [{ role: 'credit-officer' }, { role: 'lead' }],
  });
});
