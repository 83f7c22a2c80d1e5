import { execFile } from 'node:child_process';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import {
  curlToShow,
  curlToSubmit,
  SAMPLE_AI_DECISION,
  SAMPLE_VENDOR_APPROVAL,
  submitSamples,
} from '../../bin/samples.ts';

const CREDENTIALS = {
  apiUrl: '',
  temporalUiUrl: null,
  log: { origin: 'o', verifierKey: 'k' },
  app: { id: 'app', key: 'cs_app_secret' },
  people: [],
};

test('both samples are submitted as the app, each with a key of its own', async () => {
  const { url, calls } = await serve(0);
  const submitted = await submitSamples(url, CREDENTIALS);
  expect(submitted.map(({ kind }) => kind)).toEqual(['ai-decision', 'vendor-approval']);
  expect(calls.map(({ body }) => body).slice(1)).toEqual([
    SAMPLE_AI_DECISION,
    SAMPLE_VENDOR_APPROVAL,
  ]);
  expect(calls.map(({ key }) => key)).toEqual([
    undefined,
    'sample-ai-decision',
    'sample-vendor-approval',
  ]);
  expect(new Set(calls.map(({ authorization }) => authorization))).toEqual(
    new Set(['Bearer cs_app_secret']),
  );
});

test('where there are requests already nothing is submitted', async () => {
  const { url, calls } = await serve(1);
  expect(await submitSamples(url, CREDENTIALS)).toEqual([]);
  expect(calls).toHaveLength(1);
});

test('a refusal is an error with the words of the server', async () => {
  const { url } = await serve(0, 422);
  await expect(submitSamples(url, CREDENTIALS)).rejects.toThrow(/422.*refused/);
});

test('the printed lines work when pasted into a shell', async () => {
  const { url, calls } = await serve(0);
  const submitted = await shell(curlToSubmit(url, CREDENTIALS));
  expect(JSON.parse(submitted)).toMatchObject({ id: 'r1', kind: 'ai-decision' });
  await shell(curlToShow(url, CREDENTIALS, 'r1'));
  expect(calls.map(({ path }) => path)).toEqual(['/v1/requests', '/v1/requests/r1']);
  expect(calls[0]?.body).toMatchObject({ kind: 'ai-decision', onBehalfOf: 'dana' });
});

async function shell(line: string): Promise<string> {
  return (await promisify(execFile)('/bin/sh', ['-c', line])).stdout;
}

type Call = {
  readonly path: string | undefined;
  readonly authorization: string | undefined;
  readonly key: unknown;
  readonly body: unknown;
};

/** An API that has `items` requests and answers every submission with `status`. */
async function serve(items: number, status = 201): Promise<{ url: string; calls: Call[] }> {
  const calls: Call[] = [];
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const body = await bodyOf(request);
    calls.push({
      path: request.url,
      authorization: request.headers.authorization,
      key: request.headers['idempotency-key'],
      body,
    });
    if (request.method === 'GET') return response.end(JSON.stringify({ items: Array(items) }));
    response.statusCode = status;
    const { kind } = body as { kind: string };
    const made = { id: `r${calls.length}`, kind, status: 'pending' };
    return response.end(status === 201 ? JSON.stringify(made) : 'refused');
  };
  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, calls };
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return chunks.length === 0 ? null : JSON.parse(Buffer.concat(chunks).toString('utf8'));
}
