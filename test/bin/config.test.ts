import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ConfigError, isLoopback, readConfig } from '../../bin/config.ts';

const read = (env: Record<string, string>) => readConfig(env, '/srv/clone');

describe('defaults', () => {
  test('an empty environment means embedded servers, loopback and folders of this clone', () => {
    expect(read({})).toEqual({
      databaseUrl: null,
      databaseLogins: { app: null, sequencer: null, reader: null },
      temporal: {
        address: null,
        namespace: 'default',
        apiKey: null,
        tls: null,
        taskQueue: 'countersign',
        uiUrl: null,
      },
      port: 3000,
      host: '127.0.0.1',
      publicUrl: 'http://127.0.0.1:3000',
      log: {
        origin: null,
        signingKey: null,
        previousKey: null,
        keyFile: '/srv/clone/.countersign/keys/log-signing-key.pem',
        memoryDir: '/srv/clone/.countersign/signer',
      },
      streamHead: { key: null, keyFile: '/srv/clone/.countersign/keys/stream-head-key.pem' },
      encryption: { key: null, keyFile: '/srv/clone/.countersign/keys/encryption-key' },
      dataDir: '/srv/clone/.countersign',
      cacheDir: join(homedir(), '.cache', 'countersign'),
      policiesDir: '/srv/clone/policies',
      temporalCliPath: null,
      production: false,
      embedded: false,
    });
  });

  test('an empty value counts as absent', () => {
    expect(read({ PORT: '', DATABASE_URL: '', PUBLIC_URL: '' })).toEqual(read({}));
  });

  test.each([
    { host: '0.0.0.0', url: 'http://127.0.0.1:4000' },
    { host: '::1', url: 'http://[::1]:4000' },
    { host: '192.0.2.7', url: 'http://192.0.2.7:4000' },
  ])('the address in links follows from HOST=$host', ({ host, url }) => {
    expect(read({ HOST: host, PORT: '4000' }).publicUrl).toBe(url);
  });

  test('sample tokens are never allowed in production', () => {
    expect(read({ COUNTERSIGN_EMBEDDED: '1' }).embedded).toBe(true);
    expect(read({ COUNTERSIGN_EMBEDDED: '1', NODE_ENV: 'production' }).embedded).toBe(false);
  });

  test.each([
    ['an API key', { TEMPORAL_API_KEY: 'k', TEMPORAL_ADDRESS: 'a.example:7233' }],
    ['the name of the server', { TEMPORAL_TLS_SERVER_NAME: 'x' }],
    ['TEMPORAL_TLS', { TEMPORAL_TLS: 'true' }],
  ])('TLS is switched on by %s', (_why, env) => {
    expect(read(env).temporal.tls).not.toBeNull();
  });
});

describe('wrong values', () => {
  test.each([
    ['PORT', 'abc'],
    ['PORT', '0'],
    ['PORT', '65536'],
    ['DATABASE_URL', 'mysql://root@localhost/db'],
    ['DATABASE_URL', 'postgresql://localhost'],
    ['TEMPORAL_ADDRESS', 'http://localhost:7233'],
    ['TEMPORAL_ADDRESS', 'localhost'],
    ['PUBLIC_URL', 'countersign.example'],
    ['HOST', 'not a host'],
    ['LOG_ORIGIN', 'with space'],
    ['LOG_ORIGIN', 'a+b'],
    ['LOG_SIGNING_KEY', 'hunter2'],
    ['ENCRYPTION_KEY', 'c2hvcnQ='],
    ['TEMPORAL_TLS', 'yes'],
    ['TEMPORAL_TLS_CLIENT_CERT_PATH', 'alone.pem'],
    ['TEMPORAL_API_KEY', 'without address'],
  ])('%s=%s is one problem that names the variable and not the value', (name, value) => {
    const problems = problemsOf({ [name]: value });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(name);
    if (value.length > 3) expect(problems[0]).not.toContain(value);
  });

  test('all problems are listed at once', () => {
    expect(problemsOf({ PORT: 'x', DATABASE_URL: 'y', ENCRYPTION_KEY: 'z' })).toHaveLength(3);
  });
});

test.each([
  ['127.0.0.1', true],
  ['::1', true],
  ['localhost', true],
  ['0.0.0.0', false],
  ['192.0.2.1', false],
])('HOST=%s is loopback: %s', (host, expected) => {
  expect(isLoopback(host)).toBe(expected);
});

function problemsOf(env: Record<string, string>): readonly string[] {
  try {
    read(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}
