import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { answerQuestions } from './child.ts';
import { createPost, expectStatus, type Headers, type Post } from './http-call.ts';
import { runLoad, type Load } from './loop.ts';

/** Load generator over HTTP, in a process of its own. One question is one round. */
export type HttpLoad = Load & { readonly address: string } & (Submissions | Approvals);

/** One POST per act; the time is that of the call. */
interface Submissions {
  readonly kind: 'submissions';
  readonly path: string;
  readonly headers: Headers;
  readonly body: string;
  /** Sends a new Idempotency-Key with each call. */
  readonly keyed: boolean;
  /** A text that each answer must hold. */
  readonly expected: string;
}

/** One submission and one decision per act; the time is that of the decision. */
interface Approvals {
  readonly kind: 'approvals';
  readonly body: string;
  readonly appKey: string;
  /** Of people who may decide; callers take them in turn. */
  readonly tokens: readonly string[];
}

const bearer = (token: string): Headers => ({ Authorization: `Bearer ${token}` });

async function submit(post: Post, job: Submissions): Promise<number> {
  const key = job.keyed ? { 'Idempotency-Key': randomUUID() } : {};
  const begun = performance.now();
  const answer = await post(job.path, { ...job.headers, ...key }, job.body);
  const took = performance.now() - begun;
  expectStatus(answer, 201);
  if (!answer.text.includes(job.expected)) throw new Error(`answered ${answer.text.slice(0, 300)}`);
  return took;
}

async function approve(post: Post, job: Approvals, caller: number): Promise<number> {
  const submitted = await post('/v1/requests', bearer(job.appKey), job.body);
  expectStatus(submitted, 201);
  const { id, contentDigest } = JSON.parse(submitted.text) as { id: string; contentDigest: string };
  const decision = JSON.stringify({ verdict: 'approve', contentDigest });
  const token = job.tokens[caller % job.tokens.length] ?? '';
  const begun = performance.now();
  const decided = await post(`/v1/requests/${id}/decisions`, bearer(token), decision);
  const took = performance.now() - begun;
  expectStatus(decided, 200);
  if (!decided.text.includes('"settled"'))
    throw new Error(`answered ${decided.text.slice(0, 300)}`);
  return took;
}

/** Connections are kept between rounds, as callers would. */
const posts = new Map<string, Post>();

function postTo({ address, callers }: HttpLoad): Post {
  const name = `${address} ${callers}`;
  const post = posts.get(name) ?? createPost(address, callers);
  posts.set(name, post);
  return post;
}

await answerQuestions((job: HttpLoad) => {
  const post = postTo(job);
  return runLoad(job, (caller) =>
    job.kind === 'approvals' ? approve(post, job, caller) : submit(post, job),
  );
});
process.exit(0);
