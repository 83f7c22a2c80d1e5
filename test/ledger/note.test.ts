import { describe, expect, test } from 'vitest';

import { toBase64 } from '../../ledger/base64.ts';
import { fromHex } from '../../ledger/encoding.ts';
import { sha256 } from '../../ledger/hash.ts';
import {
  formatNote,
  NOTE_MAX_BYTES,
  NOTE_MAX_SIGNATURES,
  openNote,
  parseNote,
  signNote,
  type NoteVerifier,
} from '../../ledger/note.ts';
import { noteVerifier, parseVerifierKey } from '../../ledger/verifier-key.ts';
import { aSigningKey, bytesOf, codeOf, flipped, ORIGIN, slackened, textOf } from './support/log.ts';

// The example in the documentation of Go's golang.org/x/mod/sumdb/note.
const goKey = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
const goNote = [
  'If you think cryptography is the answer to your problem,',
  "then you don't know what your problem is.",
  '',
  '— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=',
  '',
].join('\n');

const log = aSigningKey();
const logVerifier = await noteVerifier(log.verifierKey);
const text = `${ORIGIN}\nsecond line\n`;
const note = await signNote(text, [log]);
const [, logLine = ''] = /\n\n(.*)\n$/.exec(textOf(note)) ?? [];

/** A signature by a key that nobody here knows. */
function strangeLine(name: string = 'witness.example', byte: number = 7): string {
  return `— ${name} ${toBase64(new Uint8Array(20).fill(byte))}`;
}

function aNote(...lines: readonly string[]): Uint8Array {
  return bytesOf(`${text}\n${lines.map((line) => `${line}\n`).join('')}`);
}

describe('K-4 the example of Go', () => {
  const open = async (bytes: Uint8Array) => {
    return openNote(bytes, [await noteVerifier(await parseVerifierKey(goKey, sha256))]);
  };

  test('is opened', async () => {
    const { text: said, verified } = await open(bytesOf(goNote));
    expect(said.split('\n')).toHaveLength(3);
    expect(verified).toMatchObject([{ name: 'PeterNeumann', keyId: 'c74f20a3' }]);
  });

  test('is not opened with any other byte anywhere', async () => {
    const bytes = bytesOf(goNote);
    for (let at = 0; at < bytes.length; at++) {
      expect(await codeOf(() => open(flipped(bytes, at))), `byte ${at}`).not.toBeNull();
    }
  });
});

test('S-14 the form of a signature line, byte by byte', () => {
  const line = bytesOf(`${logLine}\n`);
  const head = Uint8Array.of(0xe2, 0x80, 0x94, 0x20, ...bytesOf(`${ORIGIN} `));
  expect(line.slice(0, head.length)).toEqual(head);
  const signature = log.sign(bytesOf(text)); // with its last LF, without the empty line
  const base64 = toBase64(Uint8Array.of(...fromHex(log.keyId), ...signature));
  expect(signature).toHaveLength(64);
  expect(textOf(note)).toBe(`${text}\n— ${ORIGIN} ${base64}\n`);
});

test('S-24 signing the same text again gives the same bytes', async () => {
  expect(await signNote(text, [log])).toEqual(note);
});

test('the text may have empty lines: the last one splits', async () => {
  const poem = 'Ognuno sta solo sul cuor della terra\n\ned è subito sera.\n';
  const opened = await openNote(await signNote(poem, [log]), [logVerifier]);
  expect(opened.text).toBe(poem);
});

test('S-25 signatures by unknown keys are ignored, also beside a known name or id', async () => {
  const namesake = aSigningKey(ORIGIN, 'b');
  const twin = aSigningKey('other.example', 'a');
  const signed = await signNote(text, [twin, namesake, log]);
  const lines = textOf(signed)
    .slice(text.length + 1, -1)
    .split('\n');
  const mixed = aNote(strangeLine(), strangeLine(), ...lines, strangeLine('nobody.example', 0));
  const { verified } = await openNote(mixed, [logVerifier]);
  expect(verified).toMatchObject([{ name: ORIGIN, keyId: log.keyId }]);
});

test('a remote key may sign, and several known keys may have signed', async () => {
  const other = aSigningKey('witness.example', 'b');
  const remote = { ...other, sign: async (bytes: Uint8Array) => other.sign(bytes) };
  const signed = await signNote(text, [log, remote]);
  const opened = await openNote(signed, [await noteVerifier(other.verifierKey), logVerifier]);
  expect(opened.verified.map(({ name }) => name)).toEqual([ORIGIN, 'witness.example']);
});

