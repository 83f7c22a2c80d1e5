import { Client, Connection } from '@temporalio/client';
import { track } from '../support/no-leaks.ts';

export type History = Awaited<
  ReturnType<ReturnType<Client['workflow']['getHandle']>['fetchHistory']>
>;

/** Temporal as somebody sees it who reaches its port. */
export interface TemporalPort {
  readonly client: Client;
  history(requestId: string, runId?: string): Promise<History>;
  close(): Promise<void>;
}

export async function openTemporalPort(address: string): Promise<TemporalPort> {
  const connection = await Connection.connect({ address });
  const client = new Client({ connection });
  return {
    client,
    history: (requestId, runId) =>
      client.workflow.getHandle(`request/${requestId}`, runId).fetchHistory(),
    close: track('a connection to Temporal', () => connection.close()),
  };
}

/** @returns the names of what happened, such as `workflowTaskCompleted`. */
export function eventsOf(history: History): string[] {
  return (history.events ?? [])
    .map((event) => Object.keys(event).find((key) => key.endsWith('EventAttributes')) ?? '')
    .map((key) => key.replace('EventAttributes', ''));
}

export function countOf(history: History, event: string): number {
  return eventsOf(history).filter((name) => name === event).length;
}

/** Every string and every byte of a history, as one text. */
export function everythingIn(value: unknown): string {
  if (typeof value === 'string') return `${value}\n`;
  if (value instanceof Uint8Array) return `${Buffer.from(value).toString('latin1')}\n`;
  if (typeof value !== 'object' || value === null) return '';
  return Object.entries(value)
    .map(([key, member]) => `${key}\n${everythingIn(member)}`)
    .join('');
}
