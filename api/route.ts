import type { Request, Response } from 'express';
import type { ZodType } from 'zod';
import type { Answer } from '../application/idempotency.ts';
import type { Principal } from '../application/principal.ts';
import { PERMISSIONS, type Permission, type RouteName } from './permissions.ts';

/** An answer for the wire; `replayed` where an earlier call had made it. */
export interface RouteAnswer extends Answer {
  readonly replayed?: boolean;
  /** Sent as it is, instead of `body` as JSON. */
  readonly raw?: { readonly mediaType: string; readonly bytes: Uint8Array | string };
}

/** What a handler is given: everything parsed, nothing raw. */
export interface Call {
  readonly principal: Principal;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly body: unknown;
  /** The body as text, for what is stored as it was written. */
  readonly text: string;
  readonly mediaType: string;
  /** Idempotency-Key; null where none was sent. */
  readonly key: string | null;
  readonly header: (name: string) => string | null;
  /** Fires when the caller has left before the answer. */
  readonly gone: AbortSignal;
}

export interface AnswerDocument {
  readonly description: string;
  readonly schema?: ZodType;
  /** Of an answer that is not JSON. */
  readonly mediaType?: string;
  readonly headers?: readonly ('ETag' | 'Link' | 'Location')[];
}

/** One operation: what the server validates with is what `openapi.json` shows. */
export interface Route {
  readonly name: RouteName;
  readonly summary: string;
  readonly description?: string;
  /** Absent: no parameter is known. */
  readonly query?: ZodType;
  readonly body?: ZodType;
  /** Media types beside JSON that are passed on as text. */
  readonly textTypes?: readonly string[];
  /** false: reading has an effect, so HEAD is not allowed. */
  readonly head?: false;
  /** Conditions that the operation knows, for the document. */
  readonly requestHeaders?: readonly ('If-Match' | 'If-None-Match')[];
  /** Answers by status, for the document. */
  readonly answers: Readonly<Record<number, AnswerDocument>>;
  readonly handle: (call: Call) => Promise<RouteAnswer>;
}

/** An operation without a credential that answers on its own terms (health, documents, metrics). */
export interface OpenRoute {
  readonly name: RouteName;
  readonly summary: string;
  /** For the document; the handler checks with it itself. */
  readonly query?: ZodType;
  readonly contentType: string;
  readonly handle: (request: Request, response: Response) => Promise<void> | void;
}

export function methodAndPath(name: RouteName): { readonly method: string; readonly path: string } {
  const [method = '', path = ''] = name.split(' ');
  return { method: method.toLowerCase(), path };
}

/** @returns the entry of the permission matrix; a route is only served with one. */
export function permissionOf(name: RouteName): Permission {
  const access = PERMISSIONS[name];
  if (typeof access === 'string') throw new TypeError(`${name} needs no credential`);
  return access;
}

export const ok = (body: unknown): RouteAnswer => ({ status: 200, body, headers: {} });

export const gone = (): RouteAnswer => ({ status: 204, body: null, headers: {} });
