import type { Command } from '../domain/command.ts';
import { assertNever } from '../domain/assert-never.ts';
import type { OverrideEffect } from '../domain/policy.ts';
import type { Verdict } from '../domain/request.ts';
import { visibleLength } from '../domain/visible-text.ts';
import type { Erasable } from '../ledger/append.ts';
import { jcs } from '../ledger/jcs.ts';
import type { BlobRef } from '../ledger/record.ts';

/** What a caller says with a command, words included. Stored encrypted until and after it is decided. */
export type CommandPayload =
  | { readonly kind: 'view'; readonly view: BlobRef }
  | {
      readonly kind: 'decide';
      readonly verdict: Verdict;
      readonly contentDigest: string;
      readonly rationale: string | null;
      readonly conditions: readonly string[];
      readonly acknowledgements: readonly string[];
    }
  | { readonly kind: 'override'; readonly effect: OverrideEffect; readonly reason: string }
  | { readonly kind: 'withdraw'; readonly reason: string | null };

/** The part that the rules judge. Words are counted, never passed on. */
export function toCommand(payload: CommandPayload): Command {
  switch (payload.kind) {
    case 'view':
      return { kind: 'view' };
    case 'decide': {
      const { verdict, contentDigest } = payload;
      return { kind: 'decide', verdict, contentDigest };
    }
    case 'override':
      return {
        kind: 'override',
        effect: payload.effect,
        reasonLength: visibleLength(charactersOf(payload.reason)),
      };
    case 'withdraw':
      return { kind: 'withdraw' };
    default:
      return assertNever(payload);
  }
}

/** A character is what a person would count (an emoji is one), not a UTF-16 unit. */
function charactersOf(text: string): string[] {
  const segments = new Intl.Segmenter('en', { granularity: 'grapheme' }).segment(text);
  return [...segments].map(({ segment }) => segment);
}

/** The words of a command, to be sealed as commitments. */
export function textsOf(payload: CommandPayload): Erasable[] {
  switch (payload.kind) {
    case 'view':
      return [];
    case 'decide':
      return [
        ...(payload.rationale === null ? [] : [{ path: 'rationale', value: payload.rationale }]),
        ...(payload.conditions.length === 0
          ? []
          : [{ path: 'conditions', value: jcs(payload.conditions) }]),
        ...(payload.acknowledgements.length === 0
          ? []
          : [{ path: 'acknowledgements', value: jcs(payload.acknowledgements) }]),
      ];
    case 'override':
      return [{ path: 'reason', value: payload.reason }];
    case 'withdraw':
      return payload.reason === null ? [] : [{ path: 'reason', value: payload.reason }];
    default:
      return assertNever(payload);
  }
}

/** The sentence that the request's resolution shows, where the command carries one. */
export function reasonOf(payload: CommandPayload): string | null {
  return payload.kind === 'override' || payload.kind === 'withdraw' ? payload.reason : null;
}
