import type { Reader } from './directory-store.ts';
import type { Fragment } from './transaction.ts';

/** A data key as it is kept: wrapped by the key-encryption key `kek`; null once it was destroyed. */
export interface StoredKey {
  readonly dekId: string;
  readonly subject: string;
  readonly wrapped: Uint8Array | null;
  readonly kek: string;
}

export function insertKey(key: StoredKey): Fragment {
  return {
    text: 'INSERT INTO dek (dek_id, subject, wrapped, kek) VALUES ($1, $2, $3, $4)',
    values: [key.dekId, key.subject, key.wrapped, key.kek],
  };
}

/** @returns the keys that exist, in any order. */
export async function loadKeys(reader: Reader, ids: readonly string[]): Promise<StoredKey[]> {
  const rows = await reader.query<{
    dek_id: string;
    subject: string;
    wrapped: Buffer | null;
    kek: string;
  }>({
    text: 'SELECT dek_id, subject, wrapped, kek FROM dek WHERE dek_id = ANY($1::uuid[])',
    values: [ids],
  });
  return rows.map(({ dek_id, ...row }) => ({ dekId: dek_id, ...row }));
}
