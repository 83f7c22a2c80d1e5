import { randomFillSync } from 'node:crypto';

// One call into the system's generator costs as much as sealing half a record, so bytes are drawn in
// bulk. Each byte is handed out once; what is handed out is a copy, the pool's own is wiped.

const POOL_BYTES = 8_192;
const pool = new Uint8Array(POOL_BYTES);
let used = POOL_BYTES;

/** Random bytes for nonces and salts, from Node's cryptographic generator. */
export function secureRandomBytes(size: number): Uint8Array {
  if (size > POOL_BYTES) return randomFillSync(new Uint8Array(size));
  if (used + size > POOL_BYTES) {
    randomFillSync(pool);
    used = 0;
  }
  const bytes = pool.slice(used, used + size);
  pool.fill(0, used, used + size);
  used += size;
  return bytes;
}
