/** One thing that is wrong. `pointer` is a JSON Pointer; '' is the whole body. */
interface JsonProblem {
  readonly pointer: string;
  readonly message: string;
}

/** JSON from outside that says what it says: nothing is rounded, dropped or nested without end. */
export type StrictJson =
  | { readonly ok: true; readonly value: unknown }
  | {
      readonly ok: false;
      readonly kind: 'malformed' | 'unrepresentable';
      readonly problems: readonly JsonProblem[];
    };

const MAX_DEPTH = 32;
/** Problems to name in one answer, at most. */
const MAX_PROBLEMS = 50;

/**
 * Parses a body. Refused is what would not be the same afterwards, because people decide on the digest
 * of what was sent (product contract 3.1): a number whose text does not survive parsing, a name that
 * stands twice in one object, half of a surrogate pair, U+0000 (the database keeps none), `__proto__`.
 *
 * A number survives when the parsed one denotes the same decimal: `1.0` and `1e3` do,
 * `9007199254740993` and `1e400` do not.
 *
 * @param text the body as it came; time and memory are linear in its length.
 * @source RFC 8785 section 3.1 (I-JSON); docs/adr/0007-parsing.md
 */
export function parseStrictJson(text: string): StrictJson {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return malformed(`is not JSON: ${withoutQuotes(error.message)}`);
  }
  const walk = walkTokens(text);
  if (walk.tooDeep) return malformed(`is nested deeper than ${MAX_DEPTH} levels`);
  if (walk.problems.length > 0)
    return { ok: false, kind: 'unrepresentable', problems: walk.problems };
  return { ok: true, value };
}

function malformed(message: string): StrictJson {
  return { ok: false, kind: 'malformed', problems: [{ pointer: '', message }] };
}

/** The parser's message without the piece of the body that it quotes. */
function withoutQuotes(message: string): string {
  const position = /position \d+(?: \(line \d+ column \d+\))?/.exec(message)?.[0];
  return position === undefined
    ? 'it ends too early or has a wrong character'
    : `wrong at ${position}`;
}

// ---- the walk ------------------------------------------------------------------------------------

/** An object or list that is open. `at` is the name or index of the member that comes. */
interface Container {
  readonly names: Set<string> | null;
  at: string | number;
  expectsName: boolean;
}

interface Walk {
  readonly open: Container[];
  readonly problems: JsonProblem[];
  tooDeep: boolean;
}

/** Of a text that is JSON: then every string ends, and no alternative ever tries twice. */
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*|[[\]{},:]/gs;

function walkTokens(text: string): Walk {
  const walk: Walk = { open: [], problems: [], tooDeep: false };
  for (const [token] of text.matchAll(TOKEN)) {
    step(walk, token);
    if (walk.tooDeep || walk.problems.length >= MAX_PROBLEMS) break;
  }
  return walk;
}

function step(walk: Walk, token: string): void {
  if (/^[[\]{},:]$/.test(token)) punctuation(walk, token);
  else if (!token.startsWith('"')) checkNumber(walk, token);
  else if (walk.open.at(-1)?.expectsName === true) checkName(walk, unquoted(token));
  else checkText(walk, unquoted(token));
}

function punctuation(walk: Walk, mark: string): void {
  const { open } = walk;
  const inside = open.at(-1);
  if (mark === '{' || mark === '[') {
    walk.tooDeep = open.length === MAX_DEPTH;
    const isObject = mark === '{';
    open.push({ names: isObject ? new Set() : null, at: isObject ? '' : 0, expectsName: isObject });
  } else if (mark === '}' || mark === ']') open.pop();
  else if (inside === undefined) return;
  else if (mark === ':') inside.expectsName = false;
  else if (typeof inside.at === 'number') inside.at += 1;
  else inside.expectsName = true;
}

function checkNumber(walk: Walk, source: string): void {
  if (survives(source)) return;
  const shown = source.length > 40 ? `${source.slice(0, 40)}…` : source;
  complain(walk, `the number ${shown} does not survive parsing; send it as a string`);
}

function checkName(walk: Walk, name: string): void {
  const inside = walk.open.at(-1);
  if (inside === undefined) return;
  inside.at = name;
  if (name === '__proto__') complain(walk, 'this name is not allowed');
  if (inside.names?.has(name) === true) complain(walk, 'stands twice in one object');
  inside.names?.add(name);
  checkText(walk, name);
}

function checkText(walk: Walk, text: string): void {
  if (!text.isWellFormed()) complain(walk, 'holds half of a surrogate pair');
  if (text.includes('\0')) complain(walk, 'holds U+0000, which cannot be kept');
}

function complain({ open, problems }: Walk, message: string): void {
  const pointer = open.map(({ at }) => `/${escapePointer(String(at))}`).join('');
  problems.push({ pointer: pointer.toWellFormed(), message });
}

function unquoted(token: string): string {
  return token.includes('\\') ? (JSON.parse(token) as string) : token.slice(1, -1);
}

// ---- numbers -------------------------------------------------------------------------------------

/** @param source a JSON number as it was written, of any length. */
export function survives(source: string): boolean {
  const parsed = Number(source);
  if (!Number.isFinite(parsed)) return false;
  const written = String(parsed);
  return written === source || decimal(written) === decimal(source);
}

/** One form per decimal: sign, digits without zeros at the ends, exponent of the last digit. */
function decimal(source: string): string {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(source);
  if (match === null) return source;
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match;
  const digits = `${whole}${fraction}`;
  // By hand: /0+$/ takes quadratic time for zeros that something follows.
  let start = 0;
  let end = digits.length;
  while (start < end && digits[start] === '0') start += 1;
  while (end > start && digits[end - 1] === '0') end -= 1;
  if (start === end) return '0';
  const power = Number(exponent) - fraction.length + (digits.length - end);
  return `${sign}${digits.slice(start, end)}e${power}`;
}

/** One reference token of a JSON Pointer. @source RFC 6901 section 3 */
export function escapePointer(token: string): string {
  return token.replaceAll('~', '~0').replaceAll('/', '~1');
}
