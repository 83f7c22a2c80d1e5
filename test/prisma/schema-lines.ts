import type { Database } from '../../prisma/database.ts';

/**
 * A schema as sorted lines, one per column, key and reference, so that two of them differ in exactly the
 * lines that differ: `request.deadline timestamp with time zone null`.
 */
export type SchemaLines = readonly string[];

const line = {
  column: (column: { table: string; name: string; type: string; nulls: boolean; set: boolean }) =>
    `${column.table}.${column.name} ${column.type} ${column.nulls ? 'null' : 'not null'}${column.set ? ' default' : ''}`,
  key: (table: string, kind: string, columns: readonly string[]) =>
    `${table} ${kind} (${columns.join(', ')})`,
  reference: (table: string, columns: readonly string[], to: string) =>
    `${table} foreign key (${columns.join(', ')}) references ${to}`,
};

// ---- the file ------------------------------------------------------------------------------------

const TYPES: Readonly<Record<string, string>> = {
  String: 'text',
  'String Uuid': 'uuid',
  Int: 'integer',
  'Int SmallInt': 'smallint',
  BigInt: 'bigint',
  Boolean: 'boolean',
  Bytes: 'bytea',
  Json: 'jsonb',
  'DateTime Timestamptz(6)': 'timestamp with time zone',
};

const MODEL = /^model (\w+) \{\n([\s\S]*?)^\}/gm;
const FIELD = /^ +(\w+) +(\w+)(\[\]|\?)?(.*)$/;
const NATIVE = /@db\.(\w+(?:\(\d+\))?)/;
const RELATION = /@relation\((?:"\w+", )?fields: \[([^\]]+)\], references: \[([^\]]+)\]\)/;
const LISTS = /^ +@@(id|unique)\(\[([^\]]+)\]\)/;

interface Field {
  readonly name: string;
  readonly column: string;
  readonly type: string;
  readonly many: string;
  readonly rest: string;
}

interface Model {
  readonly table: string;
  readonly body: readonly string[];
  readonly fields: readonly Field[];
}

/** Reads as much of the Prisma schema language as this schema uses. @throws TypeError for more. */
export function linesOfFile(text: string): SchemaLines {
  const models = new Map(
    [...text.matchAll(MODEL)].map(([, name = '', body = '']) => [name, modelOf(name, body)]),
  );
  return [...models.values()].flatMap((model) => linesOfModel(model, models)).sort();
}

function modelOf(name: string, body: string): Model {
  const lines = body.split('\n').filter((one) => one.trim() !== '');
  const table = /^ +@@map\("(\w+)"\)/m.exec(body)?.[1] ?? name;
  const fields = lines.flatMap((one) => {
    if (/^ +(@@|\/\/)/.test(one)) return [];
    const [, field = '', type = '', many = '', rest = ''] = FIELD.exec(one) ?? [];
    if (field === '') throw new TypeError(`not a field: ${one}`);
    return [{ name: field, column: /@map\("(\w+)"\)/.exec(rest)?.[1] ?? field, type, many, rest }];
  });
  return { table, body: lines, fields };
}

function linesOfModel(model: Model, models: ReadonlyMap<string, Model>): string[] {
  const { table } = model;
  const scalars = model.fields.filter((field) => !models.has(field.type));
  return [
    ...scalars.map((field) =>
      line.column({
        table,
        name: field.column,
        type: columnType(field),
        nulls: field.many === '?',
        set: field.rest.includes('@default('),
      }),
    ),
    ...scalars.flatMap(({ column, rest }) => [
      ...(/@id\b/.test(rest) ? [line.key(table, 'primary key', [column])] : []),
      ...(/@unique\b/.test(rest) ? [line.key(table, 'unique', [column])] : []),
    ]),
    ...model.body.flatMap((one) => {
      const [, kind, names = ''] = LISTS.exec(one) ?? [];
      if (kind === undefined) return [];
      return [line.key(table, kind === 'id' ? 'primary key' : 'unique', columnsOf(model, names))];
    }),
    ...model.fields.flatMap(({ type, rest }) => {
      const [, own = '', other = ''] = RELATION.exec(rest) ?? [];
      const to = models.get(type);
      if (own === '' || to === undefined) return [];
      const target = `${to.table} (${columnsOf(to, other).join(', ')})`;
      return [line.reference(table, columnsOf(model, own), target)];
    }),
  ];
}

function columnType({ type, many, rest }: Field): string {
  const native = NATIVE.exec(rest)?.[1];
  const known = TYPES[native === undefined ? type : `${type} ${native}`];
  if (known === undefined) throw new TypeError(`unknown type ${type} ${native ?? ''}`);
  return many === '[]' ? `${known}[]` : known;
}

function columnsOf({ table, fields }: Model, names: string): string[] {
  return names.split(', ').map((name) => {
    const field = fields.find((one) => one.name === name);
    if (field === undefined) throw new TypeError(`${table} has no field ${name}`);
    return field.column;
  });
}

// ---- the database --------------------------------------------------------------------------------

const COLUMNS = `SELECT c.relname AS table, a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type,
    NOT a.attnotnull AS nulls, (a.atthasdef OR a.attidentity <> '') AS set
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')`;

/** Indexes, not constraints: a unique index that no constraint names counts too. */
const KEYS = `SELECT c.relname AS table, i.indisprimary AS first,
    (SELECT array_agg(a.attname::text ORDER BY k.place) FROM unnest(i.indkey) WITH ORDINALITY k (attnum, place)
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum) AS columns
  FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
  WHERE c.relnamespace = 'public'::regnamespace AND i.indisunique`;

const REFERENCES = `SELECT c.relname AS table, t.relname AS target,
    (SELECT array_agg(a.attname::text ORDER BY k.place) FROM unnest(f.conkey) WITH ORDINALITY k (attnum, place)
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum) AS columns,
    (SELECT array_agg(a.attname::text ORDER BY k.place) FROM unnest(f.confkey) WITH ORDINALITY k (attnum, place)
      JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attnum) AS others
  FROM pg_constraint f JOIN pg_class c ON c.oid = f.conrelid JOIN pg_class t ON t.oid = f.confrelid
  WHERE f.contype = 'f' AND c.relnamespace = 'public'::regnamespace`;

/** What is really there, but for the migration runner's own table. */
export async function linesOfDatabase(db: Pick<Database, 'query'>): Promise<SchemaLines> {
  const [columns, keys, references] = await Promise.all([
    db.query<Parameters<typeof line.column>[0]>(COLUMNS),
    db.query<{ table: string; first: boolean; columns: string[] }>(KEYS),
    db.query<{ table: string; target: string; columns: string[]; others: string[] }>(REFERENCES),
  ]);
  const lines = [
    ...columns.map((column) => line.column(column)),
    ...keys.map((key) => line.key(key.table, key.first ? 'primary key' : 'unique', key.columns)),
    ...references.map(({ table, target, ...to }) =>
      line.reference(table, to.columns, `${target} (${to.others.join(', ')})`),
    ),
  ];
  return lines.filter((one) => !one.startsWith('_prisma_migrations')).sort();
}
