import { conditionEnv, patternProblem, TIMESTAMP } from './condition-language.ts';
import { childrenOf, measure, type Expr } from './condition-syntax.ts';
import {
  BOOL,
  clip,
  comparable,
  DYN,
  isNumber,
  LIST,
  literalText,
  literalType,
  MAP,
  misusedMacro,
  overloadsFor,
  word,
  type CallShape,
  type TypeName,
} from './condition-types.ts';

/** Limits of one condition; a longer one is a policy nobody can review. */
const MOST_NODES = 600;
const MOST_DEPTH = 60;
const MOST_NESTED_LOOPS = 3;

/** A thing that is wrong with a condition before it ever runs. `id` is the expression's. */
export interface CheckProblem {
  readonly message: string;
  readonly id: bigint;
}

type Scope = ReadonlyMap<string, TypeName>;

const TYPE_NAMES = 'int uint double bool string bytes list map null_type type'.split(' ');

/** The three variables of every condition. */
const VARIABLES: Scope = new Map([
  ['request', MAP],
  ['facts', MAP],
  ['now', TIMESTAMP.name],
]);

/** What an expression has to give: types by name, and the words for a person who wrote another one. */
export interface Wanted {
  readonly types: readonly TypeName[];
  readonly words: string;
}

/** A condition. */
export const TRUTH: Wanted = { types: [BOOL], words: 'true or false' };

/** A moment that the request itself names. */
export const MOMENT: Wanted = { types: [TIMESTAMP.name, 'string'], words: 'a timestamp or a text' };

/**
 * Checks names, functions and types as far as they are known without a request. What is inside of
 * `request` and `facts` is known only when the expression runs.
 *
 * @returns the first problem, or null. @throws never.
 */
export function checkExpression(expr: Expr, wanted: Wanted): CheckProblem | null {
  const size = measure(expr, MOST_DEPTH + 1);
  if (size.depth > MOST_DEPTH) return { message: `nested deeper than ${MOST_DEPTH}`, id: expr.id };
  if (size.nodes > MOST_NODES) return { message: `more than ${MOST_NODES} parts`, id: expr.id };
  const checker = new Checker();
  const type = checker.typeOf(expr, VARIABLES);
  checker.expectOneOf(type, wanted, expr);
  return checker.problem;
}

/** Walks once and keeps the first problem; as functions, every one would hand on the same state. */
class Checker {
  problem: CheckProblem | null = null;
  private loops = 0;

  private refuse(expr: Expr, message: string): TypeName {
    this.problem ??= { message: message.replaceAll('google.protobuf.', ''), id: expr.id };
    return DYN;
  }

  expect(type: TypeName, wanted: TypeName, at: { expr: Expr; message: string }): void {
    if (type !== DYN && type !== wanted) this.refuse(at.expr, at.message);
  }

  expectOneOf(type: TypeName, { types, words }: Wanted, expr: Expr): void {
    if (type !== DYN && !types.includes(type))
      this.refuse(expr, `must be ${words}, but is ${type}`);
  }

  typeOf(expr: Expr, scope: Scope): TypeName {
    switch (expr.exprKind.case) {
      case 'constExpr':
        return literalType(expr) ?? this.refuse(expr, 'number too large');
      case 'identExpr':
        return this.identifier(expr, expr.exprKind.value.name, scope);
      case 'selectExpr':
        return this.select(expr, scope);
      case 'callExpr':
        return this.call(expr, scope);
      case 'listExpr':
        for (const child of childrenOf(expr)) this.typeOf(child, scope);
        return LIST;
      case 'structExpr':
        return this.struct(expr, scope);
      case 'comprehensionExpr':
        return this.loop(expr, scope);
      case undefined:
        return this.refuse(expr, 'syntax error');
    }
  }

  private identifier(expr: Expr, name: string, scope: Scope): TypeName {
    const plain = name.startsWith('.') ? name.slice(1) : name;
    const known = scope.get(plain);
    if (known !== undefined) return known;
    if (TYPE_NAMES.includes(plain)) return 'type';
    const message = `unknown name "${clip(plain)}": a condition reads request, now and facts`;
    return this.refuse(expr, message);
  }

  private select(expr: Expr, scope: Scope): TypeName {
    if (expr.exprKind.case !== 'selectExpr') return DYN;
    const { operand, field, testOnly } = expr.exprKind.value;
    const type = operand === undefined ? DYN : this.typeOf(operand, scope);
    this.expect(type, MAP, { expr, message: `${type} has no field "${clip(field)}"` });
    return testOnly ? BOOL : DYN;
  }

