import { canonicalBytes, parseCanonical } from '../../../ledger/canonical-json.ts';
import type { ChainProblemCode } from '../../../ledger/verify.ts';
import { aDraft, digest } from './drafts.ts';
import {
  bound,
  closed,
  decided,
  emptyChain,
  engine,
  extend,
  people,
  requested,
  resolved,
  stageOpened,
  viewed,
  waitingChain,
  type Chain,
} from './story.ts';

/** A chain with one fault, the code that names it, and the first bad record. */
export type BrokenChain = {
  readonly why: string;
  readonly code: ChainProblemCode;
  readonly at: number;
  readonly records: readonly Uint8Array[];
};

const { dana, eve, omar } = people;
const utf8 = new TextEncoder();
const bytesOf = (chain: Chain): Uint8Array[] => chain.records.map(({ bytes }) => bytes);
const base = extend(waitingChain(), viewed(eve), decided(eve));
const intact = bytesOf(base);

function replaced(at: number, by: Uint8Array): Uint8Array[] {
  return intact.map((bytes, index) => (index === at ? by : bytes));
}

function rewritten(at: number, from: string | RegExp, to: string): Uint8Array[] {
  return replaced(at, utf8.encode(new TextDecoder().decode(intact[at]).replace(from, to)));
}

/** Other fields, in canonical form again. */
function edited(at: number, change: object): Uint8Array {
  return canonicalBytes({
    ...(parseCanonical(intact[at] ?? new Uint8Array()) as object),
    ...change,
  });
}

function editedBody(at: number, change: object): Uint8Array {
  const { body } = parseCanonical(intact[at] ?? new Uint8Array()) as { readonly body: object };
  return edited(at, { body: { ...body, ...change } });
}

/** Faults of form, order and links. */
function brokenForm(): readonly BrokenChain[] {
  const schema = { code: 'SCHEMA', at: 2 } as const;
  const form = { code: 'NOT_CANONICAL', at: 2 } as const;
  const other = edited(4, { ts: '2026-11-21T08:00:05.000Z' });
  return [
    { why: 'V-4 a space', ...form, records: rewritten(2, ',"auth"', ', "auth"') },
    { why: 'V-5 a key twice', ...form, records: rewritten(2, '"v":1', '"v":1,"v":1') },
    { why: 'V-6 1.0', ...form, records: rewritten(2, '"quorum":2', '"quorum":2.0') },
    { why: 'V-7 byte order mark', ...form, records: rewritten(2, /^/, '\ufeff') },
    { why: 'V-7 newline at the end', ...form, records: rewritten(2, /$/, '\n') },
    { why: 'V-8 unknown field', ...schema, records: replaced(2, edited(2, { note: 1 })) },
    {
      why: 'V-8 unknown field of a body',
      ...schema,
      records: replaced(2, editedBody(2, { x: 1 })),
    },
    { why: 'V-8 unknown version', ...schema, records: replaced(2, edited(2, { v: 2 })) },
    {
      why: 'V-8 a body of version 1 in version 0',
      ...schema,
      records: replaced(2, edited(2, { v: 0 })),
    },
    { why: 'V-8 unknown kind', ...schema, records: replaced(2, edited(2, { kind: 'praised' })) },
    { why: 'V-8 free text', ...schema, records: replaced(2, editedBody(2, { role: 'Dana Ray' })) },
    { why: 'V-50 an inner node', ...form, records: replaced(2, new Uint8Array(65).fill(1)) },
    {
      why: 'V-9 names an earlier record',
      code: 'CHAIN_PREV',
      at: 3,
      records: replaced(3, edited(3, { prev: base.records[1]?.leafHash ?? null })),
    },
    {
      why: 'V-11 one is missing',
      code: 'CHAIN_GAP',
      at: 3,
      records: intact.filter((_, index) => index !== 2),
    },
    { why: 'V-13 the first is missing', code: 'CHAIN_GENESIS', at: 1, records: intact.slice(1) },
    { why: 'V-49 two for one place', code: 'CHAIN_FORK', at: 4, records: [...intact, other] },
  ];
}

/** Chains of good form that say what the procedure does not allow. */
function brokenProcedure(): readonly BrokenChain[] {
  const both = extend(base, viewed(omar), decided(omar, { body: { approvals: 2 } }));
  const issued = extend(both, resolved, aDraft('receipt_issued', engine));
  const last = (why: string, code: ChainProblemCode, chain: Chain): BrokenChain => {
    return { why, code, at: chain.records.length - 1, records: bytesOf(chain) };
  };
  const other = { action_digest: digest('another action') };
  return [
    last(
      'V-24 resolved',
      'ACTION_MISMATCH',
      extend(both, aDraft('resolved', { ...engine, body: other })),
    ),
    last(
      'V-24 executed',
      'ACTION_MISMATCH',
      extend(issued, aDraft('receipt_consumed', { body: other })),
    ),
    last(
      'V-45 twice',
      'QUORUM_RULE',
      extend(base, viewed(eve), decided(eve, { body: { approvals: 2 } })),
    ),
    last('V-45 own request', 'QUORUM_RULE', extend(waitingChain(), viewed(dana), decided(dana))),
    last(
      'V-45 fewer than asked for',
      'FLOW_RULE',
      extend(base, aDraft('resolved', { ...engine, body: { decisions: 1 } })),
    ),
    last('V-46 without a view', 'FLOW_RULE', extend(waitingChain(), viewed(omar), decided(eve))),
    last(
      'V-46 after its time',
      'FLOW_RULE',
      extend(extend(waitingChain(), viewed(eve), aDraft('expired', engine)), decided(eve)),
    ),
    last(
      'V-46 after it was closed',
      'FLOW_RULE',
      extend(extend(both, resolved, closed, viewed(people.lena)), decided(people.lena)),
    ),
    last(
      'V-46 closed while it waits',
      'FLOW_RULE',
      extend(emptyChain, requested, bound, stageOpened, closed),
    ),
    last('another stream’s kind', 'FLOW_RULE', extend(waitingChain(), aDraft('heartbeat', engine))),
    withoutReason(),
  ];
}

function withoutReason(): BrokenChain {
  const chain = extend(waitingChain(), aDraft('overridden', { body: { person_c: omar.c } }));
  const records = bytesOf(chain);
  const bare = parseCanonical(records[3] ?? new Uint8Array()) as object;
  return {
    why: 'V-46 an override without a reason',
    code: 'FLOW_RULE',
    at: 3,
    records: [...records.slice(0, 3), canonicalBytes({ ...bare, commits: [] })],
  };
}

export function brokenChains(): readonly BrokenChain[] {
  return [...brokenForm(), ...brokenProcedure()];
}
