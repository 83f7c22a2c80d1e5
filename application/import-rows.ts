import { parse } from 'csv-parse/sync';
import { visibleLength } from '../domain/visible-text.ts';

// Files of people, as CSV or JSON, read into rows. Every cell is text: what looks like a formula is a word
// like any other.

/** One person as a file has them. What a file does not speak of is undefined; null = none. */
export interface ImportRow {
  /** Line of the CSV file where the row ends, or the place in the list of a JSON file, from 1. */
  readonly line: number;
  readonly id: string;
  readonly name: string | undefined;
  readonly team: string | null | undefined;
  readonly region: string | null | undefined;
  readonly roles: readonly string[];
}

export interface ImportProblem {
  readonly line: number;
  /** null = the line as a whole. */
  readonly column: string | null;
  readonly message: string;
}

export interface ReadRows {
  readonly rows: readonly ImportRow[];
  readonly problems: readonly ImportProblem[];
}

/** Rows of one file, at most. */
const MAX_ROWS = 20_000;

const COLUMNS = ['id', 'name', 'team', 'region', 'roles'] as const;
type Column = (typeof COLUMNS)[number];

const ID = /^[a-z0-9][a-z0-9._-]{0,63}$/;
const ROLE = /^[a-z][a-z0-9-]{0,63}$/;
const MOST_ROLES = 50;
const LONGEST = { name: 200, team: 100, region: 100 } as const;

// ---- CSV -------------------------------------------------------------------------------------------

interface CsvRecord {
  readonly record: readonly string[];
  readonly info: { readonly lines: number };
}

/**
 * Reads CSV (RFC 4180) with a header: `id`, and any of `name`, `team`, `region`, `roles`; roles of one
 * person are separated by semicolons or spaces.
 *
 * @returns what could be read, and every problem; never throws for what a file says.
 */
export function readCsv(text: string): ReadRows {
  let records: readonly CsvRecord[];
  try {
    const options = { bom: true, info: true, relax_column_count: true, trim: true } as const;
    records = parse(text, { ...options, skip_empty_lines: true }) as unknown as CsvRecord[];
  } catch (error) {
    return failed(lineOf(error), error instanceof Error ? sentenceOf(error) : 'is not CSV');
  }
  const [header, ...lines] = records;
  if (header === undefined) return failed(1, 'is empty; the first line names the columns');
  const { columns, problems } = readHeader(header.record);
  if (problems.length > 0)
    return { rows: [], problems: problems.map((one) => ({ ...one, line: header.info.lines })) };
  return checked(
    lines.map(({ record, info }) => ({
      line: info.lines,
      cells: new Map(columns.map((column, index) => [column, record[index] ?? ''])),
      size:
        record.length === columns.length
          ? null
          : `has ${record.length} cells, the header has ${columns.length}`,
    })),
  );
}

function readHeader(cells: readonly string[]) {
  const columns = cells.map((cell) => cell.toLowerCase() as Column);
  const problems: Omit<ImportProblem, 'line'>[] = [];
  for (const [index, column] of columns.entries()) {
    if (!COLUMNS.includes(column))
      problems.push({
        column: cells[index] ?? '',
        message: `is no column; there are ${COLUMNS.join(', ')}`,
      });
    else if (columns.indexOf(column) !== index)
      problems.push({ column, message: 'is there twice' });
  }
  if (!columns.includes('id')) problems.push({ column: 'id', message: 'is missing' });
  return { columns, problems };
}

function lineOf(error: unknown): number {
  const lines = (error as { readonly lines?: unknown } | null)?.lines;
  return typeof lines === 'number' ? lines : 1;
}

/** `Quote Not Closed: the parsing is …`: the part that names what is wrong. */
function sentenceOf({ message }: Error): string {
  return `is not CSV: ${message.split('\n')[0] ?? ''}`;
}

function failed(line: number, message: string): ReadRows {
  return { rows: [], problems: [{ line, column: null, message }] };
}

// ---- JSON ------------------------------------------------------------------------------------------

