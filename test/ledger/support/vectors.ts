import { sealRecords, type Draft, type SealedRecord } from '../../../ledger/append.ts';
import { canonicalText } from '../../../ledger/canonical-json.ts';
import { fromHex, toHex } from '../../../ledger/encoding.ts';
import { commandKey, commitment, jsonDigest, leafHash, nodeHash } from '../../../ledger/hash.ts';
import { jcs } from '../../../ledger/jcs.ts';
import { RECORD_KINDS, type RecordKind } from '../../../ledger/record.ts';
import { aContext, aDraft, fixedRandom } from './drafts.ts';
import { brokenChains } from './broken-chains.ts';
import {
  approvedChain,
  closed,
  emptyChain,
  engine,
  extend,
  leafOf,
  people,
  type Chain,
} from './story.ts';

// What stands in test/vectors/v1. Made once with fixed salts and nonces (`make-vectors.ts`) and never
// edited: the test re-derives every record from the file alone, so these builders may change.

const salt = 'a5'.repeat(32);
const decoder = new TextDecoder();

/** Primitives: they are the same in every version, and the test makes them again. */
export function primitives(): Readonly<Record<string, unknown>> {
  return {
    'canonical.json': {
      accepted: recordValues.map((value) => ({ value, text: canonicalText(value) })),
      refused: notCanonical,
    },
    'jcs.json': userValues.map((value) => ({ text: jcs(value), digest: jsonDigest(value) })),
    'hashes.json': hashVectors(),
  };
}

/** Records and chains of version 1. */
export function buildVectors(): Readonly<Record<string, unknown>> {
  return {
    ...primitives(),
    'every-kind.json': everyKind(),
    'request-chain.json': chainVector(executedChain()),
    'installation-chain.json': chainVector(installationChain()),
    'person-chain.json': chainVector(personChain()),
    'broken-chains.json': brokenChains().map(({ why, code, at, records }) => {
      return { why, code, at, records: records.map(textOrHex) };
    }),
  };
}

const userValues: readonly unknown[] = [
  {},
  { operation: 'loan.decline', target: 'loan/4711', parameters: { amount: '12500.00' } },
  { 10: 'ten', 9: 'nine', a: [1.5, 1e21, 1e-7, -0, 0.1] },
  ['Grüße', '東京', '😀', '\u0000\n\u007f"\\/'],
];

const recordValues: readonly unknown[] = [
  {},
  { b: null, a: [true, false, 0, -1, 9007199254740991] },
  { z_1: { y: { x: [] } }, a1: 'Grüße 東京 😀' },
];

const notCanonical: readonly { readonly why: string; readonly text: string }[] = [
  { why: 'white space', text: '{"a": 1}' },
  { why: 'newline at the end', text: '{"a":1}\n' },
  { why: 'byte order mark', text: '\ufeff{"a":1}' },
  { why: 'key order', text: '{"b":1,"a":1}' },
  { why: 'duplicate key', text: '{"a":1,"a":1}' },
  { why: 'fraction', text: '{"a":0.5}' },
  { why: 'number form 1.0', text: '{"a":1.0}' },
  { why: 'number form 1e0', text: '{"a":1e0}' },
  { why: 'negative zero', text: '{"a":-0}' },
  { why: 'beyond safe integers', text: '{"a":9007199254740992}' },
  { why: 'needless escape', text: '{"a":"\\u0041"}' },
  { why: 'control character', text: '{"a":"\\n"}' },
  { why: 'lone surrogate', text: '{"a":"\\ud800"}' },
  { why: 'capital in a key', text: '{"aB":1}' },
  { why: 'integer-like key', text: '{"1":1}' },
  { why: 'nine containers', text: '[[[[[[[[[1]]]]]]]]]' },
];