test('signatures of others join a note that was signed before', async () => {
  const other = aSigningKey('witness.example', 'b');
  const { signatures } = parseNote(await signNote(text, [other]));
  const joined = formatNote({ text, signatures: [...parseNote(note).signatures, ...signatures] });
  expect(joined).toEqual(await signNote(text, [log, other]));
});

describe('a note is refused', () => {
  const otherKey = aSigningKey('known.example', 'b');
  const flippedLine = textOf(note).replace('second', 'Second');
  const foreign = textOf(note).replace(`— ${ORIGIN}`, '— elsewhere.example');
  const otherId = `— ${ORIGIN} ${toBase64(Uint8Array.of(1, 2, 3, 4, ...log.sign(bytesOf(text))))}`;
  const wrongSignature = toBase64(Uint8Array.of(...fromHex(log.keyId), ...new Uint8Array(64)));
  const shortSignature = toBase64(Uint8Array.of(...fromHex(log.keyId), 1));

  test.each([
    { why: 'V-21 another text', bytes: bytesOf(flippedLine), code: 'NOTE_SIGNATURE' },
    {
      why: 'another signature',
      bytes: aNote(`— ${ORIGIN} ${wrongSignature}`),
      code: 'NOTE_SIGNATURE',
    },
    {
      why: 'a short signature',
      bytes: aNote(`— ${ORIGIN} ${shortSignature}`),
      code: 'NOTE_SIGNATURE',
    },
    { why: 'V-40 only unknown keys', bytes: aNote(strangeLine()), code: 'UNKNOWN_KEY' },
    { why: 'another name', bytes: bytesOf(foreign), code: 'UNKNOWN_KEY' },
    { why: 'another key id', bytes: aNote(otherId), code: 'UNKNOWN_KEY' },
    { why: 'V-23 a known signer twice', bytes: aNote(logLine, logLine), code: 'NOTE_FORMAT' },
  ] as const)('for $why', async ({ bytes, code }) => {
    expect(await codeOf(() => openNote(bytes, [logVerifier]))).toBe(code);
  });

  test('where one known key fails and another one fits, in either order', async () => {
    const known = [logVerifier, await noteVerifier(otherKey.verifierKey)];
    const failing = `— known.example ${toBase64(Uint8Array.of(...fromHex(otherKey.keyId), ...new Uint8Array(64)))}`;
    for (const bytes of [aNote(logLine, failing), aNote(failing, logLine)]) {
      expect(await codeOf(() => openNote(bytes, known))).toBe('NOTE_SIGNATURE');
      expect(await codeOf(() => openNote(bytes, [logVerifier]))).toBeNull();
    }
  });

  test('where no key is known', async () => {
    expect(await codeOf(() => openNote(note, []))).toBe('UNKNOWN_KEY');
  });

  test('where two verifiers cannot be told apart', async () => {
    const twin: NoteVerifier = { ...logVerifier };
    expect(await codeOf(() => openNote(note, [logVerifier, twin]))).toBe('KEY_FORMAT');
  });
});

