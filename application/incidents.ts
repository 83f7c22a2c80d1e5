import { fromMillis, toMillis, type Instant } from '../domain/instant.ts';
import type { Draft } from '../ledger/append.ts';
import { commandKey } from '../ledger/hash.ts';
import type { RecordBody } from '../ledger/record.ts';
import { incidentsSince } from '../prisma/incident-store.ts';
import type { Tx } from '../prisma/transaction.ts';
import {
  lockSystemStream,
  sealSystemRecordIn,
  SYSTEM_AUTHOR,
  type SystemDeps,
} from './system-stream.ts';

// What somebody did to us, sealed in the stream of the installation: once each, and never so many that
// whoever causes them fills the log.

/** Something that only somebody at Temporal's port brings about. */
export interface Incident {
  readonly code: Extract<RecordBody<'incident'>['code'], 'UNKNOWN_COMMAND' | 'WORKFLOW_ENDED'>;
  /** What happened, once: an id of a command, of a run. */
  readonly key: string;
  readonly requestId: string | null;
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** An Update that named a command which its request does not have; whoever repeats it adds nothing. */
export function unknownCommand(ref: {
  readonly requestId: string;
  readonly commandId: string;
}): Incident {
  const { requestId, commandId } = ref;
  const about = UUID.test(requestId) ? requestId : null; // anything can be sent to Temporal's port
  return { code: 'UNKNOWN_COMMAND', key: `${requestId}/${commandId}`, requestId: about };
}

/** Single incidents of one code in one hour of the clock; then one more says that there were more. */
export const MOST_PER_HOUR = { UNKNOWN_COMMAND: 20, WORKFLOW_ENDED: 100 } as const;

const HOUR_MS = 3_600_000;

/**
 * `sealed`: this time. `known`: was sealed before. `over`: this hour has its share; one record says that
 * there were more.
 */
export type IncidentSeal = 'sealed' | 'known' | 'over';

export type SealIncident = (incident: Incident) => Promise<IncidentSeal>;

/** @returns a function that seals incidents. It remembers which hours are full, so that more cost nothing. */
export function createIncidents(deps: SystemDeps): SealIncident {
  const full = new Map<Incident['code'], Instant>();
  return async (incident) => {
    const hour = hourOf(deps.now());
    if (full.get(incident.code) === hour) return 'over';
    const seal = await deps.db.transaction((tx) => sealIn(tx, deps, { incident, hour }));
    if (seal === 'over') full.set(incident.code, hour);
    return seal;
  };
}

async function sealIn(
  tx: Tx,
  deps: SystemDeps,
  { incident, hour }: { readonly incident: Incident; readonly hour: Instant },
): Promise<IncidentSeal> {
  const { code, key, requestId } = incident;
  const cmd = commandKey(`incident/${code}`, key);
  const place = await lockSystemStream(tx, cmd);
  if (place === null) return 'known';
  const before = await incidentsSince(tx, place.stream, { code, since: hour });
  if (before < MOST_PER_HOUR[code]) {
    await sealSystemRecordIn(tx, deps, draftOf(cmd, { code, severity: 'high', about: requestId }));
    return 'sealed';
  }
  const more = commandKey(`incident/${code}`, `more since ${hour}`);
  await sealSystemRecordIn(tx, deps, draftOf(more, { code, severity: 'critical', about: null }));
  return 'over';
}

const hourOf = (now: Instant): Instant => fromMillis(Math.floor(toMillis(now) / HOUR_MS) * HOUR_MS);

function draftOf(
  cmd: string,
  what: {
    readonly code: Incident['code'];
    readonly severity: 'high' | 'critical';
    readonly about: string | null;
  },
): Draft {
  return {
    ...SYSTEM_AUTHOR,
    kind: 'incident',
    cmd,
    body: {
      incident: null,
      change: 'detected',
      code: what.code,
      severity: what.severity,
      system: null,
      about_stream: what.about,
      about_seq: null,
      about_index: null,
      expected: null,
      found: null,
      person_c: null,
    },
  };
}
