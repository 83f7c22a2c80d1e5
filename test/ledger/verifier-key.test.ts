import { generateKeyPairSync } from 'node:crypto';
import { inspect } from 'node:util';

import { describe, expect, test } from 'vitest';

import { toBase64 } from '../../ledger/base64.ts';
import { fromHex, toHex } from '../../ledger/encoding.ts';
import { sha256 } from '../../ledger/hash.ts';
import { loadSigningKey } from '../../ledger/signer-key.ts';
import {
  formatVerifierKey,
  makeVerifierKey,
  noteVerifier,
  parseVerifierKey,
} from '../../ledger/verifier-key.ts';
import { aSigningKey, bytesOf, codeOf, flipped, ORIGIN, pemOf } from './support/log.ts';

// RFC 8032 section 7.1: TEST 1, 2, 3 and SHA(abc).
const rfc8032 = [
  {
    seed: '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    publicKey: 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    message: '',
    signature:
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  },
  {
    seed: '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
    publicKey: '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    message: '72',
    signature:
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  },
  {
    seed: 'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
    publicKey: 'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    message: 'af82',
    signature:
      '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
  },
  {
    seed: '833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42',
    publicKey: 'ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf',
    message:
      'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
    signature:
      'dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704',
  },
];

const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;

/** The same signature with a multiple of the order added to its second half. */
function plusOrder(signature: Uint8Array, times: bigint): Uint8Array {
  const number = BigInt(`0x${toHex(signature.slice(32).toReversed())}`) + times * ORDER;
  const half = fromHex(number.toString(16).padStart(64, '0')).reverse();
  return Uint8Array.of(...signature.slice(0, 32), ...half);
}

/** The platform alone, without our own check of S. */
async function platformAccepts(
  publicKey: Uint8Array,
  signature: Uint8Array,
  message: Uint8Array,
): Promise<boolean> {
  const raw = new Uint8Array(publicKey);
  const key = await crypto.subtle.importKey('raw', raw, 'Ed25519', false, ['verify']);
  const signed = new Uint8Array(message);
  return crypto.subtle.verify('Ed25519', key, new Uint8Array(signature), signed);
}

describe.each(rfc8032)('K-9 RFC 8032, message $message', (vector) => {
  const message = fromHex(vector.message);
  const signature = fromHex(vector.signature);
  const key = loadSigningKey(ORIGIN, pemOf(vector.seed));

  test('the key is read, and signs as the standard says', () => {
    expect(toHex(key.verifierKey.publicKey)).toBe(vector.publicKey);
    expect(toHex(key.sign(message))).toBe(vector.signature);
  });

  test('the signature fits, and fits nothing else', async () => {
    const { verify } = await noteVerifier(key.verifierKey);
    expect(await verify(message, signature)).toBe(true);
    expect(await verify(Uint8Array.of(...message, 0), signature)).toBe(false);
    for (let at = 0; at < signature.length; at++) {
      expect(await verify(message, flipped(signature, at)), `byte ${at}`).toBe(false);
    }
  });

  test('S + L is another signature for the same text: refused by us and by the platform', async () => {
    const { verify } = await noteVerifier(key.verifierKey);
    for (const times of [1n, 2n, 14n]) {
      const second = plusOrder(signature, times);
      expect(await verify(message, second)).toBe(false);
      expect(await platformAccepts(key.verifierKey.publicKey, second, message)).toBe(false);
    }
    expect(await verify(message, plusOrder(signature, 0n))).toBe(true);
  });
});

test('a signature of another length fits nothing', async () => {
  const key = aSigningKey();
  const { verify } = await noteVerifier(key.verifierKey);
  const signature = key.sign(bytesOf('text'));
  for (const other of [new Uint8Array(), signature.slice(1), Uint8Array.of(...signature, 0)]) {
    expect(await verify(bytesOf('text'), other)).toBe(false);
  }
});

