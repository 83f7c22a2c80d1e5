import type { Actor, Command } from '../../domain/command.ts';
import type { RiskTier, Rule } from '../../domain/policy.ts';
import type { Reviewer } from '../../domain/reviewer.ts';

/** What policy said of a content. */
export interface Terms {
  readonly rule: Rule;
  readonly tier: RiskTier;
  readonly held: boolean;
  readonly deadlines: readonly (string | null)[];
  readonly mustKnow: boolean;
}

/** A request before anything happens to it, as the reference needs it. */
export interface Setup extends Terms {
  readonly parties: readonly string[];
  /** Type and id of who asked, and of who else may answer for them. */
  readonly asker: string;
  readonly speaker: string;
  readonly contentDigest: string;
  /** People as the directory has them. */
  readonly people: readonly Reviewer[];
}

/** Somebody acts; null = only time passes. People show the rights that the directory gives them. */
export type Act = { readonly id: string; readonly actor: Actor; readonly command: Command } | null;

/** What the reference expects of one step. */
export interface Expected {
  /** A refusal code, `counted`, `done`, `settled <word>`; null for a tick. */
  readonly answer: string | null;
  /** In the words of `tellingOf`. */
  readonly events: readonly string[];
  readonly status: string;
  readonly openStage: number | null;
  readonly roles: readonly (readonly string[])[];
  readonly deadline: string | null;
  readonly claims: readonly string[];
  readonly wakeAt: string | null;
}
