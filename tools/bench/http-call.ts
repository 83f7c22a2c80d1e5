import { Agent, request } from 'node:http';

export interface Answer {
  readonly status: number;
  readonly text: string;
}

export type Headers = Readonly<Record<string, string | number>>;

/** One POST over a kept connection. */
export type Post = (path: string, headers: Headers, body: string) => Promise<Answer>;

const LIMIT_MS = 30_000;

/** @param connections as many calls run at once at most, each on a connection of its own. */
export function createPost(address: string, connections: number): Post {
  const { hostname, port } = new URL(address);
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  return (path, headers, body) =>
    new Promise((resolve, reject) => {
      const call = request({
        ...{ agent, hostname, port, path, method: 'POST', timeout: LIMIT_MS },
        headers: {
          ...headers,
          'Content-Type': 'application/json',
          'Content-Length': Buffer.byteLength(body),
        },
      });
      call.once('timeout', () => call.destroy(new Error(`no answer after ${LIMIT_MS / 1_000} s`)));
      call.once('error', reject);
      call.once('response', (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.once('error', reject);
        response.once('end', () => resolve({ status: response.statusCode ?? 0, text }));
      });
      call.end(body);
    });
}

/** @throws Error with the beginning of what came instead. */
export function expectStatus({ status, text }: Answer, expected: number): void {
  if (status !== expected) throw new Error(`answered ${status}: ${text.slice(0, 300)}`);
}
