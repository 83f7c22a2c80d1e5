import { commandKey } from '../ledger/hash.ts';
import { insertAccess } from '../prisma/installation-store.ts';
import { referencesOf } from '../prisma/ledger-store.ts';
import type { Deps } from './deps.ts';
import { subjectOf, type Principal } from './principal.ts';
import { openBook, sealDrafts } from './sealing.ts';
import { lockSystemStream } from './system-stream.ts';

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Notes who was turned away from what. It is not part of any chain (product contract 3.2). */
export async function recordTurnedAway(
  deps: Deps,
  principal: Principal,
  { route, requestId }: { readonly route: string; readonly requestId: string | null },
): Promise<void> {
  await insertAccess(deps.db, {
    at: deps.now(),
    principalType: principal.type,
    principalId: principal.id,
    route,
    outcome: 'FORBIDDEN',
    requestId: requestId !== null && UUID.test(requestId) ? requestId : null,
  });
}

/** Whom this process has sealed as a reader of the log, and in which hour. */
const sealedReaders = new Map<string, string>();
const MAX_READERS = 10_000;

/**
 * Seals that somebody reads the records of the log: once per principal and hour, because reading must not
 * make the log grow with itself.
 *
 * @source log-tools.md S-12
 */
export async function sealLogRead(deps: Deps, principal: Principal): Promise<void> {
  const subject = subjectOf(principal);
  const hour = deps.now().slice(0, 13);
  const reader = `${deps.origin} ${subject}`;
  if (sealedReaders.get(reader) === hour) return;
  await sealReading(deps, principal, commandKey(`log read by ${subject}`, hour));
  if (sealedReaders.size >= MAX_READERS) sealedReaders.clear();
  sealedReaders.set(reader, hour);
}

async function sealReading(deps: Deps, principal: Principal, cmd: string): Promise<void> {
  await deps.db.transaction(async (tx) => {
    const place = await lockSystemStream(tx, cmd);
    if (place === null) return;
    const dekId = principal.type === 'app' ? principal.ownerDekId : principal.dekId;
    const [references] = await Promise.all([
      referencesOf(tx, place.stream),
      deps.vault.prepare(tx, [dekId]),
    ]);
    const book = openBook(references);
    const reader = book.of(subjectOf(principal));
    const draft = {
      ...(principal.type === 'app' ? APP : { ...PERSON, auth: authOf(principal) }),
      actor: { ...(principal.type === 'app' ? APP : PERSON).actor, c: reader },
      surface: 'rest',
      policy: null,
      kind: 'accessed',
      cmd,
      body: {
        ...NOTHING_ELSE,
        what: 'log',
        person_c: principal.type === 'person' ? reader : null,
      },
    } as const;
    const installation = { ...place, about: 'installation' } as const;
    const to = { ...installation, now: deps.now(), keys: new Map(), dekId };
    const sealed = sealDrafts(deps, to, { drafts: [draft], book });
    for (const fragment of sealed.fragments) tx.write(fragment);
  });
}

const APP = {
  actor: { type: 'service', role: 'none', c: null },
  auth: { level: 0, method: 'api_key', proof: null },
} as const;
const PERSON = { actor: { type: 'human', role: 'none', c: null } } as const;

function authOf({ assurance, method }: Extract<Principal, { type: 'person' }>) {
  return { level: assurance, method, proof: null };
}

const NOTHING_ELSE = {
  purpose: null,
  grant: null,
  link: null,
  sha256: null,
  about_stream: null,
  records: null,
  first_index: null,
  openings: null,
  masked: false,
} as const;
