import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openStack, type Stack } from '../support/stack.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/people-import.ts', import.meta.url));

let stack: Stack;
let folder: string;
beforeAll(async () => {
  stack = await openStack({ worker: false, dispatcher: false });
  folder = await mkdtemp(join(tmpdir(), 'countersign-import-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
  await stack.close();
});

const key = randomBytes(32).toString('base64');

function run(...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  const env = { ...process.env, DATABASE_URL: stack.databaseUrl, ENCRYPTION_KEY: key };
  const child = spawn(process.execPath, [PROGRAM, ...args], { cwd: folder, env });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, out, err })));
}

const people = async (id: string): Promise<number> =>
  (await stack.call('eve', `/v1/people/${id}`)).status;

test('the program looks first, then applies, then has nothing to do', async () => {
  await writeFile(join(folder, 'people.csv'), 'id,name,roles\nkim,Kim Lee,security\n');
  const looked = await run('people.csv');
  expect(looked, looked.err).toMatchObject({ code: 0 });
  expect(looked.out).toContain('line 2: kim would be added: name (none) → "Kim Lee", +security');
  expect(await people('kim')).toBe(404);
  const applied = await run('people.csv', '--apply');
  expect(applied, applied.err).toMatchObject({ code: 0 });
  expect(applied.out).toContain('1 rows: 1 added, 0 changed, 0 unchanged, 0 problems');
  expect(await people('kim')).toBe(200);
  expect((await run('people.csv', '--apply')).out).toContain('0 added, 0 changed, 1 unchanged');
}, 60_000);

test('names every problem and applies nothing', async () => {
  await writeFile(join(folder, 'bad.csv'), 'id,name\nlea,Lea\nLeo,Leo\nmax,\n');
  const { code, err } = await run('bad.csv', '--apply');
  expect(code).toBe(1);
  expect(err).toContain('line 3: id is not an id');
  expect(err).toContain('line 4: name is missing');
  expect(await people('lea')).toBe(404);
}, 60_000);

test('says how it is called, and what is wrong with the call', async () => {
  const help = await run('--help');
  expect(help.code).toBe(0);
  expect(help.out).toContain('--apply');
  expect(await run()).toMatchObject({ code: 1, err: expect.stringContaining('Name one file') });
  expect((await run('nowhere.csv')).err).toContain('nowhere.csv cannot be read');
}, 60_000);
