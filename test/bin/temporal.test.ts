import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { expect, onTestFinished, test } from 'vitest';
import { readConfig } from '../../bin/config.ts';
import { silentReport } from '../../bin/embedded/report.ts';
import { findTemporalCli } from '../../bin/embedded/temporal-cli.ts';
import { startTemporal, type EmbeddedTemporal } from '../../bin/embedded/temporal.ts';
import { temporaryFolder } from './temporary-folder.ts';

test('keeps closed histories for 30 days, shows its pages, and comes back at the same address', async () => {
  const dataDir = temporaryFolder();
  const first = await start(dataDir);
  expect(await retentionDays(first.address)).toBe(30);
  const page = await fetch(first.uiUrl);
  expect(page.headers.get('content-type')).toContain('text/html');
  await page.body?.cancel();
  process.kill(first.pid, 'SIGKILL');
  await first.exited;
  const second = await start(dataDir);
  expect(second).toMatchObject({ address: first.address, uiUrl: first.uiUrl });
  expect(await retentionDays(second.address)).toBe(30);
  await second.stop();
});

test.each([
  ['no database at all', 'this is no database '.repeat(1000)],
  ['empty, because a kill came while it was made', ''],
])('a state file that is %s is moved aside', async (_why, text) => {
  const dataDir = temporaryFolder();
  writeFileSync(join(dataDir, 'temporal.db'), text);
  const { address, stop } = await start(dataDir);
  expect(await retentionDays(address)).toBe(30);
  expect(readdirSync(dataDir).filter((name) => name.includes('unusable'))).toHaveLength(1);
  await stop();
});

test('a program that is no Temporal is an error, and the state stays where it was', async () => {
  const dataDir = temporaryFolder();
  writeFileSync(join(dataDir, 'temporal.db'), 'state');
  const options = { dataDir, cliPath: '/bin/false', namespace: 'default', report: silentReport };
  await expect(startTemporal(options)).rejects.toMatchObject({ code: 'EMBEDDED_SERVER' });
  expect(readdirSync(dataDir)).toContain('temporal.db');
});

async function start(dataDir: string): Promise<EmbeddedTemporal> {
  const { cacheDir, temporalCliPath } = readConfig();
  const report = silentReport;
  const cliPath = await findTemporalCli({ configuredPath: temporalCliPath, cacheDir, report });
  const temporal = await startTemporal({ cliPath, dataDir, namespace: 'default', report });
  onTestFinished(() => temporal.stop());
  return temporal;
}

async function retentionDays(address: string): Promise<number> {
  const connection = await Connection.connect({ address });
  try {
    const { config } = await connection.workflowService.describeNamespace({ namespace: 'default' });
    return Number(config?.workflowExecutionRetentionTtl?.seconds ?? 0) / 86_400;
  } finally {
    await connection.close();
  }
}
