import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import {
  embeddedDatabaseUrl,
  startPostgres,
  type EmbeddedPostgres,
} from '../../bin/embedded/postgres.ts';
import { identityOf, isAlive } from '../../bin/embedded/process-identity.ts';
import { silentReport } from '../../bin/embedded/report.ts';
import { makeFolder } from '../support/servers.ts';
import { temporaryFolder } from './temporary-folder.ts';

// Making a cluster is slow: tests that leave it usable share one, in whatever order they run.
let dataDir: string;
beforeAll(() => {
  dataDir = makeFolder();
});
afterAll(() => rmSync(dataDir, { recursive: true, force: true }));

describe('the cluster', () => {
  test('is durable, in UTC, UTF-8, checksummed, on loopback, and not ours to break', async () => {
    const { url, adminUrl, stop } = await start();
    const settings = await rows(
      adminUrl,
      `SELECT name, setting FROM pg_settings WHERE name = ANY ('{fsync,full_page_writes,
       synchronous_commit,data_checksums,TimeZone,listen_addresses,unix_socket_directories,
       server_encoding}') ORDER BY lower(name)`,
    );
    expect(Object.fromEntries(settings.map(({ name, setting }) => [name, setting]))).toEqual({
      data_checksums: 'on',
      fsync: 'on',
      full_page_writes: 'on',
      listen_addresses: '127.0.0.1',
      server_encoding: 'UTF8',
      synchronous_commit: 'on',
      TimeZone: 'UTC',
      unix_socket_directories: '',
    });
    const [role] = await rows(
      url,
      `SELECT rolsuper, current_database() AS base, current_setting('server_version') AS version
       FROM pg_roles WHERE rolname = current_user`,
    );
    expect(role).toMatchObject({ rolsuper: false, base: 'countersign' });
    expect(role?.['version']).toMatch(/^18\./);
    await stop();
  });

  test('asks for its password, which only its owner may read', async () => {
    const { url, stop } = await start();
    const wrong = new URL(url);
    wrong.password = 'wrong';
    await expect(rows(wrong.href, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
    expect(statSync(join(dataDir, 'keys', 'postgres.json')).mode & 0o777).toBe(0o600);
    await stop();
  });
});

test('tools beside it find it while it runs', async () => {
  const { url, stop } = await start();
  expect(await embeddedDatabaseUrl(dataDir, 'owner')).toBe(url);
  await stop();
  expect(await embeddedDatabaseUrl(dataDir, 'owner')).toBeNull();
  expect(await embeddedDatabaseUrl(join(dataDir, 'elsewhere'), 'owner')).toBeNull();
});

describe('starting again', () => {
  test('after kill -9 finds data, password and port as they were', async () => {
    const first = await start();
    await rows(first.url, 'CREATE TABLE kept (n int)');
    await rows(first.url, 'INSERT INTO kept VALUES (42)');
    process.kill(first.pid, 'SIGKILL');
    await first.exited;
    const second = await start();
    expect(second.url).toBe(first.url);
    expect(await rows(second.url, 'SELECT n FROM kept')).toEqual([{ n: 42 }]);
    await second.stop();
  });

  test('ends the server that a killed run left behind', async () => {
    const leftover = await start();
    const second = await start();
    await leftover.exited;
    expect(isAlive(leftover.identity)).toBe(false);
    expect(await rows(second.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await second.stop();
  });

  test('is not misled by a pid that belongs to another program today, nor ends that', async () => {
    const first = await start();
    const file = join(dataDir, 'postgres', 'postmaster.pid');
    const text = readFileSync(file, 'utf8');
    process.kill(first.pid, 'SIGKILL');
    await first.exited;
    const stranger = spawn('sleep', ['60'], { stdio: 'ignore' });
    writeFileSync(file, text.replace(String(first.pid), String(stranger.pid)));
    const second = await start();
    const ended = new Promise((resolve) => stranger.once('exit', resolve));
    expect(identityOf(stranger.pid ?? 0)).not.toBeNull();
    await second.stop();
    stranger.kill();
    await ended;
  });

  test('sets new passwords when the file with the old ones is lost', async () => {
    const first = await start();
    await first.stop();
    rmSync(join(dataDir, 'keys'), { recursive: true });
    const second = await start();
    expect(second.url).not.toBe(first.url);
    expect(await rows(second.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await second.stop();
  });

  test('goes on where making the cluster was interrupted', async () => {
    const folder = temporaryFolder();
    await expect(start(folder, AbortSignal.timeout(150))).rejects.toThrow('aborted');
    expect(existsSync(join(folder, 'postgres'))).toBe(false);
    const { stop } = await start(folder);
    await stop();
  });

  test('refuses a cluster of another major version with a sentence', async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'postgres'));
    writeFileSync(join(folder, 'postgres', 'PG_VERSION'), '15\n');
    await expect(start(folder)).rejects.toMatchObject({ code: 'EMBEDDED_SERVER' });
  });
});

async function start(folder = dataDir, signal?: AbortSignal): Promise<EmbeddedPostgres> {
  const place = { dataDir: folder, cacheDir: folder, report: silentReport };
  const postgres = await startPostgres({ ...place, signal });
  onTestFinished(() => postgres.stop()); // nothing to do when the test has stopped it
  return postgres;
}

async function rows(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  try {
    await client.connect();
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}
