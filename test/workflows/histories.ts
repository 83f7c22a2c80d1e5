import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { Worker } from '@temporalio/worker';
import { inject } from 'vitest';
import { installRuntime } from '../support/stack.ts';
import type { History } from './temporal.ts';

const FOLDER = fileURLToPath(new URL('../histories/', import.meta.url));
/** Recorded histories are added, never edited: a later version records under its own number. */
const VERSION = '0.2';

export interface RecordedHistory {
  readonly name: string;
  readonly history: unknown;
}

/** @returns every history that a version of this product has recorded. */
export function recordedHistories(): RecordedHistory[] {
  const names = readdirSync(FOLDER).filter((name) => name.endsWith('.json'));
  return names.sort().map((name) => ({
    name,
    history: JSON.parse(readFileSync(`${FOLDER}${name}`, 'utf8')) as unknown,
  }));
}

/** Writes `<version>-<story>.json` where RECORD_HISTORIES is set and the file is missing. */
export function record(story: string, history: History): void {
  const path = `${FOLDER}${VERSION}-${story}.json`;
  if (process.env['RECORD_HISTORIES'] === undefined || existsSync(path)) return;
  writeFileSync(path, `${JSON.stringify(withoutPlace(history), null, 1)}\n`);
}

/** As JSON, without `pid@host` of whoever took part. */
export function withoutPlace(history: History): unknown {
  return JSON.parse(historyToJSON(history).replaceAll(/\d+@[A-Za-z0-9._-]+/g, 'worker'));
}

/** @returns what is wrong with each history, null where the workflows of today go the same way. */
export async function replay(
  histories: readonly RecordedHistory[],
): Promise<Record<string, unknown>> {
  installRuntime();
  const results = Worker.runReplayHistories(
    { workflowBundle: { codePath: inject('workflowBundlePath') } },
    histories.map(({ history }) => ({ workflowId: workflowIdIn(history), history })),
  );
  const names = histories.map(({ name }) => name);
  const answers: Record<string, unknown> = {};
  for await (const { error } of results) answers[names.shift() ?? ''] = error ?? null; // in their order
  return answers;
}

/** A gate looks at its own id. */
function workflowIdIn(history: unknown): string {
  const { events } = history as History;
  return events?.[0]?.workflowExecutionStartedEventAttributes?.workflowId ?? '';
}
