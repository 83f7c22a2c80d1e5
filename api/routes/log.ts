import type { Response } from 'express';
import type { z } from 'zod';
import { sealLogRead } from '../../application/access-log.ts';
import {
  consistencyBetween,
  inclusionOf,
  keysOf,
  newestCheckpointOf,
  streamHeadFor,
  tileAt,
  tlogProofOf,
  verifierKeyOf,
  type LogDeps,
  type StreamHeadDeps,
} from '../../application/log-queries.ts';
import type { Deps } from '../../application/deps.ts';
import { checkQuery } from '../body.ts';
import { requestId } from '../call.ts';
import { noQuery } from '../contract/common.ts';
import { consistencyQuery, headQuery, inclusionQuery } from '../contract/log.ts';
import type { OpenRoute, Route } from '../route.ts';
import { sendRaw } from '../serve.ts';

// The log as standard tools read it. @source C2SP tlog-tiles; log-tools.md S-1 to S-30

const TEXT = 'text/plain; charset=utf-8';
const BYTES = 'application/octet-stream';
const FOR_EVER = 'max-age=31536000, immutable';

/** What needs no credential: it shows hashes and signatures, and no record. */
export function openLogRoutes(deps: LogDeps): OpenRoute[] {
  return [
    {
      name: 'GET /v1/log/checkpoint',
      summary: 'The newest signed checkpoint (C2SP tlog-checkpoint)',
      contentType: TEXT,
      handle: async (request, response) => {
        checkQuery(noQuery, request.query);
        const { note } = await newestCheckpointOf(deps);
        sendText(response, note, 'no-cache');
      },
    },
    {
      name: 'GET /v1/log/key',
      summary: 'The verifier key, one line; compare it with the one that you hold',
      contentType: TEXT,
      handle: async (request, response) => {
        checkQuery(noQuery, request.query);
        sendText(response, `${await verifierKeyOf(deps)}\n`, 'no-cache');
      },
    },
    {
      name: 'GET /v1/log/keys',
      summary: 'Every key that the log has signed with, and which one vouches for it',
      contentType: 'application/json',
      handle: async (request, response) => {
        checkQuery(noQuery, request.query);
        sendJson(response, await keysOf(deps));
      },
    },
    {
      name: 'GET /v1/log/tile/:level/*path',
      summary: 'A tile of hashes (C2SP tlog-tiles)',
      contentType: BYTES,
      handle: async (request, response) => {
        checkQuery(noQuery, request.query);
        const { level, path } = request.params as unknown as TileParams;
        const tile = await tileAt(deps, tilePathOf(level, path));
        response.set('Cache-Control', `public, ${FOR_EVER}`);
        sendRaw(response, { mediaType: BYTES, bytes: tile });
      },
    },
    ...proofRoutes(deps),
  ];
}

function proofRoutes(deps: LogDeps): OpenRoute[] {
  return [
    {
      name: 'GET /v1/log/proof/inclusion',
      summary: 'That a record is in the log: by index as JSON, by stream and seq as tlog-proof',
      query: inclusionQuery,
      contentType: 'application/json',
      handle: async (request, response) => {
        const query = checkQuery(inclusionQuery, request.query) as z.infer<typeof inclusionQuery>;
        const { index = 0, size = 0, stream, seq = 0 } = query;
        if (stream === undefined)
          return sendProof(response, await inclusionOf(deps, { index, size }));
        const bytes = await tlogProofOf(deps, { stream, seq, size: query.size });
        response.set('Cache-Control', 'no-cache');
        sendRaw(response, { mediaType: 'application/tlog-proof', bytes });
      },
    },
    {
      name: 'GET /v1/log/proof/consistency',
      summary: 'That the log of one size is the beginning of the log of another',
      query: consistencyQuery,
      contentType: 'application/json',
      handle: async (request, response) => {
        const query = checkQuery(consistencyQuery, request.query) as z.infer<
          typeof consistencyQuery
        >;
        const hashes = await consistencyBetween(deps, query);
        sendProof(response, { ...query, hashes });
      },
    },
  ];
}

/** What needs a credential: the records themselves, and how many a stream has. */
export function guardedLogRoutes(deps: Deps & StreamHeadDeps): Route[] {
  return [
    {
      name: 'GET /v1/log/tile/entries/*path',
      summary: 'A bundle of records (C2SP tlog-tiles); that somebody reads is sealed once an hour',
      answers: { 200: { description: 'length and bytes of each record', mediaType: BYTES } },
      handle: async ({ principal, params }) => {
        const bytes = await tileAt(deps, tilePathOf('entries', params['path']));
        await sealLogRead(deps, principal);
        return {
          status: 200,
          body: null,
          raw: { mediaType: BYTES, bytes },
          headers: { 'Cache-Control': `private, ${FOR_EVER}` },
        };
      },
    },
    {
      name: 'GET /v1/log/streams/:id/head',
      summary: 'The signed statement which record is the last of a stream in a tree',
      query: headQuery,
      answers: { 200: { description: 'a signed note', mediaType: TEXT } },
      handle: async (call) => {
        const { size } = call.query as z.infer<typeof headQuery>;
        const about = { stream: requestId(call), size };
        const bytes = await streamHeadFor(deps, call.principal, about);
        return { status: 200, body: null, raw: { mediaType: TEXT, bytes }, headers: {} };
      },
    },
  ];
}

type TileParams = { readonly level: string; readonly path: string | readonly string[] };

/** Express takes a wildcard apart at its slashes. */
function tilePathOf(level: string, path: string | readonly string[] | undefined): string {
  const rest = typeof path === 'string' ? path : (path ?? []).join('/');
  return `tile/${level}/${rest}`;
}

function sendProof(
  response: Response,
  { hashes, ...about }: { readonly hashes: readonly Uint8Array[] },
): void {
  response.set('Cache-Control', 'no-cache');
  sendJson(response, {
    ...about,
    hashes: hashes.map((hash) => Buffer.from(hash).toString('base64')),
  });
}

function sendText(response: Response, text: string, cache: string): void {
  response.set('Cache-Control', cache);
  sendRaw(response, { mediaType: TEXT, bytes: text });
}

function sendJson(response: Response, body: unknown): void {
  response.type('application/json').send(JSON.stringify(body));
}
