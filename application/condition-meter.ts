import { RANGE, TICK } from './condition-language.ts';
import { childrenOf, measure, type Expr } from './condition-syntax.ts';

/** A round that ends in an error is many times dearer than one that does not. */
const ROUND_COST = 8;

/**
 * Makes every loop pay: for the elements of what it runs over, and in each round for the size of its
 * body. The library has no bound of its own. Changes `expr` in place.
 */
export function meterLoops(expr: Expr): void {
  for (const child of childrenOf(expr)) meterLoops(child);
  if (expr.exprKind.case !== 'comprehensionExpr') return;
  const loop = expr.exprKind.value;
  if (!loop.iterRange || !loop.loopCondition || !loop.loopStep) return;
  const steps = measure(loop.loopStep, Number.POSITIVE_INFINITY).nodes + ROUND_COST;
  loop.iterRange = call(expr.id, RANGE, [loop.iterRange]);
  loop.loopCondition = call(expr.id, TICK, [loop.loopCondition, integer(expr.id, steps)]);
}

function call(id: bigint, name: string, args: Expr[]): Expr {
  const value = { $typeName: 'cel.expr.Expr.Call' as const, function: name, args };
  return { $typeName: 'cel.expr.Expr', id, exprKind: { case: 'callExpr', value } };
}

function integer(id: bigint, value: number): Expr {
  const constantKind = { case: 'int64Value' as const, value: BigInt(value) };
  const constant = { $typeName: 'cel.expr.Constant' as const, constantKind };
  return { $typeName: 'cel.expr.Expr', id, exprKind: { case: 'constExpr', value: constant } };
}
