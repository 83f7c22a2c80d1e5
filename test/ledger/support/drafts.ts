import { createHash } from 'node:crypto';

import type { Draft, DraftBody, DraftOf, SealContext } from '../../../ledger/append.ts';
import { commandKey } from '../../../ledger/hash.ts';
import type { RecordKind } from '../../../ledger/record.ts';
import { sampleBodies } from './bodies.ts';
import { digest, STREAM } from './digest.ts';

export { digest, OTHER_STREAM, STREAM } from './digest.ts';
export { sampleBodies } from './bodies.ts';

/** Bytes that look random and are the same in every run: SHA-256 of seed and counter. */
export function fixedRandom(seed: string): (size: number) => Uint8Array {
  let used = 0;
  return (size) => {
    const blocks: Buffer[] = [];
    for (let length = 0; length < size; length += 32) {
      blocks.push(createHash('sha256').update(`${seed}/${used++}`).digest());
    }
    return Buffer.concat(blocks).subarray(0, size);
  };
}

export function aContext(change: Partial<SealContext> = {}): SealContext {
  return {
    log: 'countersign.example/log',
    stream: STREAM,
    ts: '2026-11-21T08:00:00.000Z',
    software: '0.1.0',
    randomBytes: fixedRandom('nonce'),
    ...change,
  };
}

type DraftChange<K extends RecordKind> = Partial<Omit<DraftOf<K>, 'body' | 'kind'>> & {
  readonly body?: Partial<DraftBody<K>>;
};

const texts: Partial<Record<RecordKind, string>> = {
  overridden: 'reason',
  commented: 'text',
  asked: 'text',
  answered: 'text',
};

/** An ordinary draft of one kind; the row shows only what differs. */
export function aDraft<K extends RecordKind>(kind: K, change: DraftChange<K> = {}): Draft {
  const { body, ...rest } = change;
  const path = texts[kind];
  const draft: DraftOf<K> = {
    kind,
    cmd: commandKey('command-1', kind),
    actor: { type: 'human', role: 'reviewer', c: digest('the commitment to eve') },
    auth: { level: 1, method: 'sample_token', proof: null },
    surface: 'rest',
    policy: 'credit-decisions@4',
    ...(path === undefined ? {} : { erasable: [{ path, value: 'because of the audit finding' }] }),
    ...rest,
    body: { ...sampleBodies[kind], ...body },
  };
  return draft as Draft;
}
