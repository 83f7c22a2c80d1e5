import { rmSync } from 'node:fs';
import { onTestFinished } from 'vitest';
import { makeFolder } from '../support/servers.ts';

/** A new folder that is gone when the test has ended. */
export function temporaryFolder(): string {
  const folder = makeFolder();
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}
