import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import type { Request } from 'express';
import { TransportError } from './problem.ts';

/** Content-Encodings that are understood. @source RFC 9110 section 8.4.1 */
const UNPACK = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
} as const;

/**
 * Reads a whole body. What comes after the limit is taken off the wire and thrown away, so that the
 * caller can still read the answer.
 *
 * @param limit bytes after unpacking.
 * @throws TransportError PAYLOAD_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, BAD_REQUEST.
 */
export async function receiveBody(request: Request, limit: number): Promise<Buffer> {
  const coding = (request.get('content-encoding') ?? 'identity').trim().toLowerCase();
  if (coding === 'identity' || coding === '') return collect(request, request, limit);
  if (!Object.hasOwn(UNPACK, coding))
    throw new TransportError(
      'UNSUPPORTED_MEDIA_TYPE',
      'This Content-Encoding is not supported; send gzip, deflate, br or none.',
      { headers: { 'Accept-Encoding': 'gzip, deflate, br' } },
    );
  const unpacked = UNPACK[coding as keyof typeof UNPACK]();
  try {
    return await collect(request, request.pipe(unpacked), limit);
  } finally {
    request.unpipe(unpacked);
    unpacked.destroy();
    request.resume();
  }
}

function collect(request: Request, source: NodeJS.ReadableStream, limit: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const stop = (error: TransportError): void => {
      chunks.length = 0;
      source.off('data', take);
      request.resume();
      reject(error);
    };
    const take = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > limit) stop(tooLarge(limit));
      else chunks.push(chunk);
    };
    const broken = (cause: Error): void => stop(unreadable(cause));
    const leave = (): void => {
      if (!request.readableEnded) stop(unreadable());
    };
    source.on('data', take);
    source.once('end', () => resolve(Buffer.concat(chunks)));
    source.on('error', broken);
    if (source !== request) request.on('error', broken);
    request.once('close', leave);
    if (request.destroyed) leave();
  });
}

function tooLarge(limit: number): TransportError {
  return new TransportError('PAYLOAD_TOO_LARGE', `A body has at most ${limit} bytes.`);
}

/** It broke off, or is not what its Content-Encoding says. */
function unreadable(cause?: Error): TransportError {
  const at = { pointer: '', message: 'broke off, or is not in its Content-Encoding' };
  return new TransportError('BAD_REQUEST', 'The body could not be read.', {
    problems: [at],
    ...(cause === undefined ? {} : { cause }),
  });
}
