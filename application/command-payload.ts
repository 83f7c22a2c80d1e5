import type { Amendment, Command } from '../domain/command.ts';
import type { Instant } from '../domain/instant.ts';
import type { OverrideEffect } from '../domain/policy.ts';
import type { Verdict } from '../domain/request.ts';
import type { Candidate } from '../domain/reviewer.ts';
import { visibleLength } from '../domain/visible-text.ts';
import type { Erasable } from '../ledger/append.ts';
import { jcs } from '../ledger/jcs.ts';
import type { BlobRef } from '../ledger/record.ts';
import type { ContentChange } from './content.ts';

/** What a caller says with a command, words included. Stored encrypted until and after it is decided. */
export type CommandPayload =
  | {
      readonly kind: 'view';
      readonly view: BlobRef;
      /** What was shown, as canonical JSON; absent in views of earlier versions. */
      readonly shown?: string;
      /** How often the content had been changed that was shown; absent in views of earlier versions. */
      readonly amendments?: number;
    }
  | {
      readonly kind: 'decide';
      readonly verdict: Verdict;
      readonly contentDigest: string;
      readonly rationale: string | null;
      readonly conditions: readonly string[];
      readonly acknowledgements: readonly string[];
    }
  | {
      readonly kind: 'override';
      readonly effect: OverrideEffect;
      readonly reason: string;
      /** Absent in commands of earlier versions. */
      readonly breakGlass?: boolean;
    }
  | { readonly kind: 'withdraw'; readonly reason: string | null }
  | { readonly kind: 'ask'; readonly text: string }
  | { readonly kind: 'answer'; readonly question: string; readonly text: string }
  | { readonly kind: 'comment'; readonly replyTo: string | null; readonly text: string }
  | { readonly kind: 'amend'; readonly change: ContentChange }
  | { readonly kind: 'claim' }
  | { readonly kind: 'release' }
  | {
      readonly kind: 'delegate';
      readonly to: string;
      readonly from: Instant;
      readonly until: Instant;
      readonly reason: string;
    }
  | {
      readonly kind: 'reassign';
      readonly from: string;
      readonly to: string;
      readonly reason: string;
    }
  | { readonly kind: 'escalate'; readonly to: string | null; readonly reason: string }
  | {
      readonly kind: 'review';
      readonly verdict: 'justified' | 'not_justified';
      readonly reason: string;
    };

/** What some commands need beside what their caller said: read in the step, in its transaction. */
export interface Prepared {
  /** null where whoever asks for it may not: it is not read then. */
  readonly amendment?: Amendment | null;
  readonly receiver?: Candidate;
  readonly lapsed?: readonly string[];
}

type Of<K extends CommandPayload['kind']> = Extract<CommandPayload, { readonly kind: K }>;

/** What is known of each kind. The type makes it complete. */
type Table<R, More extends readonly unknown[] = []> = {
  readonly [K in CommandPayload['kind']]: (payload: Of<K>, ...more: More) => R;
};

const COMMANDS: Table<Command, [Prepared]> = {
  view: ({ amendments }) => ({
    kind: 'view',
    ...(amendments === undefined ? {} : { amendments }),
  }),
  withdraw: () => ({ kind: 'withdraw' }),
  ask: () => ({ kind: 'ask' }),
  claim: () => ({ kind: 'claim' }),
  release: () => ({ kind: 'release' }),
  decide: ({ verdict, contentDigest }) => ({ kind: 'decide', verdict, contentDigest }),
  override: ({ effect, reason, breakGlass = false }, { lapsed }) => ({
    ...{ kind: 'override', effect, breakGlass, lapsed: needed(lapsed) },
    reasonLength: lengthOf(reason),
  }),
  answer: ({ question }) => ({ kind: 'answer', question }),
  comment: ({ replyTo }) => ({ kind: 'comment', replyTo }),
  // Of somebody who has not asked nothing is prepared: what they want is not read.
  amend: (_payload, { amendment = null }) => ({ kind: 'amend', amendment }),
  delegate: ({ reason, ...rest }) => ({ ...rest, reasonLength: lengthOf(reason) }),
  escalate: ({ reason, ...rest }) => ({ ...rest, reasonLength: lengthOf(reason) }),
  review: ({ reason, ...rest }) => ({ ...rest, reasonLength: lengthOf(reason) }),
  reassign: ({ reason, ...rest }, { receiver }) => ({
    ...{ ...rest, receiver: needed(receiver) },
    reasonLength: lengthOf(reason),
  }),
};

/** The part that the rules judge. Words are counted, never passed on. */
export function toCommand(payload: CommandPayload, prepared: Prepared = {}): Command {
  // A table is indexed by the very type that each function takes; the compiler cannot follow that.
  const to = COMMANDS[payload.kind] as (payload: CommandPayload, prepared: Prepared) => Command;
  return to(payload, prepared);
}

function needed<T>(value: T | undefined): T {
  if (value === undefined) throw new TypeError('the command was not prepared');
  return value;
}

/** A character is what a person would count (an emoji is one), not a UTF-16 unit. */
function lengthOf(text: string): number {
  const segments = new Intl.Segmenter('en', { granularity: 'grapheme' }).segment(text);
  return visibleLength([...segments].map(({ segment }) => segment));
}

const because = ({ reason }: { readonly reason: string | null }): Erasable[] =>
  reason === null ? [] : [{ path: 'reason', value: reason }];
const said = ({ text }: { readonly text: string }): Erasable[] => [{ path: 'text', value: text }];
const nothing = (): Erasable[] => [];

const TEXTS: Table<Erasable[]> = {
  view: nothing,
  amend: nothing, // the content itself is bound by its digest
  claim: nothing,
  release: nothing,
  decide: ({ rationale, conditions, acknowledgements }) => [
    ...(rationale === null ? [] : [{ path: 'rationale', value: rationale }]),
    ...listed('conditions', conditions),
    ...listed('acknowledgements', acknowledgements),
  ],
  withdraw: because,
  override: because,
  delegate: because,
  reassign: because,
  escalate: because,
  review: because,
  ask: said,
  answer: said,
  comment: said,
};

/** The words of a command, to be sealed as commitments. */
export function textsOf(payload: CommandPayload): Erasable[] {
  const texts = TEXTS[payload.kind] as (payload: CommandPayload) => Erasable[];
  return texts(payload);
}

function listed(path: string, items: readonly string[]): Erasable[] {
  return items.length === 0 ? [] : [{ path, value: jcs(items) }];
}

/** The sentence that the request's resolution shows, where the command carries one. */
export function reasonOf(payload: CommandPayload): string | null {
  return payload.kind === 'override' || payload.kind === 'withdraw' ? payload.reason : null;
}
