import { parse } from '@bufbuild/cel';

export type Parsed = ReturnType<typeof parse>;
export type Expr = Parsed['expr'];

/** What is wrong, and where: `id` is an expression's, `offset` counts characters from 0. */
export interface SyntaxProblem {
  readonly message: string;
  readonly offset: number | null;
}

export type ParseResult =
  | { readonly ok: true; readonly parsed: Parsed }
  | { readonly ok: false; readonly problem: SyntaxProblem };

/** Parses CEL without throwing, whatever the text. */
export function parseCel(text: string): ParseResult {
  if (text.trim() === '') return refused('the condition is empty', null);
  try {
    return { ok: true, parsed: parse(text) };
  } catch (error) {
    if (error instanceof RangeError) return refused('nested too deeply', null);
    return syntaxProblem(error, text);
  }
}

function syntaxProblem(error: unknown, text: string): ParseResult {
  const offset = offsetOf(error);
  const word = error instanceof Error ? /: (reserved \w+)$/.exec(error.message)?.[1] : undefined;
  if (word !== undefined) return refused(word, offset);
  if (offset === null) return refused('syntax error', null);
  const found = /^[\w.]+|^[^\s\w]{1,2}|^\s/u.exec(text.slice(offset))?.[0];
  if (found === undefined) return refused('syntax error: the condition ends too early', offset);
  return refused(`syntax error: unexpected ${JSON.stringify(found.slice(0, 20))}`, offset);
}

function offsetOf(error: unknown): number | null {
  if (typeof error !== 'object' || error === null || !('location' in error)) return null;
  const location = error.location as { readonly start?: { readonly offset?: unknown } } | undefined;
  const offset = location?.start?.offset;
  return typeof offset === 'number' ? offset : null;
}

function refused(message: string, offset: number | null): ParseResult {
  return { ok: false, problem: { message, offset } };
}

/** @returns the expressions directly inside of `expr`, in the order they are written. */
export function childrenOf(expr: Expr): Expr[] {
  const { exprKind } = expr;
  switch (exprKind.case) {
    case 'selectExpr':
      return present([exprKind.value.operand]);
    case 'callExpr':
      return present([exprKind.value.target, ...exprKind.value.args]);
    case 'listExpr':
      return exprKind.value.elements;
    case 'structExpr':
      return exprKind.value.entries.flatMap((entry) =>
        present([entry.keyKind.case === 'mapKey' ? entry.keyKind.value : undefined, entry.value]),
      );
    case 'comprehensionExpr': {
      const { iterRange, accuInit, loopCondition, loopStep, result } = exprKind.value;
      return present([iterRange, accuInit, loopCondition, loopStep, result]);
    }
    case 'constExpr':
    case 'identExpr':
    case undefined:
      return [];
  }
}

function present(found: readonly (Expr | undefined)[]): Expr[] {
  return found.filter((one) => one !== undefined);
}

/** @returns how many expressions there are, `expr` included, and how deep they are nested. */
export function measure(
  expr: Expr,
  limit: number,
): { readonly nodes: number; readonly depth: number } {
  if (limit === 0) return { nodes: 1, depth: 1 };
  let nodes = 1;
  let depth = 0;
  for (const child of childrenOf(expr)) {
    const inner = measure(child, limit - 1);
    nodes += inner.nodes;
    depth = Math.max(depth, inner.depth);
  }
  return { nodes, depth: depth + 1 };
}

/** @returns the column from 1, and `column 12`, or `line 2, column 3` where there is more than one line. */
export function placeOf(text: string, offset: number): { column: number; words: string } {
  const blanks = /^\s*/.exec(text.slice(offset))?.[0].length ?? 0; // an operator's place starts before it
  const before = text.slice(0, offset + blanks).split('\n');
  const column = (before.at(-1)?.length ?? 0) + 1;
  const oneLine = !text.trimEnd().includes('\n');
  return { column, words: `${oneLine ? '' : `line ${before.length}, `}column ${column}` };
}
