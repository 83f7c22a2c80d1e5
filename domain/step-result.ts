/** What a workflow learns from a step: enough to sleep and to end, no words and no names of people. */
export interface StepResult {
  /** Of the last sealed record: of two results the one with the higher number is newer. */
  readonly seq: number;
  /** Milliseconds until time alone changes something, at least 1; null = nothing is due. */
  readonly wakeInMs: number | null;
  /** Nothing more can happen that needs a workflow. */
  readonly finished: boolean;
}

/** Names what a step is asked to do. Ids only: this travels through Temporal. */
export type StepRef =
  | { readonly kind: 'command'; readonly requestId: string; readonly commandId: string }
  | { readonly kind: 'tick'; readonly requestId: string };
