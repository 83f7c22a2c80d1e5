import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { expect, inject, onTestFinished, test } from 'vitest';
import { makeFolder } from '../support/servers.ts';

const WORKFLOWS = fileURLToPath(new URL('../../workflows/index.ts', import.meta.url));

/** Names of the modules that a bundle holds, as webpack writes them over each. */
function modulesOf(code: string): string[] {
  return [...code.matchAll(/^\/\*\*\*\/ "([^"]+)"/gm)].map((match) => match[1] ?? '');
}

/** Bundles our workflows and a file of this one line, in the way in which a library gets in. */
async function bundleWith(line: string): Promise<string> {
  const folder = makeFolder();
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const planted = join(folder, 'planted.ts');
  writeFileSync(planted, `${line}\n`);
  const logger = new DefaultLogger('ERROR', () => undefined);
  const { code } = await bundleWorkflowCode({
    workflowsPath: WORKFLOWS,
    workflowInterceptorModules: [planted],
    logger,
  });
  return code;
}

test('the bundle holds our workflows, no Node module, no schema library, nothing of other folders', () => {
  const modules = modulesOf(readFileSync(inject('workflowBundlePath'), 'utf8'));
  const ours = modules.filter((name) => name.endsWith('.ts'));
  expect(ours).toContain('./workflows/gate.ts');
  expect(ours.filter((name) => !/^\.\/(workflows|domain)\//.test(name))).toEqual([]);
  expect(modules.filter(isBuiltin)).toEqual([]);
  const packages = modules.flatMap(
    (name) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(name)?.[1] ?? [],
  );
  expect(
    [...new Set(packages)].filter((name) => /^(zod|pg|express|prisma|@prisma)/.test(name)),
  ).toEqual([]);
});

test.each([
  { what: 'node:crypto', line: "export { createHash } from 'node:crypto';" },
  { what: 'fs', line: "export { readFileSync } from 'fs';" },
])('bundling fails once a workflow imports $what', async ({ line }) => {
  expect(await bundleWith("export const planted = 'nothing';")).toContain('nothing');
  await expect(bundleWith(line)).rejects.toThrow(/disallowed modules|Webpack finished with errors/);
});
