import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, onTestFinished, test } from 'vitest';
import { silentReport } from '../../bin/embedded/report.ts';
import { EmbeddedServerError } from '../../bin/embedded/server-process.ts';
import { findTemporalCli, isNewEnough } from '../../bin/embedded/temporal-cli.ts';
import { temporaryFolder } from './temporary-folder.ts';

const GOOD = program('temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)');
const LIMITS = { idleMs: 300, totalMs: 5_000 };

describe('versions', () => {
  test.each([
    ['temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)', true],
    ['temporal version v1.6.0 (Server 1.30.0, UI 2.43.0)', true],
    ['temporal version 2.0.0', true],
    ['temporal version 0.0.0-DEV (Server 1.29.1, UI 2.42.1)', true],
    ['temporal version 0.0.0-DEV (Server 1.28.0, UI 2.40.0)', false],
    ['temporal version 0.0.0-DEV', false],
    ['temporal version 1.5.0 (Server 1.29.0)', false],
    ['temporal version 1.4.9', false],
    ['tctl version 1.18.0', false],
    ['', false],
  ])('"%s" is new enough: %s', (text, expected) => {
    expect(isNewEnough(text)).toBe(expected);
  });
});

describe('what is there already', () => {
  test('TEMPORAL_CLI_PATH comes before PATH', async () => {
    const [configured, path] = [temporaryFolder(), temporaryFolder()];
    const configuredPath = put(join(configured, 'my-temporal'), GOOD);
    put(join(path, 'temporal'), GOOD);
    expect(await find({ configuredPath, path })).toBe(configuredPath);
  });

  test('PATH comes before the cache, unless it is too old', async () => {
    const [path, cacheDir] = [temporaryFolder(), temporaryFolder()];
    const onPath = put(join(path, 'temporal'), GOOD);
    const cached = put(cachedPath(cacheDir), GOOD);
    expect(await find({ path, cacheDir })).toBe(onPath);
    put(onPath, program('temporal version 1.4.0'));
    expect(await find({ path, cacheDir })).toBe(cached);
  });
});

describe('download', () => {
  test('asks in the way of the SDK and puts the program into the cache', async () => {
    const cacheDir = temporaryFolder();
    const asked: string[] = [];
    const downloadBaseUrl = await serve(archive(tarGz('temporal', GOOD), asked));
    const found = await find({ cacheDir, downloadBaseUrl });
    expect(found).toBe(cachedPath(cacheDir));
    expect(readFileSync(found, 'utf8')).toBe(GOOD);
    expect(asked[0]).toMatch(/^\/cli\/v1\.5\.1\?arch=(amd64|arm64)&platform=\w+&format=tar\.gz$/);
    expect(await find({ cacheDir, downloadBaseUrl })).toBe(found);
    expect(asked).toHaveLength(2);
    expect(readdirSync(cacheDir)).toEqual(['temporal-1.5.1']);
  });

  test('follows a redirect, also of the archive', async () => {
    const cacheDir = temporaryFolder();
    const target = await serve(archive(tarGz('temporal', GOOD)));
    const downloadBaseUrl = await serve((request, response) => {
      response.writeHead(302, { location: `${target}${request.url?.slice(1)}` }).end();
    });
    expect(await find({ cacheDir, downloadBaseUrl })).toBe(cachedPath(cacheDir));
  });

  test('replaces a cached program that does not run', async () => {
    const cacheDir = temporaryFolder();
    put(cachedPath(cacheDir), '\u007fELF truncated');
    const downloadBaseUrl = await serve(archive(tarGz('temporal', GOOD)));
    const found = await find({ cacheDir, downloadBaseUrl });
    expect(readFileSync(found, 'utf8')).toBe(GOOD);
  });

  test('two at once: one fetches, the other waits and takes it from the cache', async () => {
    const cacheDir = temporaryFolder();
    const asked: string[] = [];
    const downloadBaseUrl = await serve(archive(tarGz('temporal', GOOD), asked));
    const options = { cacheDir, downloadBaseUrl };
    const [first, second] = await Promise.all([find(options), find(options)]);
    expect(first).toBe(second);
    expect(asked).toHaveLength(2);
  });

  const whole = tarGz('temporal', GOOD.padEnd(100_000, '#'));
  test.each<{ why: string; answers: RequestListener; reason: RegExp }>([
    { why: '404', answers: (_, response) => void response.writeHead(404).end(), reason: /404/ },
    {
      why: 'an answer that is no JSON',
      answers: (_, response) => void response.end('<html>'),
      reason: /archiveUrl/,
    },
    {
      why: 'an answer of another shape',
      answers: (_, response) => void response.end('{"archiveUrl": 7}'),
      reason: /archiveUrl/,
    },
    {
      why: 'an archive that ends too early',
      answers: archive(whole.subarray(0, whole.length / 2)),
      reason: /unexpected end|too early/,
    },
    {
      why: 'a connection that breaks off',
      answers: archive(whole, [], (response) => {
        response.writeHead(200, { 'content-length': whole.length });
        response.write(whole.subarray(0, 100), () => response.destroy());
      }),
      reason: /aborted|reset|terminated|premature/i,
    },
    {
      why: 'a flipped bit',
      answers: archive(flipped(whole)),
      reason: /./,
    },
    {
      why: 'an archive without the program',
      answers: archive(tarGz('README', 'hello')),
      reason: /does not hold temporal/,
    },
    {
      why: 'a program for another machine',
      answers: archive(tarGz('temporal', '\u007fELF')),
      reason: /--version fails/,
    },
    { why: 'silence', answers: () => {}, reason: /nothing came for 0.3 s/ },
  ])(
    '$why is a failure with its reason, and leaves nothing behind',
    async ({ answers, reason }) => {
      const cacheDir = temporaryFolder();
      const failure = await failureOf({ cacheDir, downloadBaseUrl: await serve(answers) });
      expect(failure).toMatch(/download: /);
      expect(failure).toMatch(reason);
      expect(readdirSync(cacheDir)).toEqual([]);
    },
  );
});

