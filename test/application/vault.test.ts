import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { createVault, Unreadable } from '../../application/vault.ts';
import type { Reader } from '../../prisma/directory-store.ts';
import type { StoredKey } from '../../prisma/key-store.ts';

const KEK = randomBytes(32);
const PLACE = 'request/1/title';
const TEXT = 'Zoë Ünver, account 4711';

/** What the database would give; `asked` counts its ids. */
function storing(...keys: readonly StoredKey[]): Reader & { readonly asked: string[] } {
  const asked: string[] = [];
  const query = async ({ values }: { readonly values: readonly unknown[] }) => {
    const ids = values[0] as string[];
    asked.push(...ids);
    return keys
      .filter((key) => ids.includes(key.dekId))
      .map(({ dekId, ...key }) => ({ dek_id: dekId, ...key }));
  };
  return { asked, query: query as Reader['query'] };
}

/** One value as it is stored, and the key as it is stored. */
function stored(vault = createVault(KEK)) {
  const key = vault.createKey('person:eve');
  return { vault, key, ciphertext: vault.encrypt(key.dekId, PLACE, TEXT) };
}

test.each(['', 'a', TEXT, '\u0000', 'x'.repeat(300_000)])('a text comes back: %#', (text) => {
  const { vault, key } = stored();
  expect(vault.decrypt(key.dekId, PLACE, vault.encrypt(key.dekId, PLACE, text))).toBe(text);
});

test('a text comes back after a restart, from what is stored alone', async () => {
  const { key, ciphertext } = stored();
  const next = createVault(KEK);
  await next.prepare(storing(key), [key.dekId]);
  expect(next.decrypt(key.dekId, PLACE, ciphertext)).toBe(TEXT);
});

test('what is stored shows neither the text nor the key, and never looks the same twice', () => {
  const { vault, key, ciphertext } = stored();
  const again = vault.encrypt(key.dekId, PLACE, TEXT);
  expect(again.equals(ciphertext)).toBe(false);
  expect(ciphertext.includes('4711')).toBe(false);
  // iv, tag, text: no room for anything else; the same for the wrapped key of 32 bytes.
  expect(ciphertext.length).toBe(12 + 16 + Buffer.byteLength(TEXT));
  expect(key.wrapped?.length).toBe(12 + 16 + 32);
  expect(vault.createKey('person:eve').dekId).not.toBe(key.dekId);
});

describe('what was changed is refused', () => {
  const flip = (bytes: Buffer, at: number): Buffer => {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 1;
    return changed;
  };
  test.each<{ why: string; change: (bytes: Buffer) => Buffer }>([
    { why: 'the initialisation vector', change: (bytes) => flip(bytes, 0) },
    { why: 'the tag', change: (bytes) => flip(bytes, 12) },
    { why: 'the first byte of the text', change: (bytes) => flip(bytes, 28) },
    { why: 'the last byte of the text', change: (bytes) => flip(bytes, bytes.length - 1) },
    { why: 'a byte less', change: (bytes) => bytes.subarray(0, -1) },
    { why: 'a byte more', change: (bytes) => Buffer.concat([bytes, Buffer.of(0)]) },
    { why: 'half a tag', change: (bytes) => bytes.subarray(0, 20) },
    { why: 'nothing left', change: () => Buffer.alloc(0) },
  ])('$why', ({ change }) => {
    const { vault, key, ciphertext } = stored();
    expect(() => vault.decrypt(key.dekId, PLACE, change(ciphertext))).toThrow(Error);
  });

  test('another place: rows cannot be exchanged', () => {
    const { vault, key, ciphertext } = stored();
    for (const place of ['request/2/title', 'request/1/reason', ''])
      expect(() => vault.decrypt(key.dekId, place, ciphertext)).toThrow(Error);
  });

  test('another key', () => {
    const { vault, ciphertext } = stored();
    const other = vault.createKey('person:omar');
    expect(() => vault.decrypt(other.dekId, PLACE, ciphertext)).toThrow(Error);
  });

  test('a wrapped key that was put in the place of another', async () => {
    const { key } = stored();
    const other = createVault(KEK).createKey('person:omar');
    const swapped = { ...key, wrapped: other.wrapped };
    await expect(createVault(KEK).prepare(storing(swapped), [key.dekId])).rejects.toThrow(Error);
  });
});

