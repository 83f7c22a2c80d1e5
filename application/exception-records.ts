import type { Draft } from '../ledger/append.ts';
import { commandKey, sha256Hex } from '../ledger/hash.ts';
import type { BlobRef } from '../ledger/record.ts';
import type { ExceptionRow } from '../prisma/exception-store.ts';
import { exceptionText } from './exception-text.ts';
import type { PolicyStream } from './policy-stream.ts';
import { subjectOf } from './principal.ts';
import { BY_ENGINE, type SealedBy } from './sealing.ts';

// What is sealed of an exception to a rule, in the chain of its policy.
// @source docs/record-format.md section 6.3

/** A person who acts, as records name them. */
export interface ExceptionActor {
  readonly id: string;
  readonly dekId: string;
  readonly by: SealedBy;
}

function envelope(
  actor: ExceptionActor | null,
  { book }: PolicyStream,
  role: 'policy_admin' | 'compliance',
): Pick<Draft, 'actor' | 'auth' | 'surface' | 'policy'> {
  const { auth, surface } = actor?.by ?? BY_ENGINE;
  if (actor === null)
    return { actor: { type: 'system', role: 'engine', c: null }, auth, surface, policy: null };
  const c = book.of(subjectOf({ type: 'person', id: actor.id }));
  return { actor: { type: 'human', role, c }, auth, surface, policy: null };
}

/** Which rule, for which requests, for how long. */
function contentRef(row: ExceptionRow): BlobRef {
  const text = exceptionText(row);
  return { name: 'content', sha256: sha256Hex(text), bytes: Buffer.byteLength(text) };
}

/** Asking is a task for others: to look at it, and to agree or not. */
export function taskDraft(
  row: ExceptionRow,
  change: 'opened' | 'done' | 'cancelled',
  around: {
    readonly actor: ExceptionActor;
    readonly stream: PolicyStream;
    readonly reason: string | null;
  },
): Draft {
  const { actor, stream, reason } = around;
  const person = stream.book.of(subjectOf({ type: 'person', id: actor.id }));
  return {
    ...envelope(actor, stream, change === 'done' ? 'compliance' : 'policy_admin'),
    kind: 'task_changed',
    cmd: commandKey(row.id, change),
    refs: [contentRef(row)],
    ...(reason === null ? {} : { erasable: [{ path: 'reason', value: reason }] }),
    body: {
      ...{ task: row.id, of: 'review', change, receipt: null, about_stream: null },
      ...{ about_seq: null, owner_c: null, person_c: person, due: row.until },
    },
  };
}

export function exceptionDraft(
  row: ExceptionRow,
  change: 'granted' | 'ended' | 'expired',
  around: {
    readonly actor: ExceptionActor | null;
    readonly stream: PolicyStream;
    readonly rule: number | null;
  },
): Draft {
  const { actor, stream, rule } = around;
  const approver = row.approver ?? '';
  return {
    ...envelope(actor, stream, change === 'granted' ? 'compliance' : 'policy_admin'),
    kind: 'exception',
    cmd: commandKey(row.id, change),
    refs: [contentRef(row)],
    body: {
      ...{ exception: row.id, change, of: 'rule', policy_id: row.policyId, rule },
      ...{ check: null, control: null, about_stream: null },
      approver_c: stream.book.of(subjectOf({ type: 'person', id: approver })),
      ...{ from: row.from, until: row.endedAt ?? row.until, uses: row.uses },
    },
  };
}
