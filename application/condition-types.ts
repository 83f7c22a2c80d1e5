import { CelScalar, type CelFunc } from '@bufbuild/cel';
import { conditionEnv, RANGE, TICK } from './condition-language.ts';
import type { Expr } from './condition-syntax.ts';

/** Type name of a CEL value as far as it is known before running; `dyn` = known only then. */
export type TypeName = string;

export const BOOL = 'bool';
export const DYN = 'dyn';
export const LIST = 'list';
export const MAP = 'map';

const NUMBERS: readonly TypeName[] = ['int', 'uint', 'double'];
const MACROS: readonly string[] = ['exists', 'all', 'exists_one', 'existsOne', 'map', 'filter'];

/** Literals that are right as they stand; numbers can be too large. */
const PLAIN_LITERALS: Readonly<Record<string, TypeName>> = {
  stringValue: 'string',
  boolValue: BOOL,
  bytesValue: 'bytes',
  nullValue: CelScalar.NULL.name,
};

/** What a call looks like from outside; `targetType` is null where it is no method. */
export interface CallShape {
  readonly name: string;
  readonly targetType: TypeName | null;
  readonly types: readonly TypeName[];
}

/** @returns the type of a literal, or null when CEL has no such value. */
export function literalType(expr: Expr): TypeName | null {
  const kind = expr.exprKind.case === 'constExpr' ? expr.exprKind.value.constantKind : undefined;
  if (kind === undefined) return null;
  if (kind.case === 'int64Value')
    return BigInt.asIntN(64, kind.value) === kind.value ? 'int' : null;
  if (kind.case === 'uint64Value')
    return BigInt.asUintN(64, kind.value) === kind.value ? 'uint' : null;
  if (kind.case === 'doubleValue') return Number.isFinite(kind.value) ? 'double' : null;
  return kind.case === undefined ? null : (PLAIN_LITERALS[kind.case] ?? null);
}

/** @returns the text of a string literal, null for everything else. */
export function literalText(expr: Expr | undefined): string | null {
  const kind = expr?.exprKind.case === 'constExpr' ? expr.exprKind.value.constantKind : undefined;
  return kind?.case === 'stringValue' ? kind.value : null;
}

/** @returns whether `==` of the two can be true. */
export function comparable(left: TypeName, right: TypeName): boolean {
  if (left === right || (isNumber(left) && isNumber(right))) return true;
  return [left, right].some((type) => type === DYN || type === CelScalar.NULL.name);
}

export function isNumber(type: TypeName): boolean {
  return NUMBERS.includes(type);
}

/** @returns the overloads that take these types; empty = the call fails whatever the request is. */
export function overloadsFor({ name, targetType, types }: CallShape): CelFunc[] {
  if (name === RANGE || name === TICK) return [];
  return [...(conditionEnv.funcs.find(name) ?? [])].filter(
    (one) =>
      (one.target === undefined) === (targetType === null) &&
      (one.target === undefined || accepts(one.target.name, targetType ?? DYN)) &&
      one.arguments.length === types.length &&
      one.arguments.every((type, index) => accepts(type.name, types[index] ?? DYN)),
  );
}

function accepts(parameter: TypeName, given: TypeName): boolean {
  return parameter === DYN || given === DYN || parameter === given;
}

/** @returns how a macro is to be written, where it was not expanded by the parser; else null. */
export function misusedMacro(name: string, hasTarget: boolean): string | null {
  if (name === 'has' && !hasTarget)
    return 'has() takes one field, as in has(request.context.model)';
  if (!hasTarget || !MACROS.includes(name)) return null;
  return `${name}() takes a variable and a condition, as in list.${name}(item, item.name == "a")`;
}

/** @returns `>` for `_>_`, `in` for `@in`, the name itself for a function. */
export function word(name: string): string {
  const operator = /^_?([^\w\s[\]@]{1,2})_?$/.exec(name)?.[1];
  if (operator !== undefined) return operator;
  return name === '@in' ? 'in' : clip(name);
}

export function clip(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
