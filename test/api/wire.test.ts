import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createApi } from '../../api/create-api.ts';
import { listen } from '../../api/server.ts';
import { createAuthenticator } from '../../application/identity.ts';
import { openDatabase } from '../../prisma/database.ts';
import { track } from '../support/no-leaks.ts';
import { openStack, type Stack } from '../support/stack.ts';
import { aLoan, aSureLoan, countRows, sendRaw, submit } from './support/calls.ts';
import { refuses, type Row } from './support/refused.ts';

let stack: Stack;
let requestId: string;
beforeAll(async () => {
  stack = await openStack({ worker: false, dispatcher: false });
  requestId = (await submit(stack, aLoan())).id;
});
afterAll(() => stack.close());

const cases = (rows: readonly Row[]): void => refuses(() => ({ stack, requestId }), rows);

describe('media types, sizes and encodings', () => {
  const raw = JSON.stringify(aLoan());
  const padded = (bytes: number): string => raw.padEnd(bytes, ' ');
  const UNSUPPORTED = { status: 415, code: 'UNSUPPORTED_MEDIA_TYPE' } as const;
  const TOO_LARGE = { status: 413, code: 'PAYLOAD_TOO_LARGE' } as const;
  const type = (value: string) => ({ 'Content-Type': value });
  const packed = (value: string) => ({ 'Content-Encoding': value });
  const bomb = Buffer.alloc(50_000_000, 0x20);
  cases([
    { why: 'text', raw, headers: type('text/plain'), ...UNSUPPORTED },
    {
      why: 'a form',
      raw: 'kind=ai-decision',
      headers: type('application/x-www-form-urlencoded'),
      ...UNSUPPORTED,
    },
    { why: 'YAML where JSON is asked for', raw, headers: type('application/yaml'), ...UNSUPPORTED },
    { why: 'no media type', raw, headers: type(''), ...UNSUPPORTED },
    { why: 'a JSON of its own', raw, headers: type('application/vnd.loan+json'), ...UNSUPPORTED },
    {
      why: 'another charset',
      raw,
      headers: type('application/json; charset=iso-8859-1'),
      ...UNSUPPORTED,
    },
    { why: 'an unknown encoding', raw, headers: packed('rot13'), ...UNSUPPORTED },
    { why: 'an encoding named like a method', raw, headers: packed('toString'), ...UNSUPPORTED },
    {
      why: 'packed twice',
      raw: gzipSync(gzipSync(raw)),
      headers: packed('gzip, gzip'),
      ...UNSUPPORTED,
    },
    { why: 'one byte too many', raw: padded(262_145), ...TOO_LARGE },
    { why: 'ten megabytes', raw: padded(10_000_000), ...TOO_LARGE },
    { why: 'a gzip bomb', raw: gzipSync(bomb), headers: packed('gzip'), ...TOO_LARGE },
    { why: 'a brotli bomb', raw: brotliCompressSync(bomb), headers: packed('br'), ...TOO_LARGE },
    { why: 'a deflate bomb', raw: deflateSync(bomb), headers: packed('deflate'), ...TOO_LARGE },
    { why: 'not gzip', raw, headers: packed('gzip'), status: 400, code: 'BAD_REQUEST', at: [''] },
    {
      why: 'gzip cut short',
      raw: gzipSync(raw).subarray(0, 60),
      headers: packed('gzip'),
      status: 400,
      code: 'BAD_REQUEST',
      at: [''],
    },
  ]);

  test('255 KiB, gzip, deflate and brotli go through', async () => {
    for (const [headers, bytes] of [
      [{}, padded(262_144)],
      [packed('gzip'), gzipSync(padded(262_144))],
      [packed('deflate'), deflateSync(raw)],
      [packed('br'), brotliCompressSync(raw)],
      [type('application/json;charset="UTF-8"'), raw],
      [type('Application/JSON'), raw],
    ] as const) {
      const reply = await stack.call('app', '/v1/requests', { raw: bytes, headers });
      expect(reply.status, reply.text).toBe(201);
    }
  });
});