describe('V-23 the form is refused', () => {
  const whole = textOf(note);
  const signature = logLine.split(' ')[2] ?? '';
  const padded = toBase64(new Uint8Array(20));

  test.each([
    { why: 'nothing at all', form: '' },
    { why: 'an empty line alone', form: '\n\n' },
    { why: 'text alone', form: text },
    { why: 'no empty line', form: whole.replace('\n\n', '\n') },
    { why: 'no signature', form: `${text}\n` },
    { why: 'no end of the last line', form: whole.slice(0, -1) },
    { why: 'an empty line at the end', form: `${whole}\n` },
    { why: 'an empty line between signatures', form: `${whole}\n${logLine}\n\n` },
    { why: 'a line that is no signature', form: `${whole}signed\n` },
    { why: 'a hyphen', form: whole.replace('—', '-') },
    { why: 'an en dash', form: whole.replace('—', '–') },
    { why: 'no space behind the dash', form: whole.replace('— ', '—') },
    { why: 'two spaces', form: whole.replace('— ', '—  ') },
    { why: 'a no-break space', form: whole.replace('— ', '—\u00a0') },
    { why: 'a space at the end', form: `${whole.slice(0, -1)} \n` },
    { why: 'no name', form: `${whole}—  ${padded}\n` },
    { why: 'no signature behind the name', form: `${whole}— a\n` },
    { why: 'an empty signature', form: `${whole}— a \n` },
    { why: 'a plus sign in a name', form: `${whole}— a+b ${padded}\n` },
    { why: 'an ideographic space in a name', form: `${whole}— a\u3000b ${padded}\n` },
    { why: 'a next line in a name', form: `${whole}— a\u0085b ${padded}\n` },
    { why: 'a key id alone', form: `${whole}— a ${toBase64(new Uint8Array(4))}\n` },
    { why: 'no padding', form: whole.replace(signature, signature.replace('=', '')) },
    { why: 'bits behind the last byte', form: whole.replace(signature, slackened(signature)) },
    { why: 'the URL alphabet', form: `${whole}— a ${'_-_-'.repeat(5)}\n` },
    { why: 'a carriage return', form: whole.replaceAll('\n', '\r\n') },
    { why: 'a carriage return at the end', form: whole.replace(/\n$/, '\r\n') },
    { why: 'a tab', form: whole.replace('second line', 'second\tline') },
    { why: 'a NUL', form: whole.replace('second line', 'second\0line') },
    { why: 'a byte order mark', form: `\ufeff${whole}` },
  ])('for $why', async ({ form }) => {
    expect(await codeOf(() => parseNote(bytesOf(form)))).toBe('NOTE_FORMAT');
    expect(await codeOf(() => openNote(bytesOf(form), [logVerifier]))).toBe('NOTE_FORMAT');
  });

  test.each([
    { why: 'a lone continuation byte', bad: [0x80] },
    { why: 'an overlong slash', bad: [0xc0, 0xaf] },
    { why: 'a surrogate', bad: [0xed, 0xa0, 0x80] },
    { why: 'a character cut off', bad: [0xe2, 0x80] },
  ])('for $why', async ({ bad }) => {
    const bytes = Uint8Array.of(...bad, ...note);
    expect(await codeOf(() => parseNote(bytes))).toBe('NOTE_FORMAT');
  });

  test('for more signatures than the limit, and not for as many', async () => {
    const strange = (count: number) =>
      Array.from({ length: count }, (_, at) => strangeLine(`w${at}.example`));
    const full = aNote(...strange(NOTE_MAX_SIGNATURES - 1), logLine);
    expect((await openNote(full, [logVerifier])).verified).toHaveLength(1);
    const over = aNote(...strange(NOTE_MAX_SIGNATURES), logLine);
    expect(await codeOf(() => openNote(over, [logVerifier]))).toBe('NOTE_FORMAT');
  });

  test('for more bytes than the limit, and not for as many', async () => {
    const filler = 'x'.repeat(NOTE_MAX_BYTES - bytesOf(`\n\n${logLine}\n`).length);
    const most = bytesOf(`${filler}\n\n${logLine}\n`);
    expect(most).toHaveLength(NOTE_MAX_BYTES);
    expect(parseNote(most).signatures).toHaveLength(1);
    expect(await codeOf(() => parseNote(bytesOf(`x${textOf(most)}`)))).toBe('NOTE_FORMAT');
  });

  test('not for one very long signature', () => {
    const long = aNote(`— long.example ${toBase64(new Uint8Array(700_000))}`);
    expect(formatNote(parseNote(long))).toEqual(long);
  });
});

describe('what cannot be read is not written', () => {
  test.each([
    { why: 'a text without end', said: 'text', name: ORIGIN },
    { why: 'an empty text', said: '', name: ORIGIN },
    { why: 'a carriage return', said: 'text\r\n', name: ORIGIN },
    { why: 'a lone surrogate', said: '\ud800\n', name: ORIGIN },
    { why: 'a name with a space', said: text, name: 'a b' },
    { why: 'a name with a line', said: text, name: 'a AAAAAAAA\n— b' },
    { why: 'a name with an empty line', said: text, name: 'a\n\nb' },
  ])('$why', async ({ said, name }) => {
    const act = () => signNote(said, [{ ...log, name }]);
    expect(await codeOf(act)).toBe('NOTE_FORMAT');
  });

  test('no signer', async () => {
    expect(await codeOf(() => signNote(text, []))).toBe('NOTE_FORMAT');
  });

  test.each(['', '0011', '00112233445566'])('the id %j', async (keyId) => {
    expect(await codeOf(() => signNote(text, [{ ...log, keyId }]))).toBe('NOTE_FORMAT');
  });
});
