import { readdirSync, readFileSync } from 'node:fs';

import { describe, expect, test } from 'vitest';
import { z } from 'zod';

import * as fields from '../../ledger/fields.ts';
import { bodySchemas, type RecordKind } from '../../ledger/record.ts';
import { HOMES } from '../../ledger/streams.ts';

const folder = new URL('../../ledger/', import.meta.url);

function importsOf(file: string): readonly string[] {
  const text = readFileSync(new URL(file, folder), 'utf8');
  return [...text.matchAll(/^(?:import|export|\}) .*?from '([^']+)';$/gm)].map(
    ([, from = '']) => from,
  );
}

/** The file and everything it imports, however indirectly. */
function reach(file: string, seen: Set<string> = new Set()): ReadonlySet<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  for (const from of importsOf(file)) {
    if (from.startsWith('./')) reach(from.slice(2), seen);
    else seen.add(from);
  }
  return seen;
}

test.each(readdirSync(folder))('%s imports nothing of ours from outside', (file) => {
  const borrowed = file === 'zip.ts' ? 'fflate' : 'zod|node:crypto';
  for (const from of importsOf(file))
    expect(from).toMatch(new RegExp(`^(?:\\./[a-z0-9-]+\\.ts|${borrowed})$`));
});

test.each(['verify.ts', 'merkle.ts', 'verify-bundle.ts', 'page.ts'])(
  '%s reaches no Node module: a browser runs it',
  (file) => {
    expect([...reach(file)].filter((one) => one.startsWith('node:'))).toEqual([]);
  },
);

describe('docs/record-format.md', () => {
  const text = readFileSync(new URL('../../docs/record-format.md', import.meta.url), 'utf8');

  test.each(Object.entries(bodySchemas))(
    'describes %s with every field and word',
    (kind, schema) => {
      const row = text.split('\n').find((line) => line.startsWith(`| \`${kind}\``)) ?? '';
      const homes: readonly string[] = HOMES[kind as RecordKind];
      for (const home of homes.length === 8 ? ['all'] : homes) expect(row).toContain(home);
      for (const [name, field] of Object.entries(schema.shape)) {
        expect(row).toContain(`\`${name}\``);
        const inner = field instanceof z.ZodNullable ? field.unwrap() : field;
        if (!(inner instanceof z.ZodEnum) || inner === fields.tier) continue;
        for (const word of inner.options) expect(text).toContain(`\`${word}\``);
      }
    },
  );
});
