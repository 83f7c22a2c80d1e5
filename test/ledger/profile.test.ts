import { readdirSync, readFileSync } from 'node:fs';

import { describe, expect, test } from 'vitest';
import { z } from 'zod';

import * as fields from '../../ledger/fields.ts';
import { jsonDigest, sha256Hex } from '../../ledger/hash.ts';
import { bodySchemas } from '../../ledger/record.ts';

// V-38: no free text, no person in clear, and no unsalted digest of one. Once over the schemas, once
// over every record and every word in the vectors.

/** Strings with a closed form; each pattern is named in docs/record-format.md, section 5. */
const PATTERNS: ReadonlySet<unknown> = new Set([
  fields.hex64,
  fields.person_c,
  fields.signature,
  fields.noteKeyId,
  fields.streamId,
  fields.nameId,
  fields.opaqueId,
  fields.itemId,
  fields.codeId,
  fields.scopeId,
  fields.kindPattern,
  fields.softwareVersion,
  fields.commitPath,
  fields.instant,
  fields.day,
]);

/** Digests of what is no short personal text: contents, files, keys, roots, records. */
const DIGESTS =
  /^(?:(?:action|content|view|policy|before|before_action|before_content|name|key|old|new|seed|intent|output|message|build|predecessor)_digest|digest|sha256|root|viewed|resolved|leaf|about_leaf|to_leaf|head_leaf|expected_head|seed|expected|found|proof|blobs|c)$/;

type Leaf = { readonly path: string; readonly name: string; readonly schema: z.ZodType };

function leavesOf(schema: z.ZodType, path: string, name: string): readonly Leaf[] {
  if (schema instanceof z.ZodNullable) return leavesOf(schema.unwrap() as z.ZodType, path, name);
  if (schema instanceof z.ZodArray) return leavesOf(schema.element as z.ZodType, path, name);
  if (!(schema instanceof z.ZodObject)) return [{ path, name, schema }];
  return Object.entries(schema.shape as Record<string, z.ZodType>).flatMap(([key, inner]) =>
    leavesOf(inner, `${path}/${key}`, key),
  );
}

describe.each(Object.entries(bodySchemas))('%s', (kind, schema) => {
  const leaves = leavesOf(schema, kind, kind);

  test('has no free text', () => {
    const free = leaves.filter(({ schema: leaf }) => {
      const isClosed = leaf instanceof z.ZodEnum || leaf instanceof z.ZodBoolean;
      return !isClosed && !(leaf instanceof z.ZodNumber) && !PATTERNS.has(leaf);
    });
    expect(free.map(({ path }) => path)).toEqual([]);
  });

  test('has only digests of what cannot be guessed, and commitments', () => {
    const odd = leaves.filter(({ name, schema: leaf }) => {
      return leaf === fields.hex64 && !DIGESTS.test(name);
    });
    expect(odd.map(({ path }) => path)).toEqual([]);
    for (const { name, schema: leaf } of leaves) {
      expect(leaf === fields.person_c, name).toBe(name.endsWith('_c'));
    }
  });

  test('accepts nothing more', () => {
    expect(schema.safeParse({ note: 'dana@example.org' }).success).toBe(false);
    const { issues } = schema.safeParse({ note: 'dana@example.org' }).error as z.ZodError;
    expect(issues.map(({ code }) => code)).toContain('unrecognized_keys');
  });
});

/** Forms in which somebody might have hashed a word. */
function digestsOf(word: string): readonly string[] {
  const forms = [
    word,
    word.toLowerCase(),
    word.trim(),
    `person:${word}`,
    `mailto:${word}`,
    `${word}\n`,
  ];
  return [...forms.map((form) => sha256Hex(form)), jsonDigest(word)];
}

test('no record of the vectors holds an unsalted digest of an opened word or of an address', () => {
  const folder = new URL('../vectors/v1/', import.meta.url);
  const values: string[] = ['dana@example.org', 'eve@example.org', 'Dana Ray'];
  const records: string[] = [];
  for (const name of readdirSync(folder)) {
    JSON.parse(readFileSync(new URL(name, folder), 'utf8'), (key, value: unknown) => {
      if (key === 'value' && typeof value === 'string' && value !== '') values.push(value);
      if (key === 'text' && typeof value === 'string' && value.includes('"nonce"'))
        records.push(value);
      return value;
    });
  }
  expect(records.length).toBeGreaterThan(100);
  const digests = new Set(values.flatMap(digestsOf));
  const hashes = records.flatMap((record) => record.match(/[0-9a-f]{64}/g) ?? []);
  expect(hashes.filter((one) => digests.has(one))).toEqual([]);
});
