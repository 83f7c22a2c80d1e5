import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tryLock } from '../../bin/embedded/lock.ts';
import { endProcess, identityOf, isAlive } from '../../bin/embedded/process-identity.ts';
import { temporaryFolder } from './temporary-folder.ts';

test('a living holder keeps the lock and says what it wants others to know', () => {
  const path = join(temporaryFolder(), 'run.lock');
  const first = tryLock(path, 'http://127.0.0.1:3000');
  const second = tryLock(path, 'somebody else');
  expect(first.kind).toBe('held');
  expect(second).toMatchObject({
    kind: 'taken',
    by: { pid: process.pid, about: 'http://127.0.0.1:3000' },
  });
});

test('a released lock is free again', () => {
  const path = join(temporaryFolder(), 'run.lock');
  const first = tryLock(path, '');
  if (first.kind === 'held') first.release();
  expect(existsSync(path)).toBe(false);
  expect(tryLock(path, '').kind).toBe('held');
});

test.each([
  ['whose holder is dead', JSON.stringify({ pid: 2 ** 22 + 1, startedAt: 'x', about: '' })],
  [
    'whose pid belongs to another process now',
    JSON.stringify({ pid: process.pid, startedAt: 'before', about: '' }),
  ],
  ['that a power cut left empty', ''],
  ['that a power cut left half written', '{"pid": 1'],
])('a lock %s is taken over', (_why, text) => {
  const path = join(temporaryFolder(), 'run.lock');
  writeFileSync(path, text);
  expect(tryLock(path, 'new').kind).toBe('held');
  expect(readFileSync(path, 'utf8')).toContain('"about":"new"');
});

test('a process is known by its start, and ended with harder means when it does not listen', async () => {
  const deaf =
    "process.on('SIGTERM', () => {}); process.stdout.write('up'); setInterval(() => {}, 1e3)";
  const child = spawn(process.execPath, ['-e', deaf], { stdio: ['ignore', 'pipe', 'ignore'] });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  const identity = identityOf(child.pid ?? 0);
  if (identity === null) throw new Error('not found');
  expect(isAlive(identity)).toBe(true);
  expect(isAlive({ ...identity, startedAt: 'another time' })).toBe(false);
  const gone = await endProcess(identity, [
    { signal: 'SIGTERM', waitMs: 200 },
    { signal: 'SIGKILL', waitMs: 5_000 },
  ]);
  expect(gone).toBe(true);
  expect(isAlive(identity)).toBe(false);
});
