import { createHash } from 'node:crypto';
import type { Instant } from '../domain/instant.ts';
import { askedNow, audienceOf, barredNow, peopleBeside } from '../domain/listing.ts';
import { statusOf, type RequestState } from '../domain/request.ts';
import type { Fragment } from './transaction.ts';

// The rows that lists are read from, written beside the head row of a request by every step.

/** @returns names the roles that may see a request of its kind: the first eight bytes of their SHA-256. */
export function audienceId(state: RequestState): string {
  const text = `${state.kind}\n${audienceOf(state).join(' ')}`;
  return createHash('sha256').update(text).digest().readBigInt64BE().toString();
}

/** What lists need of a new request. */
export function listNew(id: string, state: RequestState, createdAt: Instant): Fragment[] {
  const asked = askedNow(state);
  const people = peopleBeside(state);
  const fragments = [insertAudience(state)];
  if (asked.length > 0)
    fragments.push({
      text: `INSERT INTO request_waiting (request_id, asked, kind, created_at, due, barred)
        SELECT $1, unnest($2::text[]), $3, $4, coalesce($5::timestamptz, 'infinity'), $6`,
      values: [id, asked, state.kind, createdAt, state.stage?.deadline ?? null, barredNow(state)],
    });
  if (people.length > 0)
    fragments.push({
      text: `INSERT INTO request_person (person_id, request_id, kind, status, created_at, due)
        SELECT unnest($2::text[]), $1::uuid, $3, $4, $5, coalesce($6::timestamptz, 'infinity')`,
      values: [id, people, state.kind, statusOf(state), createdAt, state.stage?.deadline ?? null],
    });
  return fragments;
}

/**
 * The same after a step: what is no longer asked goes, what is asked is as it is now.
 *
 * @param before as the rows say it; then only what differs is written. null = nobody knows.
 */
export function listChanged(
  id: string,
  state: RequestState,
  before: RequestState | null,
): Fragment[] {
  // Only another content can have come under another rule.
  const fragments = state.amendments === (before?.amendments ?? 0) ? [] : [insertAudience(state)];
  const asked = askedNow(state);
  const was = before === null ? null : askedNow(before);
  if (was === null || was.some((one) => !asked.includes(one)))
    fragments.push({
      text: 'DELETE FROM request_waiting WHERE request_id = $1 AND asked <> ALL($2::text[])',
      values: [id, asked],
    });
  if (asked.length > 0 && !isSame(before, state, (one) => [askedNow(one), barredNow(one)]))
    fragments.push(upsertWaiting(id, state));
  if (peopleBeside(state).length > 0 && !isSame(before, state, peopleBeside))
    fragments.push(upsertPeople(id, state));
  return fragments;
}

/** Whether a part of the state is as it was, with what every row of a list says. */
function isSame(
  before: RequestState | null,
  state: RequestState,
  part: (one: RequestState) => unknown,
): boolean {
  if (before === null) return false;
  const text = (one: RequestState): string =>
    JSON.stringify([statusOf(one), one.stage?.deadline ?? null, part(one)]);
  return text(before) === text(state);
}

function upsertWaiting(id: string, state: RequestState): Fragment {
  return {
    text: `INSERT INTO request_waiting AS w (request_id, asked, kind, created_at, due, barred)
      SELECT r.id, a.asked, r.kind, r.created_at, coalesce($3::timestamptz, 'infinity'), $4::text[]
        FROM request r CROSS JOIN unnest($2::text[]) AS a(asked) WHERE r.id = $1
      ON CONFLICT (request_id, asked) DO UPDATE SET due = excluded.due, barred = excluded.barred
        WHERE w.due <> excluded.due OR w.barred <> excluded.barred`,
    values: [id, askedNow(state), state.stage?.deadline ?? null, barredNow(state)],
  };
}

function upsertPeople(id: string, state: RequestState): Fragment {
  return {
    text: `INSERT INTO request_person AS p (person_id, request_id, kind, status, created_at, due)
      SELECT n.person, r.id, r.kind, $3, r.created_at, coalesce($4::timestamptz, 'infinity')
        FROM request r CROSS JOIN unnest($2::text[]) AS n(person) WHERE r.id = $1
      ON CONFLICT (person_id, request_id) DO UPDATE SET status = excluded.status, due = excluded.due
        WHERE p.status <> excluded.status OR p.due <> excluded.due`,
    values: [id, peopleBeside(state), statusOf(state), state.stage?.deadline ?? null],
  };
}

function insertAudience(state: RequestState): Fragment {
  return {
    text: `INSERT INTO request_audience (id, kind, roles) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
    values: [audienceId(state), state.kind, audienceOf(state)],
  };
}