/** Reads `{"people": [{"id", "name", "team", "region", "roles": []}]}`, parsed. */
export function readJson(value: unknown): ReadRows {
  const people = (value as { readonly people?: unknown } | null)?.people;
  if (!Array.isArray(people)) return failed(1, 'is not {"people": […]}');
  return checked(people.map((one, index) => ({ line: index + 1, ...cellsOf(one) })));
}

function cellsOf(one: unknown): Pick<RawRow, 'cells' | 'size'> {
  const cells = new Map<Column, unknown>();
  if (typeof one !== 'object' || one === null || Array.isArray(one))
    return { cells, size: 'is not an object' };
  const strange = Object.keys(one).filter((name) => !COLUMNS.includes(name as Column));
  for (const name of COLUMNS)
    if (Object.hasOwn(one, name)) cells.set(name, (one as Record<string, unknown>)[name]);
  return { cells, size: strange.length === 0 ? null : `has unknown fields: ${strange.join(', ')}` };
}

// ---- rows ------------------------------------------------------------------------------------------

interface RawRow {
  readonly line: number;
  readonly cells: ReadonlyMap<Column, unknown>;
  /** What is wrong with the row as a whole; null = nothing. */
  readonly size: string | null;
}

function checked(raw: readonly RawRow[]): ReadRows {
  if (raw.length > MAX_ROWS)
    return failed(raw[MAX_ROWS]?.line ?? MAX_ROWS, `is too long: at most ${MAX_ROWS} rows at once`);
  const rows: ImportRow[] = [];
  const problems: ImportProblem[] = [];
  const first = new Map<unknown, number>();
  for (const row of raw) {
    const wrong = problemsOf(row);
    const id = row.cells.get('id');
    const before = first.get(id);
    if (before !== undefined && wrong.length === 0)
      wrong.push({ line: row.line, column: 'id', message: `is on line ${before} already` });
    first.set(id, before ?? row.line);
    problems.push(...wrong);
    if (wrong.length === 0) rows.push(toRow(row));
  }
  return { rows, problems };
}

function problemsOf({ line, cells, size }: RawRow): ImportProblem[] {
  if (size !== null) return [{ line, column: null, message: size }];
  const id = cells.get('id');
  const isId = typeof id === 'string' && ID.test(id);
  return [
    ...(isId ? [] : [['id', 'is not an id: a-z, 0-9, dot, dash, underscore'] as const]),
    ...(['name', 'team', 'region'] as const).flatMap((column) => {
      const message = textProblem(cells.get(column), LONGEST[column]);
      return message === null ? [] : [[column, message] as const];
    }),
    ...roleProblems(cells.get('roles')).map((message) => ['roles', message] as const),
  ].map(([column, message]) => ({ line, column, message }));
}

function textProblem(value: unknown, longest: number): string | null {
  if (value === undefined || value === null || value === '') return null;
  if (typeof value !== 'string') return 'is not a text';
  if (/\p{Cc}/u.test(value)) return 'holds a control character';
  if (value.length > longest) return `is longer than ${longest} characters`;
  return visibleLength([value]) === 0 ? 'holds nothing that can be seen' : null;
}

function roleProblems(value: unknown): string[] {
  const roles = rolesOf(value);
  if (roles === null) return ['is not a list of roles'];
  if (roles.length > MOST_ROLES) return [`names more than ${MOST_ROLES}`];
  return roles
    .filter((role) => !ROLE.test(role))
    .map((role) => `"${role}" is not a role: a-z, 0-9 and dash`);
}

/** Each once. @returns null where it is no list of texts. */
function rolesOf(value: unknown): string[] | null {
  const list: unknown =
    typeof value === 'string' ? value.split(/[\s;]+/).filter(Boolean) : (value ?? []);
  if (!Array.isArray(list) || !list.every((one) => typeof one === 'string')) return null;
  return [...new Set(list)];
}

function toRow({ line, cells }: RawRow): ImportRow {
  const text = (column: Column): string | null | undefined => {
    const value = cells.get(column) as string | null | undefined;
    return value === '' ? null : value;
  };
  return {
    line,
    id: cells.get('id') as string,
    name: text('name') ?? undefined,
    team: text('team'),
    region: text('region'),
    roles: rolesOf(cells.get('roles')) ?? [],
  };
}
