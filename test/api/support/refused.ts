import { expect, test } from 'vitest';
import type { CallOptions, Stack } from '../../support/stack.ts';
import { aLoan, countRows, expectProblem } from './calls.ts';

/** A call that is not acceptable, and what is answered. Without more it submits as the sample app. */
export interface Row {
  readonly why: string;
  readonly who?: string;
  /** `{id}` stands for a request that is there. */
  readonly path?: string;
  readonly method?: string;
  readonly body?: unknown;
  readonly raw?: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  readonly status: number;
  readonly code: string;
  /** Every place that is named, in any order; absent: not asked. */
  readonly at?: readonly string[];
}

/** Where the rows are sent to; known only when the tests run. */
export interface Target {
  readonly stack: Stack;
  readonly requestId: string;
}

/** One test per row: the right problem is answered, and nothing is stored. */
export function refuses(target: () => Target, rows: readonly Row[]): void {
  test.each(rows.map((row) => [row.why, row] as const))('%s', async (_why, row) =>
    expectRefused(target(), row),
  );
}

async function expectRefused({ stack, requestId }: Target, row: Row): Promise<void> {
  const before = await countRows(stack);
  const path = (row.path ?? '/v1/requests').replace('{id}', requestId);
  const call: CallOptions = {
    method: row.method ?? 'POST',
    ...(row.body === undefined ? {} : { body: row.body }),
    ...(row.raw === undefined ? {} : { raw: row.raw }),
    ...(row.headers === undefined ? {} : { headers: row.headers }),
  };
  const reply = await stack.call(row.who ?? 'app', path, call);
  const { errors } = expectProblem(reply, row.status, row.code);
  if (row.at !== undefined)
    expect(errors.map(({ pointer }) => pointer).sort()).toEqual([...row.at].sort());
  expect(await countRows(stack)).toEqual(before);
}

/** A loan with one place of it changed; `undefined` takes the field away. */
export function loanWith(pointer: string, value: unknown): unknown {
  return withValue(aLoan(), pointer, value);
}

export function withValue(whole: object, pointer: string, value: unknown): unknown {
  const copy = structuredClone(whole) as Record<string, unknown>;
  const path = pointer.slice(1).split('/');
  let here: Record<string, unknown> = copy;
  for (const token of path.slice(0, -1)) here = here[token] as Record<string, unknown>;
  const last = path.at(-1) ?? '';
  if (value === undefined) delete here[last];
  else here[last] = value;
  return copy;
}

/** The text of a loan with the first occurrence of something in it replaced. */
export function loanText([from, to]: readonly [string, string]): string {
  return JSON.stringify(aLoan()).replace(from, to);
}

export const MALFORMED = { status: 400, code: 'MALFORMED_JSON', at: [''] } as const;
export const INVALID = { status: 422, code: 'VALIDATION_FAILED' } as const;
