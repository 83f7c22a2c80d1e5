import { openingPlace } from '../../../application/places.ts';
import { addDuration } from '../../../domain/instant.ts';
import { reading } from '../../../prisma/directory-store.ts';
import { openingsOf, recordsOf, storedReferencesOf } from '../../../prisma/ledger-store.ts';
import type { Stack } from '../../support/stack.ts';

// Who could decide, counted again from sealed records alone: the streams of people and of the request, read
// as JSON, with rules written down a second time. Nothing of the product's own reading is used.

interface Sealed {
  readonly seq: number;
  readonly ts: string;
  readonly kind: string;
  readonly body: Readonly<Record<string, unknown>> & {
    readonly [field in `${string}_c`]: string | null;
  };
}

/** One stream with the names behind its commitments. */
export interface Stream {
  readonly records: readonly Sealed[];
  readonly nameOf: (c: unknown) => string;
  /** Texts behind commitments, by number and path. */
  readonly texts: ReadonlyMap<string, string>;
}

export async function readStream({ deps }: Stack, id: string): Promise<Stream> {
  const [stored, references, openings] = await Promise.all([
    recordsOf(deps.db, id),
    storedReferencesOf(deps.db, id),
    openingsOf(deps.db, id),
  ]);
  const names = new Map(references.map(({ c, subject }) => [c, subject.replace(/^\w+:/, '')]));

  await deps.vault.prepare(
    reading(deps.db),
    openings.map(({ dekId }) => dekId),
  );
  const texts = openings.flatMap(({ seq, path, dekId, ciphertext }) => {
    const text = deps.vault.decrypt(dekId, openingPlace(id, seq, path), ciphertext);
    return text === null
      ? []
      : [[`${seq} ${path}`, (JSON.parse(text) as { value: string }).value] as const];
  });
  return {
    records: stored.map(({ bytes }) => JSON.parse(bytes.toString()) as Sealed),
    nameOf: (c) => names.get(String(c)) ?? '?',
    texts: new Map(texts),
  };
}

/** The streams of everybody in the directory, but for those whose id begins like `but`. */
export async function readPeople(stack: Stack, but: string): Promise<Map<string, Stream>> {
  const rows = await stack.deps.db.query<{ id: string; stream_id: string }>(
    'SELECT id, stream_id FROM person WHERE NOT starts_with(id, $1) ORDER BY id',
    [but],
  );
  const streams = await Promise.all(
    rows.map(async (row) => [row.id, await readStream(stack, row.stream_id)] as const),
  );
  return new Map(streams);
}

// ---- a person at an instant ------------------------------------------------------------------------

interface Span {
  readonly from: string;
  readonly until: string | null;
}
const covers = ({ from, until }: Span, at: string): boolean =>
  from <= at && (until === null || at < until);

export interface Person {
  readonly id: string;
  readonly roles: readonly string[];
  readonly absent: boolean;
  readonly team: string | null;
  readonly trainings: readonly string[];
  readonly acknowledged: readonly string[];
  /** In whose name they may act, with which role and kind. */
  readonly lent: readonly {
    readonly id: string;
    readonly to: string;
    readonly role: unknown;
    readonly kind: unknown;
  }[];
  readonly here: boolean;
}

/** The rows that records of one kind made and others took away, by the field that names them. */
function rowsOf(records: readonly Sealed[], kind: string, id: string): Sealed[] {
  const rows = new Map<unknown, Sealed>();
  for (const record of records.filter((one) => one.kind === kind)) {
    const { change } = record.body;
    if (change === 'cancelled' || change === 'revoked') rows.delete(record.body[id]);
    else rows.set(record.body[id], record);
  }
  return [...rows.values()];
}

/** null before the person was added. */
export function personAt(id: string, stream: Stream, at: string): Person | null {
  const records = stream.records.filter(({ ts }) => ts <= at);
  if (records.length === 0) return null;
  const here = !records.some(
    ({ kind, body }) => kind === 'person_changed' && body['change'] === 'left',
  );
  const inForce = (record: Sealed): boolean => covers(record.body as unknown as Span, at);
  const ended = new Set(
    records.filter(({ kind }) => kind === 'role_ended').map(({ body }) => body['grant']),
  );
  const grants = rowsOf(records, 'role_granted', 'grant').filter(
    ({ body }) => !ended.has(body['grant']),
  );
  const absences = rowsOf(records, 'absence_set', 'absence').filter(inForce);
  const delegations = rowsOf(records, 'delegation_set', 'delegation').filter(inForce);
  const moved = records.findLast(
    ({ kind, body }) => kind === 'person_changed' && body['change'] === 'team_changed',
  );
  return {
    id,
    here,
    roles: here ? grants.filter(inForce).map(({ body }) => String(body['role'])) : [],
    absent: absences.length > 0,
    team: (moved === undefined ? '' : stream.texts.get(`${moved.seq} team`)) || null,
    trainings: rowsOf(records, 'training', 'training')
      .filter(inForce)
      .map(({ body }) => `${String(body['course'])}@${String(body['version'])}`),
    acknowledged: records
      .filter(({ kind }) => kind === 'acknowledged')
      .map(({ body }) => `${String(body['policy_id'])}@${String(body['version'])}`),
    lent: !here
      ? []
      : [
          ...absences
            .filter(({ body }) => body.deputy_c !== null)
            .map(({ body }) => ({
              id: String(body['absence']),
              to: stream.nameOf(body.deputy_c),
              role: null,
              kind: null,
            })),
          ...delegations.map(({ body }) => ({
            ...{
              id: String(body['delegation']),
              to: stream.nameOf(body.to_c),
              role: body['role'],
              kind: body['kind'],
            },
          })),
        ],
  };
}