describe('go install', () => {
  test('builds into the cache after the download failed', async () => {
    const cacheDir = temporaryFolder();
    const goCommand = put(
      join(temporaryFolder(), 'go'),
      `#!/bin/sh\necho "$@" > "$GOBIN/args"\nprintf '%s' '${GOOD}' > "$GOBIN/temporal"\nchmod +x "$GOBIN/temporal"\n`,
    );
    expect(await find({ cacheDir, goCommand })).toBe(cachedPath(cacheDir));
    expect(readdirSync(cacheDir)).toEqual(['temporal-1.5.1']);
  });

  test('a build that fails tells the last words of the compiler', async () => {
    const goCommand = put(
      join(temporaryFolder(), 'go'),
      '#!/bin/sh\necho no space left >&2\nexit 2\n',
    );
    expect(await failureOf({ goCommand })).toContain('go install: exit code 2: no space left');
  });
});

test('when all fail, one error names every source with its reason and the ways to help', async () => {
  const path = temporaryFolder();
  put(join(path, 'temporal'), program('temporal version 1.0.0'));
  const failure = await failureOf({ configuredPath: '/nonexistent/temporal', path });
  expect(failure).toMatch(/TEMPORAL_CLI_PATH: \/nonexistent\/temporal --version fails/);
  expect(failure).toMatch(/temporal on PATH: .*1\.0\.0.*1\.5\.1 or newer/);
  expect(failure).toMatch(/cache \(.*\): not there/);
  expect(failure).toMatch(/download: .*ECONNREFUSED/);
  expect(failure).toMatch(/go install: there is no Go toolchain/);
  for (const help of [
    'install the Temporal CLI',
    'TEMPORAL_CLI_PATH',
    'TEMPORAL_ADDRESS',
    'install Go',
  ]) {
    expect(failure).toContain(help);
  }
});

test('a wish to stop ends the fetching', async () => {
  const downloadBaseUrl = await serve(() => {});
  const signal = AbortSignal.timeout(100);
  const limits = { idleMs: 60_000, totalMs: 60_000 };
  await expect(find({ downloadBaseUrl, signal, downloadLimits: limits })).rejects.toThrow(
    'aborted',
  );
});

type Options = Partial<Parameters<typeof findTemporalCli>[0]>;

function find(options: Options): Promise<string> {
  return findTemporalCli({
    configuredPath: null,
    cacheDir: options.cacheDir ?? temporaryFolder(),
    report: silentReport,
    path: '',
    goCommand: null,
    downloadBaseUrl: 'http://127.0.0.1:1/',
    downloadLimits: LIMITS,
    ...options,
  });
}

async function failureOf(options: Options): Promise<string> {
  const error: unknown = await find(options).catch((cause: unknown) => cause);
  if (error instanceof EmbeddedServerError) return error.message;
  throw new Error(`expected an EmbeddedServerError, not ${String(error)}`);
}

function cachedPath(cacheDir: string): string {
  return join(cacheDir, 'temporal-1.5.1', `${process.platform}-${process.arch}`, 'temporal');
}

function program(version: string): string {
  return `#!/bin/sh\necho "${version}"\n`;
}

function put(path: string, text: string): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  chmodSync(path, 0o755);
  expect(existsSync(path)).toBe(true);
  return path;
}

/** A download service: the question is answered with the address of the archive, then the archive. */
function archive(
  bytes: Buffer,
  asked: string[] = [],
  send: (response: Parameters<RequestListener>[1]) => void = (response) => void response.end(bytes),
): RequestListener {
  return (request, response) => {
    asked.push(request.url ?? '');
    if (!request.url?.startsWith('/cli/')) return send(response);
    const archiveUrl = `http://${request.headers.host}/archive.tar.gz`;
    response.end(JSON.stringify({ archiveUrl, fileToExtract: 'temporal' }));
  };
}

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

/** Two entries, so that one has to be skipped. */
function tarGz(name: string, text: string): Buffer {
  const body = Buffer.from(text);
  const end = Buffer.alloc(1024);
  return gzipSync(
    Buffer.concat([...entry('LICENSE', Buffer.from('MIT')), ...entry(name, body), end]),
    {
      level: 0,
    },
  );
}

function entry(name: string, body: Buffer): Buffer[] {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write(body.length.toString(8).padStart(11, '0'), 124);
  header.write('0', 156);
  header.write('ustar', 257);
  return [header, body, Buffer.alloc((512 - (body.length % 512)) % 512)];
}

function flipped(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy[50_000] = (copy[50_000] ?? 0) ^ 1;
  return copy;
}
