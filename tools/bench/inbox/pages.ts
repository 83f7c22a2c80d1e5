import { performance } from 'node:perf_hooks';
import { answerQuestions } from '../child.ts';
import { quantile } from '../stats.ts';

/** Reads pages of lists over HTTP, one call at a time, in a process of its own. */
export interface PageJob {
  readonly address: string;
  readonly token: string;
  /** The first page, with its query. */
  readonly path: string;
  /** Which page is read beside the first one. */
  readonly deep: number;
  readonly calls: number;
  /** Pages that are read before the ones that count. */
  readonly warmUp: number;
}

export interface PageTimes {
  /** Milliseconds. */
  readonly first: { readonly p50: number; readonly p99: number };
  readonly deep: { readonly p50: number; readonly p99: number };
}

interface Page {
  readonly took: number;
  readonly next: string | null;
  readonly items: number;
}

async function read({ address, token }: PageJob, path: string): Promise<Page> {
  const begun = performance.now();
  const reply = await fetch(`${address}${path}`, { headers: { Authorization: `Bearer ${token}` } });
  const text = await reply.text();
  const took = performance.now() - begun;
  if (reply.status !== 200)
    throw new Error(`${path} answered ${reply.status}: ${text.slice(0, 300)}`);
  const next = /^<([^>]+)>/.exec(reply.headers.get('link') ?? '')?.[1] ?? null;
  return { took, next, items: (JSON.parse(text) as { items: unknown[] }).items.length };
}

/** Follows the links. @returns the address of that page. */
async function findPage(job: PageJob): Promise<string> {
  let path = job.path;
  for (let page = 1; page < job.deep; page += 1) {
    const { next } = await read(job, path);
    if (next === null) throw new Error(`${job.path} has ${page} pages only`);
    path = next;
  }
  return path;
}

/** Both in turn, so that whatever disturbs meets both. */
async function measure(job: PageJob): Promise<PageTimes> {
  const deep = await findPage(job);
  const times: { first: number[]; deep: number[] } = { first: [], deep: [] };
  for (let call = -job.warmUp; call < job.calls; call += 1) {
    const [one, other] = [await read(job, job.path), await read(job, deep)];
    if (one.items === 0 || other.items !== one.items) throw new Error('a page is not full');
    if (call < 0) continue;
    times.first.push(one.took);
    times.deep.push(other.took);
  }
  const summed = (values: number[]) => {
    const sorted = values.sort((a, b) => a - b);
    return { p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99) };
  };
  return { first: summed(times.first), deep: summed(times.deep) };
}

await answerQuestions(measure);
process.exit(0);
