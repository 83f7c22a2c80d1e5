import { createHash } from 'node:crypto';
import type { ChangeWaiter } from '../application/change-waiter.ts';
import type { Deps } from '../application/deps.ts';
import { getRequest } from '../application/request-queries.ts';
import type { RequestShape } from '../application/request-shape.ts';
import { noneMatchNames } from './conditional.ts';
import type { Call, RouteAnswer } from './route.ts';

export interface LongPollDeps extends Deps {
  readonly waiter: ChangeWaiter;
}

/** Longest wait, in milliseconds; who asks for more gets this. */
const MAX_WAIT_MS = 60_000;

interface Read {
  readonly shape: RequestShape;
  readonly etag: string;
}

/**
 * Without `wait`: what is. With it and If-None-Match: 200 as soon as the answer would be another one,
 * 304 at the end. With it alone: the first change after arrival (product contract 3.2). Who is eligible
 * belongs to the answer, so a change of the directory counts as much as one of the request.
 */
export async function readOrWait(deps: LongPollDeps, call: Call, id: string): Promise<RouteAnswer> {
  const deadline = performance.now() + waitMs(call.query['wait'] as string | undefined);
  const waits = performance.now() < deadline;
  let directory = waits ? await deps.waiter.directory() : null;
  let read = await readOnce(deps, call, id);
  const known = call.header('if-none-match') ?? (waits ? read.etag : null);
  for (;;) {
    const differs = known !== null && !noneMatchNames(known, read.etag);
    if (differs || read.shape.resolution !== null) return answerOf(read);
    const left = deadline - performance.now();
    const now = { ...read.shape, directory: read.shape.stage === null ? null : directory };
    if (!(await deps.waiter.changed(now, left, call.gone))) return answerOf(read);
    directory = await deps.waiter.directory();
    read = await readOnce(deps, call, id);
  }
}

async function readOnce(deps: LongPollDeps, call: Call, id: string): Promise<Read> {
  const shape = await getRequest(deps, call.principal, id);
  const hash = createHash('sha256').update(JSON.stringify(shape)).digest('base64url');
  return { shape, etag: `"${hash.slice(0, 22)}"` };
}

/** It is sent as 304 where If-None-Match names its tag. */
function answerOf({ shape, etag }: Read): RouteAnswer {
  return { status: 200, body: shape, headers: { ETag: etag } };
}

/** An ISO 8601 duration; anything with a date part is longer than the limit, or zero. */
const DURATION =
  /^P(?=[\dT])(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:[.,]\d+)?)S)?)?$/;

function waitMs(wait: string | undefined): number {
  const match = wait === undefined ? null : DURATION.exec(wait);
  if (match === null) return 0;
  const [years, months, weeks, days, hours, minutes, seconds] = match
    .slice(1)
    .map((part) => Number((part as string | undefined)?.replace(',', '.') ?? 0));
  const isLong = [years, months, weeks, days, hours].some((part) => (part ?? 0) > 0);
  if (isLong) return MAX_WAIT_MS;
  return Math.min(MAX_WAIT_MS, ((minutes ?? 0) * 60 + (seconds ?? 0)) * 1_000);
}