// ---- who may decide --------------------------------------------------------------------------------

/** A stage as the policy of a test writes it. */
export interface StageRule {
  readonly distinctFrom: readonly number[];
  readonly deadline: string;
  readonly escalations: readonly {
    readonly after: string;
    readonly to: string;
    readonly mode: 'add' | 'replace';
  }[];
  readonly groups: readonly {
    readonly name: string;
    readonly role: string;
    readonly quorum: number;
    readonly teams?: readonly string[];
    readonly training?: { readonly course: string; readonly version: number };
  }[];
}

/** Everything about one request and the people around it. */
export interface Case {
  readonly request: Stream;
  readonly people: ReadonlyMap<string, Stream>;
  readonly parties: readonly string[];
  readonly stages: readonly StageRule[];
  readonly kind: string;
  /** `<id>@<version>` that has to be acknowledged; null = none. */
  readonly acknowledge: string | null;
}

/** Who may decide, with the groups that it can count in and in whose place; and who of a role may not. */
export interface Recount {
  readonly stage: number | null;
  readonly eligible: Map<
    string,
    { readonly groups: readonly string[]; readonly inPlaceOf: string | null }
  >;
  /** Holders of a role that is asked who may not. */
  readonly excluded: readonly string[];
}

interface Voice {
  readonly people: readonly string[];
  readonly stage: number;
  readonly groups: readonly number[];
  readonly approves: boolean;
}

export function recount(story: Case, at: string, upTo = Infinity): Recount {
  const sealed = story.request.records.filter(({ ts, seq }) => ts <= at && seq < upTo);
  const from = sealed.findLastIndex(({ kind }) => kind === 'amended');
  const since = sealed.slice(from + 1);
  const nobody: Recount = { stage: null, eligible: new Map(), excluded: [] };
  const openedAt = since.findLastIndex(({ kind }) => kind === 'stage_opened');
  const opened = since[openedAt];
  if (opened === undefined || since.slice(openedAt).some(({ kind }) => kind === 'resolved'))
    return nobody;
  const index = Number(opened.body['stage']);
  const rule = story.stages[index] as StageRule;
  if (addDuration(opened.ts, rule.deadline) <= at) return nobody; // every stage of a test expires
  const after = since.slice(openedAt);
  const voices = voicesOf(story, since);
  const judge = { story, at, rule, index, voices, roles: rolesOf(rule, opened, { after, at }) };
  const people = [...story.people].flatMap(([id, stream]) => personAt(id, stream, at) ?? []);
  const taken = after
    .filter(({ kind }) => kind === 'reassigned')
    .map(({ body }) => story.request.nameOf(body.from_c));
  return count(judge, people, { taken, handed: handedOver(story, sealed, at) });
}

type Handed = readonly { readonly person: string; readonly to: string }[];

function handedOver({ request }: Case, sealed: readonly Sealed[], at: string): Handed {
  return sealed
    .filter(({ kind, body }) => kind === 'delegated' && covers(body as unknown as Span, at))
    .map(({ body }) => ({ person: request.nameOf(body.person_c), to: request.nameOf(body.to_c) }));
}

/** Decisions, each with the groups in which it counted when it was given. */
function voicesOf(story: Case, since: readonly Sealed[]): Voice[] {
  return since
    .filter(({ kind }) => kind === 'decided')
    .map(({ seq, ts, body }) => {
      const stage = Number(body['stage']);
      const { groups: all } = story.stages[stage] as StageRule;
      const person = story.request.nameOf(body.person_c);
      const names =
        body['group'] === null ? (recount(story, ts, seq).eligible.get(person)?.groups ?? []) : [];
      const groups =
        body['group'] === null
          ? names.map((name) => all.findIndex((one) => one.name === name))
          : [Number(body['group'])];
      const by = body.delegated_by_c === null ? [] : [story.request.nameOf(body.delegated_by_c)];
      return { people: [person, ...by], stage, groups, approves: body['verdict'] === 'approve' };
    });
}

