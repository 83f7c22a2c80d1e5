import {
  sealRecords,
  type Draft,
  type RecordOpening,
  type SealedRecord,
  type StreamHead,
} from '../../../ledger/append.ts';
import { commandKey, sha256 } from '../../../ledger/hash.ts';
import { createReference, type Opening } from '../../../ledger/opening.ts';
import type { RecordKind } from '../../../ledger/record.ts';
import { verifyChain, type ChainInput, type ChainReport } from '../../../ledger/verify.ts';
import { aContext, aDraft, digest, fixedRandom } from './drafts.ts';

/** A chain under construction: what is sealed, and how to find it again. */
export type Chain = {
  readonly records: readonly SealedRecord[];
  readonly openings: readonly RecordOpening[];
  readonly head: StreamHead | null;
};

export const emptyChain: Chain = { records: [], openings: [], head: null };

const salts = fixedRandom('person salts');
/** The people of the story, as this one stream refers to them. */
export const people = {
  agent: createReference('app:credit-agent', salts(32)),
  dana: createReference('dana', salts(32)),
  eve: createReference('eve', salts(32)),
  omar: createReference('omar', salts(32)),
  lena: createReference('lena', salts(32)),
} satisfies Record<string, Opening>;

const random = () => fixedRandom('story');

/** Seals more records one second after the other; each step sees what is sealed so far. */
export function extend(chain: Chain, ...steps: readonly (Draft | ((so: Chain) => Draft))[]): Chain {
  let so = chain;
  for (const step of steps) {
    const second = String(so.records.length % 60).padStart(2, '0');
    const draft = typeof step === 'function' ? step(so) : step;
    const cmd = commandKey('story', `${so.records.length}/${draft.kind}`);
    const batch = sealRecords(so.head, [{ ...draft, cmd }], {
      ...aContext({ ts: `2026-11-21T08:00:${second}.000Z` }),
      randomBytes: offsetRandom(so.records.length),
    });
    so = {
      records: [...so.records, ...batch.records],
      openings: [...so.openings, ...batch.openings],
      head: batch.head,
    };
  }
  return so;
}

function offsetRandom(step: number): (size: number) => Uint8Array {
  const source = random();
  source(step * 32 * 8);
  return source;
}

/** Leaf hash of the newest record of a kind. */
export function leafOf(chain: Chain, kind: RecordKind): string {
  const record = chain.records.findLast((sealed) => sealed.kind === kind);
  if (record === undefined) throw new TypeError(`no ${kind} in the story`);
  return record.leafHash;
}

export const engine = {
  actor: { type: 'system', role: 'engine', c: null },
  auth: { level: 0, method: 'internal', proof: null },
  surface: 'system',
} as const;

const human = (who: Opening) => ({ actor: { type: 'human', role: 'reviewer', c: who.c } }) as const;

export const requested = aDraft('requested', {
  actor: { type: 'agent', role: 'requester', c: people.agent.c },
  auth: { level: 0, method: 'api_key', proof: null },
  policy: null,
  refs: [
    { name: 'request', sha256: digest('request'), bytes: 1234 },
    { name: 'action', sha256: digest('action'), bytes: 210 },
  ],
  body: { on_behalf_of_c: people.dana.c },
});
export const bound = aDraft('policy_bound', {
  ...engine,
  refs: [{ name: 'policy', sha256: digest('policy text'), bytes: 900 }],
});
export const stageOpened = aDraft('stage_opened', {
  ...engine,
  body: { eligible_c: [people.eve.c, people.omar.c] },
});

export function viewed(who: Opening): Draft {
  return aDraft('viewed', { ...human(who), body: { person_c: who.c } });
}

/** A decision that rests on the newest view. */
export function decided(
  who: Opening,
  change: Parameters<typeof aDraft<'decided'>>[1] = {},
): (so: Chain) => Draft {
  return (so) =>
    aDraft('decided', {
      ...human(who),
      erasable: [{ path: 'rationale', value: `Checked the figures. – ${who.value}` }],
      ...change,
      body: { viewed: leafOf(so, 'viewed'), person_c: who.c, ...change.body },
    });
}

export const resolved = aDraft('resolved', engine);
export const closed = aDraft('closed', engine);

/** Asked, bound, opened: a request that waits for two people. */
export function waitingChain(): Chain {
  return extend(emptyChain, requested, bound, stageOpened);
}

/** The whole story: one refusal, two views, two approvals, approved, closed. */
export function approvedChain(): Chain {
  return extend(
    waitingChain(),
    aDraft('refused', { ...human(people.dana), body: { person_c: people.dana.c } }),
    viewed(people.eve),
    decided(people.eve),
    viewed(people.omar),
    decided(people.omar, { body: { approvals: 2 } }),
    resolved,
    closed,
  );
}

/** Checks a chain as a reader who knows its head from elsewhere. */
export function verify(chain: Chain, change: Partial<ChainInput> = {}): Promise<ChainReport> {
  const { head } = chain;
  const records = chain.records.map((record) => record.bytes);
  const expected = head === null ? {} : { head: { seq: head.seq, leafHash: head.leafHash } };
  return verifyChain({ records, sha256, expected, ...change });
}
