/** JSON from outside that says what it says: nothing is rounded, nothing nests without end. */
export type StrictJson =
  | { readonly ok: true; readonly value: unknown }
  | {
      readonly ok: false;
      readonly kind: 'malformed' | 'unrepresentable';
      readonly problems: readonly { readonly pointer: string; readonly message: string }[];
    };

const MAX_DEPTH = 32;
/** Strings are skipped, numbers are looked at, brackets are counted. */
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|[[\]{}]/gs;

/**
 * Parses a body. A number whose text does not survive parsing is refused, because the digest that people
 * decide on would be over another number than the one that was sent (product contract 3.1).
 *
 * A number survives when the parsed one denotes the same decimal: `1.0` and `1e3` do,
 * `9007199254740993` and `1e400` do not (docs/adr/0007-numbers.md).
 *
 * @param text the body as it came.
 */
export function parseStrictJson(text: string): StrictJson {
  const { depth, exact } = scan(text);
  if (depth > MAX_DEPTH) return malformed(`is nested deeper than ${MAX_DEPTH} levels`);
  const problems: { pointer: string; message: string }[] = [];
  try {
    const value: unknown = JSON.parse(text);
    const names = forbiddenNames(value, '');
    if (!exact) problems.push(...lossyNumbers(text));
    problems.push(...names);
    if (problems.length > 0) return { ok: false, kind: 'unrepresentable', problems };
    return { ok: true, value };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return malformed(`is not JSON: ${withoutQuotes(error.message)}`);
  }
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

function scan(text: string): { readonly depth: number; readonly exact: boolean } {
  let level = 0;
  let depth = 0;
  let exact = true;
  for (const [token] of text.matchAll(TOKEN)) {
    const first = token[0];
    if (first === '{' || first === '[') depth = Math.max(depth, (level += 1));
    else if (first === '}' || first === ']') level -= 1;
    else if (first !== '"') exact &&= survives(token);
  }
  return { depth, exact };
}

/** @param source a JSON number as it was written. */
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
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  const trimmed = digits.replace(/0+$/, '');
  if (trimmed === '') return '0';
  const power = BigInt(exponent) - BigInt(fraction.length) + BigInt(digits.length - trimmed.length);
  return `${sign}${trimmed}e${power}`;
}

/** Where the numbers are that do not survive. Only asked when there is one. */
function lossyNumbers(text: string): { pointer: string; message: string }[] {
  const found: { pointer: string; message: string }[] = [];
  const paths = new Map<unknown, string>();
  // The reviver sees children before their parents, so places are collected and named from above.
  const lossy: { holder: unknown; key: string; source: string }[] = [];
  const root: unknown = JSON.parse(
    text,
    function (this: unknown, key, value: unknown, context?: { source?: string }) {
      const source = context?.source;
      if (typeof value === 'number' && source !== undefined && !survives(source))
        lossy.push({ holder: this, key, source });
      return value;
    },
  );
  name(root, '', paths);
  for (const { holder, key, source } of lossy) {
    const parent = paths.get(holder);
    const pointer = parent === undefined ? '' : `${parent}/${escapePointer(key)}`;
    const shown = source.length > 40 ? `${source.slice(0, 40)}…` : source;
    found.push({
      pointer,
      message: `the number ${shown} does not survive parsing; send it as a string`,
    });
  }
  return found;
}

function name(value: unknown, pointer: string, paths: Map<unknown, string>): void {
  if (typeof value !== 'object' || value === null) return;
  paths.set(value, pointer);
  for (const [key, child] of Object.entries(value))
    name(child, `${pointer}/${escapePointer(key)}`, paths);
}

/** `__proto__` would be lost or worse by the first program that copies the object. */
function forbiddenNames(value: unknown, pointer: string): { pointer: string; message: string }[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.keys(value).flatMap((key) => {
    const here = `${pointer}/${escapePointer(key)}`;
    if (key === '__proto__') return [{ pointer: here, message: 'this name is not allowed' }];
    return forbiddenNames((value as Record<string, unknown>)[key], here);
  });
}

/** One reference token of a JSON Pointer. @source RFC 6901 section 3 */
export function escapePointer(token: string): string {
  return token.replaceAll('~', '~0').replaceAll('/', '~1');
}