/** Roles per group: those of the rule, escalations that were sealed, then those whose time had come. */
function rolesOf(
  rule: StageRule,
  opened: Sealed,
  { after, at }: { after: readonly Sealed[]; at: string },
): string[][] {
  const sealed = after
    .filter(({ kind, body }) => kind === 'escalated' && body['level'] !== null)
    .map(({ body }) => Number(body['level']) - 1);
  const due = rule.escalations
    .map(({ after: wait }, level) => ({ level, at: addDuration(opened.ts, wait) }))
    .filter((one) => !sealed.includes(one.level) && one.at <= at)
    .sort((a, b) => (a.at < b.at ? -1 : 1))
    .map(({ level }) => level);
  let roles = rule.groups.map(({ role }) => [role]);
  for (const level of [...sealed, ...due]) {
    const { to, mode } = rule.escalations[level] as StageRule['escalations'][number];
    roles = roles.map((all) => (mode === 'replace' ? [to] : [...all, to]));
  }
  return roles;
}

interface Judge {
  readonly story: Case;
  readonly at: string;
  readonly rule: StageRule;
  readonly index: number;
  readonly voices: readonly Voice[];
  readonly roles: readonly (readonly string[])[];
}

function count(
  judge: Judge,
  people: readonly Person[],
  { taken, handed }: { taken: readonly string[]; handed: Handed },
): Recount {
  const { story, rule, index, voices, roles } = judge;
  const here = voices.filter(({ stage }) => stage === index);
  const spoke = (id: string): boolean => here.some((voice) => voice.people.includes(id));
  const apart = (id: string): boolean =>
    voices.some((voice) => rule.distinctFrom.includes(voice.stage) && voice.people.includes(id));
  const room = rule.groups.map((_, group) => group).filter((group) => hasRoom(rule, here, group));
  const eligible: Recount['eligible'] = new Map();
  for (const person of people) {
    if (!person.here) continue;
    const principals = [
      ...handed
        .filter(({ to }) => to === person.id)
        .map(({ person: id }) => ({ id, role: null, rank: '' })),
      ...people
        .flatMap((one) =>
          one.lent
            .filter(({ to, kind }) => to === person.id && (kind === null || kind === story.kind))
            .map(({ role, id: rank }) => ({ id: one.id, role, rank })),
        )
        .sort((a, b) => (a.rank < b.rank ? -1 : 1)),
    ];
    if ([person.id, ...principals.map(({ id }) => id)].some((id) => story.parties.includes(id)))
      continue;
    if (person.absent || spoke(person.id) || apart(person.id) || taken.includes(person.id))
      continue;
    if (story.acknowledge !== null && !person.acknowledged.includes(story.acknowledge)) continue;
    const ways = [
      { holder: person, role: null as unknown, inPlaceOf: null as string | null },
      ...principals
        .filter(({ id }) => !spoke(id) && !apart(id) && !taken.includes(id))
        .map(({ id, role }) => ({
          holder: people.find((one) => one.id === id) as Person,
          role,
          inPlaceOf: id,
        })),
    ];
    for (const { holder, role, inPlaceOf } of ways) {
      const held = holder.roles.filter((one) => role === null || one === role);
      const groups = room.filter((group) =>
        fits(rule.groups[group] as StageRule['groups'][number], {
          holder,
          person,
          isAsked: (roles[group] ?? []).some((one) => held.includes(one)),
        }),
      );
      if (groups.length === 0) continue;
      eligible.set(person.id, {
        groups: groups.map((group) => rule.groups[group]?.name ?? ''),
        inPlaceOf,
      });
      break;
    }
  }
  const excluded = people
    .filter(
      ({ id, roles: held }) =>
        held.some((role) => roles.flat().includes(role)) && !eligible.has(id),
    )
    .map(({ id }) => id);
  return { stage: index, eligible, excluded };
}

function fits(
  { teams, training }: StageRule['groups'][number],
  { holder, person, isAsked }: { holder: Person; person: Person; isAsked: boolean },
): boolean {
  const isPlaced = teams === undefined || (holder.team !== null && teams.includes(holder.team));
  const isTrained =
    training === undefined ||
    person.trainings.some(
      (one) =>
        one.startsWith(`${training.course}@`) && Number(one.split('@')[1]) >= training.version,
    );
  return isAsked && isPlaced && isTrained;
}

/** One more approval that counts in this group alone would count. */
function hasRoom({ groups }: StageRule, here: readonly Voice[], group: number): boolean {
  const given = here.filter(({ approves }) => approves).map((voice) => voice.groups);
  const places = groups.map(({ quorum }) => quorum);
  return placed([...given, [group]], places) > placed(given, places);
}

/** The most voices that find a place: every way is tried. */
function placed(voices: readonly (readonly number[])[], places: readonly number[]): number {
  const [first, ...rest] = voices;
  if (first === undefined) return 0;
  const ways = first
    .filter((group) => (places[group] ?? 0) > 0)
    .map(
      (group) =>
        1 +
        placed(
          rest,
          places.map((free, at) => (at === group ? free - 1 : free)),
        ),
    );
  return Math.max(placed(rest, places), ...ways);
}
