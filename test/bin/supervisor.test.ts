import { existsSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { isAlive } from '../../bin/embedded/process-identity.ts';
import { EXTERNAL, startSupervised, until, untilGone } from './supervised.ts';
import { makeFolder } from '../support/servers.ts';

const EMBEDDED = { DATABASE_URL: '', TEMPORAL_ADDRESS: '' };

describe('starting', () => {
  test('a second run for the same data folder is refused, naming the first', async () => {
    const first = await startSupervised(EXTERNAL);
    await first.says('ready {');
    const second = await startSupervised({ ...EXTERNAL, COUNTERSIGN_DATA_DIR: first.dataDir });
    expect(await second.exitCode).toBe(1);
    expect(second.output()).toContain(`Countersign already runs here: pid ${first.pid}, http://`);
    expect(second.output()).toContain(`:${first.env['PORT']}`);
    process.kill(first.pid, 'SIGTERM');
    expect(await first.exitCode).toBe(0);
  });

  test('a taken port is named before anything starts', async () => {
    const server = createServer();
    const port = await new Promise<number>((resolve) => {
      server.listen(0, '127.0.0.1', () => {
        const address = server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
    onTestFinished(() => new Promise<void>((resolve) => server.close(() => resolve())));
    const run = await startSupervised({ ...EMBEDDED, PORT: String(port) });
    expect(await run.exitCode).toBe(1);
    expect(run.output()).toContain(`port ${port} is taken by another program; set PORT=`);
    expect(existsSync(join(run.dataDir, 'postgres'))).toBe(false);
  });

  test('a preparation that fails stops what was started and tells its last words', async () => {
    const run = await startSupervised({ ...EXTERNAL, STAND_IN_PREPARE_FAILS: '1' });
    expect(await run.exitCode).toBe(1);
    expect(run.output()).toContain('exit code 3');
    expect(run.output()).toContain('migrating 1 of 1');
    expect(run.journal()).toEqual([]);
  });

  test('the children are told everything by their environment, and their errors are shown', async () => {
    const run = await startSupervised(EXTERNAL);
    await run.says('[api] Error: first words of the api');
    process.kill(run.pid, 'SIGTERM');
    expect(await run.exitCode).toBe(0);
  });
});

describe('deaths', () => {
  test.each(['worker', 'log', 'api'] as const)('a killed %s is started again', async (name) => {
    const run = await startSupervised(EXTERNAL);
    await run.says('ready {');
    const before = run.identity(name);
    process.kill(before.pid, 'SIGKILL');
    await run.says('runs again');
    expect(run.identity(name).pid).not.toBe(before.pid);
    process.kill(run.pid, 'SIGTERM');
    expect(await run.exitCode).toBe(0);
  });

  test('what dies again and again ends everything, in order, with a sentence', async () => {
    const run = await startSupervised(EXTERNAL);
    await run.says('ready {');
    for (let round = 1; round <= 4; round += 1) {
      process.kill(run.identity('worker').pid, 'SIGKILL');
      await until(
        () => run.output().split('worker runs again').length > round || round === 4,
        () => `restart ${round} in:\n${run.output()}`,
      );
    }
    expect(await run.exitCode).toBe(1);
    expect(run.output()).toContain('worker ended 4 times within 2 minutes');
    const ended = run.journal().filter((line) => line.includes('ended'));
    expect(ended.map((line) => line.split(' ')[0])).toEqual(['api', 'log']);
  });

  test('a worker that never gets ready ends the start', async () => {
    const run = await startSupervised({ ...EXTERNAL, STAND_IN_DIES: 'worker' });
    expect(await run.exitCode).toBe(1);
    expect(run.output()).toContain('ended before it was ready (exit code 7)');
  });

  test('the guard is started again and then does its work', async () => {
    const run = await startSupervised(EXTERNAL);
    await run.says('ready {');
    const guard = run.identity('guard');
    process.kill(guard.pid, 'SIGKILL');
    await until(
      () => run.identity('guard').pid !== guard.pid,
      () => 'another guard',
    );
    const [api, second] = [run.identity('api'), run.identity('guard')];
    process.kill(run.pid, 'SIGKILL');
    await untilGone(api);
    await untilGone(second);
  });
});

describe('stopping', () => {
  test('first the API, then the worker, then the log, and a Ctrl-C that arrives three times is one', async () => {
    const run = await startSupervised({ ...EXTERNAL, STAND_IN_DRAIN_MS: '300' });
    await run.says('ready {');
    for (let times = 0; times < 3; times += 1) process.kill(run.pid, 'SIGINT');
    expect(await run.exitCode).toBe(0);
    const events = run.journal().map((line) => line.replace(/ \d+$/, ''));
    expect(events).toEqual([
      ...['log ready', 'worker ready', 'api ready'],
      ...['api SIGTERM', 'api ended', 'worker SIGTERM', 'worker ended'],
      ...['log SIGTERM', 'log ended'],
    ]);
    expect(existsSync(join(run.dataDir, 'run.lock'))).toBe(false);
  });

  test('a second Ctrl-C hurries', async () => {
    const run = await startSupervised({ ...EXTERNAL, STAND_IN_DRAIN_MS: '60000' });
    await run.says('ready {');
    process.kill(run.pid, 'SIGINT');
    await run.says('stopping everything');
    await new Promise((resolve) => setTimeout(resolve, 1_600));
    process.kill(run.pid, 'SIGINT');
    expect(await run.exitCode).toBe(0);
    expect(run.output()).toContain('Hurrying');
    expect(run.journal().filter((line) => line.includes('ended'))).toEqual([]);
  });
});

describe('with embedded servers', () => {
  // Making a cluster is slow: the runs share one, each in the state in which another left it.
  const shared = { ...EMBEDDED, COUNTERSIGN_DATA_DIR: '' };
  beforeAll(() => {
    shared.COUNTERSIGN_DATA_DIR = makeFolder();
  });
  afterAll(() => rmSync(shared.COUNTERSIGN_DATA_DIR, { recursive: true, force: true }));

  test('each comes back at its address, and everything stops in order', async () => {
    const run = await startSupervised(shared);
    await run.says('ready {');
    for (const [name, title] of [
      ['postgres', 'PostgreSQL'],
      ['temporal', 'Temporal'],
    ] as const) {
      process.kill(run.identity(name).pid, 'SIGKILL');
      await run.says(`${title} runs again`);
    }
    const servers = [run.identity('postgres'), run.identity('temporal')];
    process.kill(run.pid, 'SIGTERM');
    expect(await run.exitCode).toBe(0);
    expect(servers.map(isAlive)).toEqual([false, false]);
    const stopped = [...run.output().matchAll(/Stopping (\w+)/g)].map(([, name]) => name);
    expect(stopped).toEqual(['API', 'worker', 'log', 'Temporal', 'PostgreSQL']);
  });

  test('a killed supervisor leaves nothing behind, and the next run goes on', async () => {
    const run = await startSupervised(shared);
    await run.says('ready {');
    const names = ['api', 'worker', 'log', 'temporal', 'postgres', 'guard'];
    const all = names.map(run.identity);
    process.kill(run.pid, 'SIGKILL');
    await Promise.all(all.map(untilGone));
    expect(run.journal().filter((line) => line.includes('ended'))).toHaveLength(3);
    const next = await startSupervised(shared);
    await next.says('ready {');
    process.kill(next.pid, 'SIGTERM');
    expect(await next.exitCode).toBe(0);
  });

  test('what supervisor and guard left when both were killed is ended by the next run', async () => {
    const run = await startSupervised(shared);
    await run.says('ready {');
    const left = [run.identity('temporal'), run.identity('postgres')];
    process.kill(run.identity('guard').pid, 'SIGSTOP');
    process.kill(run.pid, 'SIGKILL');
    process.kill(run.identity('guard').pid, 'SIGKILL');
    await run.exitCode;
    expect(left.map(isAlive)).toEqual([true, true]);
    const next = await startSupervised(shared);
    await next.says('ready {');
    expect(left.map(isAlive)).toEqual([false, false]);
    expect(next.output()).toContain('of a killed run');
    process.kill(next.pid, 'SIGTERM');
    expect(await next.exitCode).toBe(0);
  });

  test('a wish to stop while it starts is granted at once', async () => {
    const run = await startSupervised(EMBEDDED);
    await new Promise((resolve) => setTimeout(resolve, 700));
    process.kill(run.pid, 'SIGTERM');
    expect(await run.exitCode).toBe(0);
    expect(run.output()).not.toContain('ready {');
    expect(existsSync(join(run.dataDir, 'run.lock'))).toBe(false);
  });
});