function hashVectors(): unknown {
  const inputs = ['', '00', '7b7d', 'ff'.repeat(64)];
  const leaves = inputs.map((hex) => ({ bytes: hex, leaf_hash: leafHash(fromHex(hex)) }));
  const pair = leaves.map((leaf) => fromHex(leaf.leaf_hash));
  const [left = new Uint8Array(), right = new Uint8Array()] = pair;
  const commitments = [
    ['comment', ''],
    ['rationale', 'Debt ratio above 0.55 – two late payments. 😀'],
    ['person', 'eve'],
  ] as const;
  return {
    leaves,
    node: { left: toHex(left), right: toHex(right), hash: toHex(nodeHash(left, right)) },
    commitments: commitments.map(([path, value]) => {
      return { path, value, salt, c: commitment(path, value, fromHex(salt)) };
    }),
    command_keys: [
      ['command-1', 'decided'],
      ['', ''],
      ['é', 'stage_opened/1'],
    ].map(([scope = '', step = '']) => ({ scope, step, cmd: commandKey(scope, step) })),
  };
}

// ---- chains --------------------------------------------------------------------------------------

/** Approved, executed, reported, closed, read, exported. */
function executedChain(): Chain {
  return extend(
    approvedChain(),
    (so) => aDraft('receipt_issued', { ...engine, body: { resolved: leafOf(so, 'resolved') } }),
    aDraft('receipt_consumed'),
    aDraft('outcome', { erasable: [{ path: 'detail', value: 'Letter 88 – sent. ✉' }] }),
    closed,
    aDraft('accessed'),
    (so) => {
      const head = { head_seq: so.head?.seq ?? 0, head_leaf: so.head?.leafHash ?? '' };
      return aDraft('exported', { body: { ...head, records: so.records.length } });
    },
    aDraft('erased', { body: { request: null, commitments: [], subject_c: people.dana.c } }),
  );
}

function installationChain(): Chain {
  const drafts = ['key_rotated', 'log_changed', 'heartbeat', 'self_check', 'incident'] as const;
  return extend(emptyChain, ...drafts.map((kind) => aDraft(kind, engine)));
}

function personChain(): Chain {
  const drafts = ['person_added', 'role_granted', 'credential_added', 'absence_set'] as const;
  return extend(emptyChain, ...drafts.map((kind) => aDraft(kind)));
}

function chainVector({ records, openings }: Chain): unknown {
  const references = Object.values(people).map((opening) => ({ seq: null, ...opening }));
  const texts = openings.map(({ seq, path, salt: salted, value, c }) => {
    return { seq, path, salt: salted, value, c };
  });
  const texted = records.map(recordVector);
  const used = references.filter(({ c }) => texted.some(({ text }) => text.includes(c)));
  return { records: texted, openings: [...texts, ...used] };
}

// ---- records -------------------------------------------------------------------------------------

/** One record of each kind, each alone: what it says, its bytes, what opens its commitments. */
function everyKind(): unknown {
  const random = fixedRandom('every kind, version 1');
  return RECORD_KINDS.map((kind) => {
    const draft = withText(kind);
    const { records, openings } = sealRecords(null, [draft], aContext({ randomBytes: random }));
    const opened = openings.map(({ path, salt: salted, value, c }) => {
      return { path, salt: salted, value, c };
    });
    return { kind, ...recordVector(records[0] as SealedRecord), openings: opened };
  });
}

function withText(kind: RecordKind): Draft {
  const draft = aDraft(kind);
  return draft.erasable === undefined
    ? ({ ...draft, erasable: [{ path: 'note', value: `Zu ${kind}: „geprüft“ ✓` }] } as Draft)
    : draft;
}

type RecordVector = { readonly text: string; readonly leaf_hash: string; input_hash: string };

function recordVector({ bytes, leafHash: leaf, inputHash }: SealedRecord): RecordVector {
  return { text: decoder.decode(bytes), leaf_hash: leaf, input_hash: inputHash };
}

/** Bytes that are text and come back as themselves are easier to read. */
function textOrHex(bytes: Uint8Array): string | { readonly hex: string } {
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  return Buffer.from(text).equals(bytes) ? text : { hex: toHex(bytes) };
}
