/** What a workflow learns from a step: enough to sleep and to end, no words and no names of people. */
export interface StepResult {
  /** Of the last sealed record: of two results the one with the higher number is newer. */
  readonly seq: number;
  /** Milliseconds until time alone changes something, at least 1; null = nothing is due. */
  readonly wakeInMs: number | null;
  /** Nothing more can happen that needs a workflow. */
  readonly finished: boolean;
  /** What operators see of the request in Temporal; absent = leave what is there. */
  readonly visible?: Visible | undefined;
}

/** Words of our own lists, names of roles and one instant: searchable in Temporal. */
export interface Visible {
  readonly status: string;
  readonly risk: string;
  /** Roles that are waited for, in alphabetical order; none where nobody is. */
  readonly roles: readonly string[];
  /** When the open stage ends; null = never, or none is open. */
  readonly due: string | null;
}

/** Names what a step is asked to do. Ids only: this travels through Temporal. */
export type StepRef =
  | { readonly kind: 'command'; readonly requestId: string; readonly commandId: string }
  | { readonly kind: 'tick'; readonly requestId: string };
