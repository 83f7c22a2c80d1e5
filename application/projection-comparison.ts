import type { RequestState } from '../domain/request.ts';
import type { LedgerRecord, RecordV1 } from '../ledger/record.ts';
import type { StoredHead } from '../prisma/ledger-store.ts';
import { subjectOf } from './principal.ts';

export type Of<K extends LedgerRecord['kind']> = Extract<LedgerRecord, { readonly kind: K }>;

/** A record of version 1, which says enough to hold everything against it. */
export type Now<K extends RecordV1['kind']> = Extract<RecordV1, { readonly kind: K }>;

/** A request as its row has it. */
export interface ProjectedRequest {
  readonly kind: string;
  readonly status: string;
  readonly tier: string;
  readonly requesterType: string;
  readonly requesterId: string;
  readonly state: RequestState;
  readonly head: StoredHead;
}

export interface Comparison {
  readonly row: ProjectedRequest;
  readonly sealed: readonly LedgerRecord[];
  /** The commitment that stands for a subject in this stream; undefined where none does. */
  readonly refOf: (subject: string) => string | undefined;
}

/** @returns the commitment of a person in this stream; null for nobody, undefined where there is none. */
export function personIn(
  { refOf }: Pick<Comparison, 'refOf'>,
  id: string | null,
): string | null | undefined {
  return id === null ? null : refOf(subjectOf({ type: 'person', id }));
}

/** @returns the records of version 1, or null where the stream began before it. */
export function presentRecords(sealed: readonly LedgerRecord[]): readonly RecordV1[] | null {
  const records = sealed.filter((record): record is RecordV1 => record.v === 1);
  return records.length === sealed.length ? records : null;
}

export function sentences(
  claims: readonly (readonly [holds: boolean, otherwise: string])[],
): string[] {
  return claims.flatMap(([holds, otherwise]) => (holds ? [] : [otherwise]));
}
