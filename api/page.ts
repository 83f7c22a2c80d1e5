import { ApplicationError } from '../application/error.ts';
import type { Call, RouteAnswer } from './route.ts';

/** A list in order of id: the cursor names the last one shown. */
export async function pageOf<T extends { readonly id: string }>(
  call: Call,
  path: string,
  read: (page: { readonly after: string | null; readonly limit: number }) => Promise<readonly T[]>,
  show: (item: T) => unknown,
): Promise<RouteAnswer> {
  const { limit, cursor } = call.query as { limit: number; cursor?: string };
  const rows = await read({
    after: cursor === undefined ? null : openCursor(cursor),
    limit: limit + 1,
  });
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  const more = rows.length > limit && last !== undefined;
  const headers = more
    ? { Link: `<${path}?limit=${limit}&cursor=${closeCursor(last.id)}>; rel="next"` }
    : {};
  return {
    status: 200,
    body: { items: items.map(show) },
    headers: headers as Record<string, string>,
  };
}

function closeCursor(id: string): string {
  return Buffer.from(`after:${id}`).toString('base64url');
}

function openCursor(cursor: string): string {
  const match = /^after:([a-z0-9][a-z0-9._-]{0,63})$/.exec(
    Buffer.from(cursor, 'base64url').toString(),
  );
  if (match !== null) return match[1] as string;
  throw new ApplicationError('VALIDATION_FAILED', 'The cursor is not one of ours.', {
    problems: [{ pointer: '', message: 'cursor: take it from a Link header as it is' }],
  });
}
