import { fromMillis, isInstant, toMillis, type Instant } from '../domain/instant.ts';
import { assertTimestamp } from './condition-time.ts';

const DAY = /^\d{4}-\d{2}-\d{2}$/;
const PARTS = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?(?:Z|([+-])(\d{2}):(\d{2}))$/;

/**
 * @param result what an expression gave.
 * @returns the instant of a timestamp, of an RFC 3339 text, or of the first millisecond of a day in UTC;
 *          whole milliseconds, cut off. null for anything else. @throws never.
 */
export function momentOf(result: unknown): Instant | null {
  if (typeof result === 'string') return ofText(result);
  const fields = timestampFields(result);
  if (fields === null) return null;
  const millis = Number(fields.seconds) * 1_000 + Math.floor(fields.nanos / 1_000_000);
  return known(fromMillis(millis));
}

/** The library gives a timestamp as a reflected protobuf message. */
function timestampFields(result: unknown): { seconds: bigint; nanos: number } | null {
  if (typeof result !== 'object' || result === null || !('message' in result)) return null;
  const { seconds, nanos } = result.message as { seconds?: unknown; nanos?: unknown };
  return typeof seconds === 'bigint' && typeof nanos === 'number' ? { seconds, nanos } : null;
}

function ofText(text: string): Instant | null {
  if (DAY.test(text)) return known(`${text}T00:00:00.000Z`);
  const match = PARTS.exec(text);
  if (match === null || !exists(text)) return null;
  const [, local = '', fraction = '', sign, hours, minutes] = match;
  const millis = toMillis(`${local}.${fraction.padEnd(3, '0').slice(0, 3)}Z`);
  const offset = (Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * 60_000;
  return known(fromMillis(millis + (sign === '-' ? offset : -offset)));
}

function exists(text: string): boolean {
  try {
    assertTimestamp(text);
    return true;
  } catch {
    return false;
  }
}

/** As instants that come in otherwise: see api/contract/common.ts. */
function known(instant: Instant): Instant | null {
  return isInstant(instant) && instant >= '1900' ? instant : null;
}
