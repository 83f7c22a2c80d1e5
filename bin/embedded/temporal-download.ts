import { createWriteStream } from 'node:fs';
import { Agent as HttpAgent, get as httpGet, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, get as httpsGet } from 'node:https';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { z } from 'zod';
import { processEnvironment } from '../config.ts';
import { extractTarEntry } from './tar.ts';

export type Download = {
  /** Where Temporal answers which archive fits; a test serves it from loopback. */
  readonly baseUrl: string;
  /** e.g. `1.5.1`. */
  readonly version: string;
  /** The program is written here, executable. */
  readonly target: string;
  /** Bytes so far, and in all where the server says so. */
  onProgress(bytes: number, total: number | null): void;
  readonly signal?: AbortSignal | undefined;
  readonly limits?: DownloadLimits;
};

/** Milliseconds without any byte, and for everything together. */
export type DownloadLimits = { readonly idleMs: number; readonly totalMs: number };

const DEFAULT_LIMITS: DownloadLimits = { idleMs: 30_000, totalMs: 15 * 60_000 };
const MAX_REDIRECTS = 5;
const MAX_ANSWER_BYTES = 64 * 1024;
const MAX_PROGRAM_BYTES = 1024 * 1024 * 1024;

const answerSchema = z.object({
  archiveUrl: z.url({ protocol: /^https?$/ }),
  fileToExtract: z.string().min(1),
});

/**
 * Fetches the Temporal CLI in the way of the TypeScript SDK: first ask which archive fits this
 * machine, then take one file out of it.
 *
 * @throws Error whose message says which step failed and why.
 * @source sdk-core, crates/sdk-core/src/ephemeral_server/mod.rs
 */
export async function downloadTemporalCli(download: Download): Promise<void> {
  const limits = download.limits ?? DEFAULT_LIMITS;
  const deadline = AbortSignal.timeout(limits.totalMs);
  const signal = AbortSignal.any([deadline, ...(download.signal ? [download.signal] : [])]);
  const answer = await askForArchive(download, { limits, signal });
  const response = await get(answer.archiveUrl, { limits, signal });
  const length = Number(response.headers['content-length'] ?? Number.NaN);
  const total = Number.isFinite(length) ? length : null;
  await pipeline(
    response,
    countBytes((bytes) => download.onProgress(bytes, total)),
    createGunzip(),
    (source: AsyncIterable<Buffer>) =>
      extractTarEntry(source, answer.fileToExtract, MAX_PROGRAM_BYTES),
    createWriteStream(download.target, { mode: 0o755, flags: 'wx' }),
    { signal },
  );
}

type Call = { readonly limits: DownloadLimits; readonly signal: AbortSignal };

async function askForArchive(download: Download, call: Call) {
  const url = new URL(`cli/v${download.version}`, download.baseUrl);
  const query = { arch: archOf(process.arch), platform: process.platform, format: 'tar.gz' };
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  const response = await get(url.href, call);
  return parseAnswer(await readAll(response));
}

function parseAnswer(text: string): z.infer<typeof answerSchema> {
  try {
    return answerSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new Error('the download service did not answer {archiveUrl, fileToExtract}', { cause });
  }
}

function archOf(arch: string): string {
  const names: Record<string, string> = { x64: 'amd64', arm64: 'arm64' };
  const name = names[arch];
  if (name === undefined) throw new Error(`there is no Temporal CLI for the processor ${arch}`);
  return name;
}

/** GET with redirects, through the proxy of the environment where there is one. */
async function get(url: string, call: Call, redirects = 0): Promise<IncomingMessage> {
  if (redirects > MAX_REDIRECTS) throw new Error(`${url}: too many redirects`);
  const response = await getOnce(url, call);
  const { statusCode = 0, headers } = response;
  if (statusCode >= 300 && statusCode < 400 && headers.location !== undefined) {
    response.resume();
    return get(new URL(headers.location, url).href, call, redirects + 1);
  }
  if (statusCode === 200) return response;
  response.resume();
  throw new Error(`${url} answered ${statusCode}`);
}

function getOnce(url: string, { limits, signal }: Call): Promise<IncomingMessage> {
  const secure = new URL(url).protocol === 'https:';
  const agent = secure
    ? new HttpsAgent({ proxyEnv: processEnvironment() })
    : new HttpAgent({ proxyEnv: processEnvironment() });
  return new Promise((resolve, reject) => {
    const request = (secure ? httpsGet : httpGet)(url, { agent, signal }, resolve);
    request.setTimeout(limits.idleMs, () =>
      request.destroy(new Error(`${url}: nothing came for ${limits.idleMs / 1000} s`)),
    );
    request.once('error', (cause) => reject(new Error(`${url}: ${cause.message}`, { cause })));
  });
}

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) throw new Error('the download service answered too much');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function countBytes(onBytes: (bytes: number) => void): Transform {
  let bytes = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, callback) {
      bytes += chunk.length;
      onBytes(bytes);
      callback(null, chunk);
    },
  });
}
