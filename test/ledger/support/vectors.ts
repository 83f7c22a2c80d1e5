import { sealRecords, type SealedRecord } from '../../../ledger/append.ts';
import { canonicalText } from '../../../ledger/canonical-json.ts';
import { fromHex, toHex } from '../../../ledger/encoding.ts';
import { commandKey, commitment, jsonDigest, leafHash, nodeHash } from '../../../ledger/hash.ts';
import { jcs } from '../../../ledger/jcs.ts';
import { RECORD_KINDS } from '../../../ledger/record.ts';
import { aContext, aDraft, fixedRandom } from './drafts.ts';
import { approvedChain, people } from './story.ts';

// The golden vectors of format version 0, by file name. Salts and nonces are fixed, so that every
// run gives the same bytes. Files of a frozen version are added to, never edited.

const salt = 'a5'.repeat(32);
const decoder = new TextDecoder();

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

export function buildVectors(): Readonly<Record<string, unknown>> {
  return {
    'canonical.json': {
      accepted: recordValues.map((value) => ({ value, text: canonicalText(value) })),
      refused: notCanonical,
    },
    'jcs.json': userValues.map((value) => ({ text: jcs(value), digest: jsonDigest(value) })),
    'hashes.json': hashVectors(),
    'request-chain.json': chainVector(),
    'every-kind.json': everyKind(),
  };
}

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

function chainVector(): unknown {
  const chain = approvedChain();
  const openings = [
    ...Object.entries(people).map(([name, opening]) => ({ name, ...opening, seq: null })),
    ...chain.openings.map(({ stream: _same, ...opening }) => opening),
  ];
  return { records: chain.records.map(recordVector), openings };
}

function everyKind(): unknown {
  const context = aContext({ randomBytes: fixedRandom('every kind') });
  const drafts = RECORD_KINDS.map((kind) => aDraft(kind));
  return sealRecords(null, drafts, context).records.map(recordVector);
}

function recordVector({ bytes, leafHash, inputHash }: SealedRecord): unknown {
  return { text: decoder.decode(bytes), leaf_hash: leafHash, input_hash: inputHash };
}