describe('a destroyed key', () => {
  test('leaves nothing to read, and nothing can be written under it', async () => {
    const { key, ciphertext } = stored();
    const vault = createVault(KEK);
    await vault.prepare(storing({ ...key, wrapped: null }), [key.dekId]);
    expect(vault.decrypt(key.dekId, PLACE, ciphertext)).toBeNull();
    expect(() => vault.encrypt(key.dekId, PLACE, TEXT)).toThrow(key.dekId);
  });

  test('does not touch those beside it', async () => {
    const [gone, kept] = [stored(), stored()];
    const vault = createVault(KEK);
    const reader = storing({ ...gone.key, wrapped: null }, kept.key);
    await vault.prepare(reader, [gone.key.dekId, kept.key.dekId]);
    expect(vault.decrypt(gone.key.dekId, PLACE, gone.ciphertext)).toBeNull();
    expect(vault.decrypt(kept.key.dekId, PLACE, kept.ciphertext)).toBe(TEXT);
  });
});

describe('the key-encryption key', () => {
  test('another one is refused in words, before anything is read or written', async () => {
    const { key } = stored();
    const other = createVault(randomBytes(32));
    await expect(other.prepare(storing(key), [key.dekId])).rejects.toThrow('ENCRYPTION_KEY');
    expect(() => other.encrypt(key.dekId, PLACE, TEXT)).toThrow(Error);
  });

  test('one key that cannot be unwrapped leaves the others usable, and is not taken for an erased one', async () => {
    const [broken, fine] = [stored(), stored()];
    const vault = createVault(KEK);
    const reader = storing({ ...broken.key, kek: 'another' }, fine.key);
    const ids = [broken.key.dekId, fine.key.dekId];
    await expect(vault.prepare(reader, ids)).rejects.toThrow(Unreadable);
    expect(vault.decrypt(fine.key.dekId, PLACE, fine.ciphertext)).toBe(TEXT);
    expect(() => vault.decrypt(broken.key.dekId, PLACE, broken.ciphertext)).toThrow(Unreadable);
    expect(() => vault.encrypt(broken.key.dekId, PLACE, TEXT)).toThrow(Error);
    // Once it is mended it is read again.
    await vault.prepare(storing(broken.key), [broken.key.dekId]);
    expect(vault.decrypt(broken.key.dekId, PLACE, broken.ciphertext)).toBe(TEXT);
  });

  test('another one that pretends to be ours opens nothing', async () => {
    const other = createVault(randomBytes(32)).createKey('person:eve');
    const pretending = { ...other, kek: stored().key.kek };
    await expect(createVault(KEK).prepare(storing(pretending), [other.dekId])).rejects.toThrow(
      Error,
    );
  });

  test.each([0, 16, 31, 33])('of %i bytes is a mistake', (length) => {
    expect(() => createVault(randomBytes(length))).toThrow(TypeError);
  });
});

test('keys are asked for once', async () => {
  const { key } = stored();
  const vault = createVault(KEK);
  const reader = storing(key);
  await vault.prepare(reader, [key.dekId, key.dekId]);
  await vault.prepare(reader, [key.dekId]);
  await vault.prepare(reader, []);
  expect(reader.asked).toEqual([key.dekId]);
});

test('a key that was not made ready is not used', () => {
  const { key } = stored();
  expect(() => createVault(KEK).encrypt(key.dekId, PLACE, TEXT)).toThrow(key.dekId);
});
