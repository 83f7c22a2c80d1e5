import { createHash } from 'node:crypto';

/** A made-up digest that is always the same for the same label. */
export function digest(label: string): string {
  return createHash('sha256').update(label).digest('hex');
}

/** The stream of all samples. */
export const STREAM = '5f0c2a52-7d7e-4b0e-9a51-3f5a8f1f6c01';
/** Another one, for links. */
export const OTHER_STREAM = '0c9f6d1e-2b7a-4c43-8f0e-6a1d5b3e9f02';
