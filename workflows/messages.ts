import { defineSignal, defineUpdate } from '@temporalio/workflow';
import type { StepResult } from '../domain/step-result.ts';

export { firstAttributes, SEARCH_ATTRIBUTES } from './search-attributes.ts';

/** What a gate is started with. Ids and numbers only: nothing personal enters Temporal's history. */
export interface GateInput {
  readonly requestId: string;
  /** The request's life as the starter knew it; null = ask first. */
  readonly step: StepResult | null;
}

/** Names a command row that only the application can write. */
export interface CommandRef {
  readonly commandId: string;
}

/**
 * Brings one command to the step. The answer is stored with the command; what comes back here only
 * tells the workflow's own news.
 */
export const submitCommand = defineUpdate<StepResult, [CommandRef]>('submitCommand');

/** Has a running gate ask for the truth: a step was taken without it, or it may be another's work. */
export const look = defineSignal('look');

/** Id of the one workflow that holds a request open. */
export function gateIdOf(requestId: string): string {
  return `request/${requestId}`;
}
