import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { Client, Connection } from '@temporalio/client';
import { answerQuestions } from '../child.ts';
import { runLoad, type Load } from '../loop.ts';

/** Load generator of the bare side: starts a workflow, sends its Update, waits for the answer. */
const connection = await Connection.connect({ address: process.env['BENCH_TEMPORAL'] ?? '' });
const client = new Client({ connection, namespace: 'default' });

async function approve(): Promise<number> {
  const workflowId = `bare/${randomUUID()}`;
  const handle = await client.workflow.start('bare', { workflowId, taskQueue: 'bench-bare' });
  const begun = performance.now();
  const seq = await handle.executeUpdate<number, [string]>('decide', { args: [randomUUID()] });
  if (seq !== 1) throw new Error(`the Update answered ${seq}`);
  return performance.now() - begun;
}

await answerQuestions((load: Load) => runLoad(load, approve));
await connection.close();
process.exit(0);
