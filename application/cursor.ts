import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Deps } from './deps.ts';
import { ApplicationError } from './error.ts';

/** Characters of a cursor's signature: 132 bits. */
const MAC_LENGTH = 22;

/**
 * @param list which list the place belongs to, with everything that must stay the same from page to page.
 * @param place the last item shown, as the list itself writes it.
 * @returns opaque text for the query of the next page.
 */
export function closeCursor({ cursorKey }: Deps, list: string, place: string): string {
  const mac = macOf(cursorKey, list, place);
  return Buffer.from(`${mac}${place}`).toString('base64url');
}

/** @throws ApplicationError CURSOR_INVALID for a cursor that this list of this installation did not give. */
export function openCursor({ cursorKey }: Deps, list: string, cursor: string): string {
  const text = Buffer.from(cursor, 'base64url').toString();
  const place = text.slice(MAC_LENGTH);
  const given = Buffer.from(text.slice(0, MAC_LENGTH));
  const expected = Buffer.from(macOf(cursorKey, list, place));
  if (given.length === expected.length && timingSafeEqual(given, expected)) return place;
  throw new ApplicationError('CURSOR_INVALID', 'The cursor is not one of this list.', {
    problems: [{ pointer: '/cursor', message: 'take it from the Link header of the same list' }],
  });
}

function macOf(key: Uint8Array, list: string, place: string): string {
  const text = `cursor/v1\0${list}\0${place}`;
  return createHmac('sha256', key).update(text).digest('base64url').slice(0, MAC_LENGTH);
}
