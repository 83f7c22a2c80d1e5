import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import type { TestProject } from 'vitest/node';
import { createReport } from '../../bin/embedded/report.ts';
import { makeFolder, startTestServers } from './servers.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Superuser of a real PostgreSQL; make a database of your own with it. */
    postgresAdminUrl: string;
    /** `host:port` of a real Temporal, namespace `default`; use a task queue of your own. */
    temporalAddress: string;
    /** The workflows, bundled once for every worker of the run. */
    workflowBundlePath: string;
  }
}

/** One PostgreSQL and one Temporal for the whole run. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const servers = await startTestServers(createReport());
  const bundle = await bundleWorkflows();
  project.provide('postgresAdminUrl', servers.postgresAdminUrl);
  project.provide('temporalAddress', servers.temporalAddress);
  project.provide('workflowBundlePath', bundle.path);
  return async () => {
    await servers.stop();
    bundle.remove();
  };
}

async function bundleWorkflows(): Promise<{ path: string; remove: () => void }> {
  const workflowsPath = fileURLToPath(new URL('../../workflows/index.ts', import.meta.url));
  const logger = new DefaultLogger('ERROR');
  const { code } = await bundleWorkflowCode({ workflowsPath, logger });
  const folder = makeFolder();
  const path = join(folder, 'workflow-bundle.js');
  writeFileSync(path, code);
  return { path, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
