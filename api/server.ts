import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Express } from 'express';
import { problemBody, type TransportCode } from './problem.ts';

export interface RunningServer {
  /** `http://host:port` as this machine reaches it. */
  readonly address: string;
  /** Takes no new calls, lets running ones end for up to `graceMs`, then cuts them. */
  close(graceMs: number): Promise<void>;
}

export interface ListenOptions {
  readonly host: string;
  readonly port: number;
  /** A call has arrived whole within this, in milliseconds. */
  readonly arrivalMs?: number;
}

const ARRIVAL_MS = 30_000;

/** @throws the system's error when the port is taken. */
export async function listen(
  app: Express,
  { host, port, arrivalMs = ARRIVAL_MS }: ListenOptions,
): Promise<RunningServer> {
  const server = createServer(
    {
      headersTimeout: Math.min(20_000, arrivalMs),
      requestTimeout: arrivalMs,
      connectionsCheckingInterval: Math.min(5_000, arrivalMs),
    },
    app,
  );
  server.keepAliveTimeout = 65_000;
  server.on('clientError', answerUnreadable);
  server.listen(port, host);
  await once(server, 'listening');
  const { port: bound } = server.address() as AddressInfo;
  const shown = host.includes(':') ? `[${host}]` : host;
  return {
    address: `http://${shown}:${bound}`,
    close: (graceMs) => closeServer(server, graceMs),
  };
}

async function closeServer(server: Server, graceMs: number): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeIdleConnections();
  const cut = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearTimeout(cut);
}

/** What Node's parser gives up on never reaches the app: it is answered here, and the connection ends. */
const UNREADABLE: Readonly<Record<string, readonly [TransportCode, string]>> = {
  HPE_HEADER_OVERFLOW: ['HEADERS_TOO_LARGE', 'Address and headers have at most 16 KiB together.'],
  ERR_HTTP_REQUEST_TIMEOUT: ['REQUEST_TIMEOUT', 'The call did not arrive in time.'],
};

function answerUnreadable(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable || error.code === 'ECONNRESET' || hasAnswerBegun(socket)) {
    socket.destroy();
    return;
  }
  const [code, message] = UNREADABLE[error.code ?? ''] ?? ['BAD_REQUEST', 'This is not HTTP/1.1.'];
  const requestId = randomUUID();
  const body = problemBody({ code, message, problems: [] }, requestId);
  const text = JSON.stringify(body);
  const head = [
    `HTTP/1.1 ${body.status} ${body.title}`,
    'Connection: close',
    'Cache-Control: no-store',
    'Content-Type: application/problem+json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(text)}`,
    `X-Request-Id: ${requestId}`,
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${text}`);
}

/** As Node's own handler asks: an answer that has begun must not be mixed with another one. */
function hasAnswerBegun(socket: Duplex): boolean {
  const { _httpMessage: message } = socket as { _httpMessage?: { headersSent?: boolean } };
  return message?.headersSent === true;
}