describe('S-15 verifier keys', () => {
  const { verifierKey } = aSigningKey();
  const text = formatVerifierKey(verifierKey);
  const [name = '', id = '', ...base64] = text.split('+');

  test('the id is taken over name, LF, type and the raw key', () => {
    const framed = Uint8Array.of(...bytesOf(`${ORIGIN}\n`), 1, ...verifierKey.publicKey);
    expect(id).toBe(toHex(sha256(framed)).slice(0, 8));
    expect(name).toBe(ORIGIN);
    expect(base64.join('+')).toBe(toBase64(Uint8Array.of(1, ...verifierKey.publicKey)));
  });

  test('what is written is read', async () => {
    expect(await parseVerifierKey(text, sha256)).toEqual(verifierKey);
    const later = async (bytes: Uint8Array) => sha256(bytes); // as a browser hashes
    expect(await parseVerifierKey(text, later)).toEqual(verifierKey);
  });

  const raw = verifierKey.publicKey;
  const otherId = id.replace(/^./, (digit) => (digit === '0' ? '1' : '0'));
  const encoded = base64.join('+');

  test.each([
    { why: 'nothing', key: '' },
    { why: 'no id', key: `${name}+${encoded}` },
    { why: 'no name', key: `+${id}+${encoded}` },
    { why: 'another name', key: `${name}x+${id}+${encoded}` },
    { why: 'a name with a space', key: `a b+${id}+${encoded}` },
    { why: 'another id', key: `${name}+${otherId}+${encoded}` },
    { why: 'a short id', key: `${name}+${id.slice(1)}+${encoded}` },
    { why: 'an id in capitals', key: `${name}+${id.toUpperCase()}+${encoded}` },
    { why: 'no key', key: `${name}+${id}+` },
    { why: 'a type alone', key: `${name}+${id}+AQ==` },
    { why: 'a short key', key: `${name}+${id}+${toBase64(Uint8Array.of(1, ...raw.slice(1)))}` },
    { why: 'a long key', key: `${name}+${id}+${toBase64(Uint8Array.of(1, ...raw, 0))}` },
    { why: 'another type', key: `${name}+${id}+${toBase64(Uint8Array.of(4, ...raw))}` },
    { why: 'no padding', key: `${name}+${id}+${encoded.replace(/=+$/, '')}x` },
    { why: 'a line behind it', key: `${text}\n` },
    { why: 'a space in front', key: ` ${text}` },
  ])('$why is refused', async ({ key }) => {
    expect(await codeOf(() => parseVerifierKey(key, sha256))).toBe('KEY_FORMAT');
  });

  test.each(['', 'a b', 'a+b', 'a\nb', '\ud800'])('the name %j is refused', async (bad) => {
    expect(await codeOf(() => makeVerifierKey(bad, raw, sha256))).toBe('KEY_FORMAT');
  });

  test('the same key under another name has another id', async () => {
    expect((await makeVerifierKey('other', raw, sha256)).keyId).not.toBe(verifierKey.keyId);
  });
});

describe('S-16 signing keys', () => {
  const pem = pemOf('a'.repeat(64));
  const pkcs8 = { format: 'pem', type: 'pkcs8' } as const;
  const ed25519 = generateKeyPairSync('ed25519');
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

  test('an Ed25519 key is taken, with white space around it', () => {
    expect(loadSigningKey(ORIGIN, `\n${pem}\n`).verifierKey).toEqual(aSigningKey().verifierKey);
  });

  test.each([
    { why: 'nothing', bad: '' },
    { why: 'no PEM', bad: 'a'.repeat(64) },
    { why: 'P-256', bad: ec.export(pkcs8).toString() },
    { why: 'P-256 in its own form', bad: ec.export({ format: 'pem', type: 'sec1' }).toString() },
    { why: 'Ed448', bad: generateKeyPairSync('ed448').privateKey.export(pkcs8).toString() },
    { why: 'X25519', bad: generateKeyPairSync('x25519').privateKey.export(pkcs8).toString() },
    {
      why: 'RSA',
      bad: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export(pkcs8).toString(),
    },
    {
      why: 'a public key',
      bad: ed25519.publicKey.export({ format: 'pem', type: 'spki' }).toString(),
    },
    {
      why: 'an encrypted key',
      bad: ed25519.privateKey
        .export({ ...pkcs8, cipher: 'aes-256-cbc', passphrase: 'p' })
        .toString(),
    },
    { why: 'two keys', bad: `${pem}${pem}` },
    { why: 'something in front', bad: `key:\n${pem}` },
    { why: 'a key cut short', bad: pem.replace(/[^\n]{8}\n-----END/, '\n-----END') },
    { why: 'an empty block', bad: '-----BEGIN PRIVATE KEY-----\n\n-----END PRIVATE KEY-----' },
  ])('$why is refused', async ({ bad }) => {
    expect(await codeOf(() => loadSigningKey(ORIGIN, bad))).toBe('KEY_FORMAT');
  });

  test.each(['', 'a b', 'a+b'])('the name %j is refused', async (name) => {
    expect(await codeOf(() => loadSigningKey(name, pem))).toBe('KEY_FORMAT');
  });

  test('printing a key shows nothing secret', () => {
    const key = loadSigningKey(ORIGIN, pem);
    const shown = `${JSON.stringify(key)}${inspect(key, { depth: 9, showHidden: true })}`;
    expect(shown).not.toContain('a'.repeat(16));
    expect(shown.toLowerCase()).not.toContain('aa, aa, aa');
    expect(shown).not.toContain(toBase64(fromHex('a'.repeat(64))).slice(0, 8));
  });
});
