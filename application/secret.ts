import { createHash } from 'node:crypto';

/** What is stored of a secret: secrets have 256 random bits, so a plain hash is enough. */
export function secretHash(secret: string): Buffer {
  return createHash('sha256').update(`countersign/secret/v1\0${secret}`).digest();
}
