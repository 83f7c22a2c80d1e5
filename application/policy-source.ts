import {
  isAlias,
  isMap,
  isNode,
  isPair,
  isScalar,
  LineCounter,
  parseDocument,
  visit,
  type Document,
  type Node,
  type Pair,
} from 'yaml';
import type { PolicyProblem } from '../domain/policy-problems.ts';
import { jsonErrorOffset } from './policy-json.ts';
import { POLICY_LIMITS } from './policy-schema.ts';

export type PolicyFormat = 'yaml' | 'json' | 'auto';

/** @returns `line 4, column 7` of what `pointer` names, or of the nearest thing around it. */
export type Locate = (pointer: string) => string | null;

export type PolicySource =
  | { readonly ok: true; readonly value: unknown; readonly locate: Locate }
  | { readonly ok: false; readonly problems: PolicyProblem[] };

const DEEPEST = 60;
const MANY_BRACKETS = /(?:[[{]\s*){64}|(?:[-?] ){64}/;

/**
 * Reads the text of a policy. JSON is read as YAML too, because only there keys that occur twice and the
 * places of things are to be seen. YAML is 1.2 core without aliases, tags, merge keys and directives:
 * what a person sees is what is in force.
 *
 * @throws never.
 */
export function readPolicySource(text: string, format: PolicyFormat): PolicySource {
  const unreadable = textProblem(text);
  if (unreadable !== null) return refused(unreadable);
  const asJson = format === 'json' || (format === 'auto' && /^\s*\{/.test(text) && isJson(text));
  if (asJson) {
    const problem = jsonProblem(text);
    if (problem !== null) return refused(problem);
  }
  try {
    return readYaml(text, asJson);
  } catch (error) {
    if (error instanceof RangeError) return refused('nested too deeply');
    return refused('the document cannot be read');
  }
}

/** What is wrong with a text before anybody asks what it says. */
function textProblem(text: string): string | null {
  if (Buffer.byteLength(text) > POLICY_LIMITS.bytes)
    return `a policy has at most ${POLICY_LIMITS.bytes / 1024} KiB`;
  if (text.trim() === '') return 'the document is empty';
  if (text.includes('\0') || !text.isWellFormed())
    return 'the document holds U+0000 or half of a surrogate pair';
  return MANY_BRACKETS.test(text) ? 'nested too deeply' : null;
}

function refused(message: string): PolicySource {
  return { ok: false, problems: [{ pointer: '', message }] };
}

function isJson(text: string): boolean {
  return jsonProblem(text) === null;
}

function jsonProblem(text: string): string | null {
  try {
    JSON.parse(text);
    return null;
  } catch {
    // Said in words of ours: what the engine says quotes the text and differs between versions.
    const at = jsonErrorOffset(text);
    const before = text.slice(0, at).split('\n');
    const place = `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
    return `not JSON: unexpected ${at >= text.length ? 'end' : 'text'} (${place})`;
  }
}

function readYaml(text: string, asJson: boolean): PolicySource {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    version: '1.2',
    schema: asJson ? 'json' : 'core',
    merge: false,
    stringKeys: true,
    uniqueKeys: false, // quadratic; repeatedKeys does it
    prettyErrors: false,
    logLevel: 'error', // 'silent' would also drop the error about a second document
    lineCounter: lines,
  });
  const at = (offset: number): string => placeAt(lines, offset);
  const syntax = [...document.errors, ...document.warnings].map(({ code, message, pos }) => ({
    pointer: '',
    message: `${code === 'RESOURCE_EXHAUSTION' ? 'nested too deeply' : `YAML: ${message.slice(0, 200)}`} (${at(pos[0])})`,
  }));
  const problems = [...syntax, ...hardened(document, at)];
  if (problems.length > 0) return { ok: false, problems };
  const value: unknown = document.toJS({ maxAliasCount: 0 });
  return { ok: true, value, locate: locator(document, at) };
}

function placeAt(lines: LineCounter, offset: number): string {
  const { line, col } = lines.linePos(offset);
  return `line ${Math.max(1, line)}, column ${Math.max(1, col)}`;
}

function hardened(document: Document.Parsed, at: (offset: number) => string): PolicyProblem[] {
  const problems: PolicyProblem[] = [];
  const refuse = (node: unknown, message: string): void => {
    const offset = isNode(node) ? (node.range?.[0] ?? 0) : 0;
    problems.push({ pointer: '', message: `YAML: ${message} (${at(offset)})` });
  };
  const { explicit } = document.directives.yaml;
  if (explicit === true && document.directives.yaml.version !== '1.2')
    refuse(null, 'only version 1.2 is read');
  visit(document, (_key, node, path) => {
    if (path.length > DEEPEST * 2) {
      refuse(node, 'nested too deeply');
      return visit.BREAK;
    }
    const problem = nodeProblem(node);
    if (problem !== null) refuse(node, problem);
    if (isMap(node))
      for (const key of repeatedKeys(node.items))
        refuse(key, `the key "${keyText(key)}" occurs twice`);
    return undefined;
  });
  return problems;
}

function nodeProblem(node: unknown): string | null {
  if (isAlias(node)) return 'aliases are not allowed: write it out';
  if (!isNode(node)) return null;
  if (node.tag !== undefined) return 'tags are not allowed';
  if ('anchor' in node && node.anchor !== undefined) return 'anchors are not allowed';
  const endless = isScalar(node) && typeof node.value === 'number' && !Number.isFinite(node.value);
  return endless ? 'a number must be finite' : null;
}

function repeatedKeys(pairs: readonly Pair[]): Node[] {
  const seen = new Set<unknown>();
  return pairs.flatMap(({ key }) => {
    const text = isScalar(key) ? key.value : key;
    const repeated = seen.has(text);
    seen.add(text);
    return repeated && isNode(key) ? [key] : [];
  });
}

function keyText(key: Node): string {
  return isScalar(key) ? String(key.value).slice(0, 60) : '?';
}

/** The key counts as the place of a field, so that also a field with an empty value has one. */
function locator(document: Document.Parsed, at: (offset: number) => string): Locate {
  return (pointer) => {
    let node: unknown = document.contents;
    let offset = isNode(node) ? node.range?.[0] : undefined;
    for (const part of pointer.split('/').slice(1)) {
      const step = part.replaceAll('~1', '/').replaceAll('~0', '~');
      const found = childOf(node, step);
      if (found === null) break;
      node = found.value;
      offset = found.place ?? offset;
    }
    return offset === undefined ? null : at(offset);
  };
}

function childOf(
  node: unknown,
  step: string,
): { value: unknown; place: number | undefined } | null {
  if (isMap(node)) {
    const pair = node.items.find(
      (one) => isPair(one) && isScalar(one.key) && String(one.key.value) === step,
    );
    if (pair === undefined) return null;
    return { value: pair.value, place: isNode(pair.key) ? pair.key.range?.[0] : undefined };
  }
  if (typeof node !== 'object' || node === null || !('items' in node)) return null;
  const items = node.items as readonly unknown[];
  const item = /^\d{1,6}$/.test(step) ? items[Number(step)] : undefined;
  return item === undefined
    ? null
    : { value: item, place: isNode(item) ? item.range?.[0] : undefined };
}
