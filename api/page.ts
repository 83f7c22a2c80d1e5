import { z } from 'zod';
import { closeCursor, openCursor } from '../application/cursor.ts';
import type { Deps } from '../application/deps.ts';
import type { Call, RouteAnswer } from './route.ts';

/** A list in order of id. */
export interface Listing<T> {
  /** `/v1/people` */
  readonly path: string;
  /** Names the list with everything that must stay the same from page to page; the path when absent. */
  readonly list?: string;
  readonly read: (page: {
    readonly after: string | null;
    readonly limit: number;
  }) => Promise<readonly T[]>;
  readonly show: (item: T) => unknown;
}

/** @returns one page; its cursor names the last one shown. */
export async function pageOf<T extends { readonly id: string }>(
  deps: Deps,
  call: Call,
  { path, list, read, show }: Listing<T>,
): Promise<RouteAnswer> {
  return keysetOf(deps, call, { path, list: list ?? path, read, show, place: ({ id }) => id });
}

/** A list in an order of its own. */
export interface Keyset<T> extends Omit<Listing<T>, 'show'> {
  /** Where an item stands in the order, as `read` takes it back. */
  readonly place: (item: T) => string;
  readonly show?: (item: T) => unknown;
}

/** @returns one page; its cursor names the place of the last one shown. */
export async function keysetOf<T>(
  deps: Deps,
  call: Call,
  { path, list = path, read, show = (item) => item, place }: Keyset<T>,
): Promise<RouteAnswer> {
  const { limit, cursor } = call.query as { limit: number; cursor?: string };
  const after = cursor === undefined ? null : openCursor(deps, list, cursor);
  const rows = await read({ after, limit: limit + 1 });
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  const more = rows.length > limit && last !== undefined;
  return {
    status: 200,
    body: { items: items.map(show) },
    headers: more ? nextLink(path, call, closeCursor(deps, list, place(last))) : {},
  };
}

/** The same query with the cursor of the next page. @source RFC 8288 */
export function nextLink(
  path: string,
  call: Call,
  cursor: string,
): Readonly<Record<string, string>> {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(call.query))
    if (typeof value === 'string' || typeof value === 'number') search.set(name, String(value));
  search.set('cursor', cursor);
  return { Link: `<${path}?${search.toString()}>; rel="next"` };
}

/** Shape of the answer of a list. */
export const listOf = (item: z.ZodType) => z.object({ items: z.array(item) });
