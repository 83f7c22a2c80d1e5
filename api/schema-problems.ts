import type { ZodError } from 'zod';
import type { FieldProblem } from '../application/error.ts';
import { escapePointer } from './strict-json.ts';

type Issue = ZodError['issues'][number];

/** Problems to name in one answer, at most. */
const MAX_PROBLEMS = 50;

/**
 * @param value what did not fit the schema.
 * @returns one entry per place that is wrong, with what is wrong there first; at least one.
 */
export function schemaProblems(error: ZodError, value: unknown): FieldProblem[] {
  const found = new Map<string, FieldProblem>();
  for (const issue of error.issues)
    for (const problem of issueProblems(issue, { value, above: [] }))
      if (!found.has(problem.pointer)) found.set(problem.pointer, problem);
  return [...found.values()].slice(0, MAX_PROBLEMS);
}

interface Place {
  readonly value: unknown;
  readonly above: readonly PropertyKey[];
}

function issueProblems(issue: Issue, { value, above }: Place): FieldProblem[] {
  const path = [...above, ...issue.path];
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({
      pointer: pointerOf([...path, key]),
      message: 'is not a known field',
    }));
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    const closest = [...issue.errors].sort((a, b) => a.length - b.length)[0] ?? [];
    return closest.flatMap((one) => issueProblems(one as Issue, { value, above: path }));
  }
  const message = isMissing(value, path) ? 'is missing' : messageOf(issue);
  return [{ pointer: pointerOf(path), message }];
}

function isMissing(value: unknown, path: readonly PropertyKey[]): boolean {
  let here = value;
  for (const token of path) {
    if (typeof here !== 'object' || here === null || !Object.hasOwn(here, token)) return true;
    here = (here as Record<PropertyKey, unknown>)[token];
  }
  return here === undefined;
}

function messageOf(issue: Issue): string {
  if (issue.code === 'invalid_union') return 'is not one of the kinds that can be requested';
  return issue.message.charAt(0).toLowerCase() + issue.message.slice(1);
}

function pointerOf(path: readonly PropertyKey[]): string {
  return path.map((token) => `/${escapePointer(String(token))}`).join('');
}