describe('the wire', () => {
  const head = (more: string, line = 'POST /v1/requests HTTP/1.1'): string =>
    `${line}\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${stack.bearer('app')}\r\n${more}\r\n\r\n`;

  test('a chunked body goes through, and one that is too large does not', async () => {
    const raw = JSON.stringify(aSureLoan());
    const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;
    const chunked = head('Content-Type: application/json\r\nTransfer-Encoding: chunked');
    const small = await sendRaw(
      stack.address,
      `${chunked}${chunk(raw.slice(0, 50))}${chunk(raw.slice(50))}0\r\n\r\n`,
    );
    expect(small).toMatch(/^HTTP\/1\.1 201 /);
    const before = await countRows(stack);
    const large = await sendRaw(
      stack.address,
      `${chunked}${chunk(' '.repeat(100_000)).repeat(3)}0\r\n\r\n`,
    );
    expect(large).toMatch(/^HTTP\/1\.1 413 /);
    expect(large).toContain('"code":"PAYLOAD_TOO_LARGE"');
    expect(await countRows(stack)).toEqual(before);
  });

  test('a body on GET means nothing', async () => {
    const text = head(
      'Content-Type: text/plain\r\nContent-Length: 5',
      'GET /v1/requests?limit=1 HTTP/1.1',
    );
    expect(await sendRaw(stack.address, `${text}hello`)).toMatch(/^HTTP\/1\.1 200 /);
  });

  test('a body that breaks off stores nothing', async () => {
    const before = await countRows(stack);
    const raw = JSON.stringify(aSureLoan());
    const text = head(`Content-Type: application/json\r\nContent-Length: ${raw.length + 1}`) + raw;
    const reply = await sendRaw(stack.address, text, { quietMs: 300 });
    expect(reply).not.toMatch(/^HTTP\/1\.1 2/);
    expect(await countRows(stack)).toEqual(before);
  });

  test.each([
    ['no HTTP at all', 'hello\r\n\r\n', 400, 'BAD_REQUEST'],
    [
      'an address of 20,000 characters',
      `GET /v1/requests/${'a'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
      431,
      'HEADERS_TOO_LARGE',
    ],
    [
      'headers without end',
      `GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: ${'a'.repeat(20_000)}\r\n\r\n`,
      431,
      'HEADERS_TOO_LARGE',
    ],
    [
      'two lengths',
      'POST /v1/requests HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
      400,
      'BAD_REQUEST',
    ],
    [
      'a length and chunks',
      'POST /v1/requests HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
      'BAD_REQUEST',
    ],
  ])('%s is answered with a problem', async (_why, text, status, code) => {
    const reply = await sendRaw(stack.address, text);
    expect(reply).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(reply.toLowerCase()).toContain('content-type: application/problem+json');
    expect(JSON.parse(reply.slice(reply.indexOf('\r\n\r\n')))).toMatchObject({ status, code });
  });

  test('a call that does not arrive in time is answered 408, headers and body alike', async () => {
    const server = await listen(createApi(stack.deps), {
      host: '127.0.0.1',
      port: 0,
      arrivalMs: 200,
    });
    const close = track('slow server', () => server.close(100));
    const [headers, body] = await Promise.all([
      sendRaw(server.address, 'POST /v1/requests HTTP/1.1\r\nHost: x\r\n'),
      sendRaw(server.address, head('Content-Type: application/json\r\nContent-Length: 9')),
    ]);
    expect(headers).toMatch(/^HTTP\/1\.1 408 /);
    expect(body).toMatch(/^HTTP\/1\.1 408 /);
    expect(body).toContain('"code":"REQUEST_TIMEOUT"');
    await close();
  });
});

test('a database out of reach is 503 with Retry-After, and does not tell what is behind', async () => {
  const db = openDatabase('postgresql://nobody:secret@127.0.0.1:1/nothing', 2);
  const deps = { ...stack.deps, db };
  const app = createApi({ ...deps, authenticator: createAuthenticator(deps, true) });
  const server = await listen(app, { host: '127.0.0.1', port: 0 });
  const close = track('server', async () => {
    await server.close(100);
    await db.close();
  });
  const response = await fetch(`${server.address}/v1/requests`, {
    headers: { Authorization: `Bearer ${stack.bearer('app')}` },
  });
  const text = await response.text();
  expect(response.status).toBe(503);
  expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(JSON.parse(text)).toMatchObject({ status: 503, code: 'STORE_UNAVAILABLE' });
  expect(text).not.toMatch(/secret|ECONN|127\.0\.0\.1|\.ts/);
  await close();
});