  private struct(expr: Expr, scope: Scope): TypeName {
    if (expr.exprKind.case === 'structExpr' && expr.exprKind.value.messageName !== '')
      return this.refuse(expr, 'messages cannot be made here');
    for (const child of childrenOf(expr)) this.typeOf(child, scope);
    return MAP;
  }

  private loop(expr: Expr, scope: Scope): TypeName {
    if (expr.exprKind.case !== 'comprehensionExpr') return DYN;
    const { iterRange, iterVar, accuVar, accuInit, loopStep, result } = expr.exprKind.value;
    if (!iterRange || !accuInit || !loopStep || !result) return this.refuse(expr, 'syntax error');
    if (VARIABLES.has(iterVar)) return this.refuse(expr, `"${iterVar}" already has a meaning`);
    const range = this.typeOf(iterRange, scope);
    if (range !== DYN && range !== LIST && range !== MAP)
      this.refuse(expr, `${range} is neither a list nor a map`);
    this.loops += 1;
    if (this.loops > MOST_NESTED_LOOPS)
      this.refuse(expr, `more than ${MOST_NESTED_LOOPS} loops inside of each other`);
    const after = new Map([...scope, [accuVar, this.typeOf(accuInit, scope)]]);
    this.typeOf(loopStep, new Map([...after, [iterVar, DYN]]));
    this.loops -= 1;
    return this.typeOf(result, after);
  }

  private call(expr: Expr, scope: Scope): TypeName {
    if (expr.exprKind.case !== 'callExpr') return DYN;
    const { function: name, target, args } = expr.exprKind.value;
    const macro = misusedMacro(name, target !== undefined);
    if (macro !== null) return this.refuse(expr, macro);
    if (target !== undefined && conditionEnv.funcs.find(name) === undefined)
      return this.refuse(expr, `unknown function "${clip(name)}"`);
    const targetType = target === undefined ? null : this.typeOf(target, scope);
    const types = args.map((arg) => this.typeOf(arg, scope));
    return (
      this.operator(expr, { name, targetType, types }) ??
      this.overload(expr, { name, targetType, types })
    );
  }

  /** @returns null when the call is none of the operators that take more than their overloads say. */
  private operator(expr: Expr, { name, types }: CallShape): TypeName | null {
    const [first, second, third] = types.concat(DYN, DYN, DYN) as [TypeName, TypeName, TypeName];
    switch (name) {
      case '@not_strictly_false':
        return BOOL;
      case '_&&_':
      case '_||_':
        return this.logic(expr, word(name), types);
      case '_?_:_':
        this.expect(first, BOOL, { expr, message: `? needs true or false, not ${first}` });
        return second === third ? second : DYN;
      case '_[_]':
        return this.index(expr, first, second);
      case '_==_':
      case '_!=_':
        if (!comparable(first, second)) this.refuse(expr, `${first} and ${second} are never equal`);
        return BOOL;
      default:
        return null;
    }
  }

  private logic(expr: Expr, operator: string, types: readonly TypeName[]): TypeName {
    for (const type of types)
      this.expect(type, BOOL, { expr, message: `${operator} needs true or false, not ${type}` });
    return BOOL;
  }

  private index(expr: Expr, operand: TypeName, key: TypeName): TypeName {
    if (operand !== DYN && operand !== MAP && operand !== LIST)
      return this.refuse(expr, `${operand} has no elements`);
    if (operand === LIST && key !== DYN && !isNumber(key))
      return this.refuse(expr, `a list is indexed by a number, not ${key}`);
    return DYN;
  }

  private overload(expr: Expr, call: CallShape): TypeName {
    if (conditionEnv.funcs.find(call.name) === undefined)
      return this.refuse(expr, `unknown function "${clip(call.name)}"`);
    const fits = overloadsFor(call);
    const given = [call.targetType, ...call.types].filter((type) => type !== null).join(', ');
    if (fits.length === 0) return this.refuse(expr, `${word(call.name)} does not take (${given})`);
    if (call.name === 'matches') this.pattern(expr);
    const results = new Set(fits.map((one) => one.result.name));
    return results.size === 1 ? ([...results][0] ?? DYN) : DYN;
  }

  /** A pattern that comes with the data could be made slow by the requester. */
  private pattern(expr: Expr): void {
    const arg = expr.exprKind.case === 'callExpr' ? expr.exprKind.value.args[0] : undefined;
    const text = literalText(arg);
    const message =
      text === null
        ? 'the pattern of matches() must be written in the condition'
        : patternProblem(text);
    if (message !== null) this.refuse(arg ?? expr, message);
  }
}
