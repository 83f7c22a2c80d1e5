import {
  parseOpenings,
  PEOPLE,
  openingsPath,
  type BundleOpening,
} from '../ledger/bundle-format.ts';
import { leafHash } from '../ledger/hash.ts';
import { parseRecord, type LedgerRecord } from '../ledger/record.ts';
import type { BundleFiles } from '../ledger/zip.ts';

// The records of a request in the words of people, from the files of its bundle alone.

/** One record as a person reads it. */
export interface StoryLine {
  readonly seq: number;
  readonly ts: string;
  readonly what: string;
  readonly who: string;
  readonly surface: string;
  readonly leafHash: string;
  /** Facts of it, each a sentence. */
  readonly facts: readonly string[];
  /** Words of people; null text: why they are not here. */
  readonly texts: readonly {
    readonly path: string;
    readonly text: string | null;
    readonly state: string;
  }[];
}

export interface Story {
  readonly lines: readonly StoryLine[];
  readonly records: readonly LedgerRecord[];
  /** Names a person or an app by the commitment; says that it is not disclosed where it is not. */
  readonly nameOf: (c: string | null) => string;
}

export function readStory(files: BundleFiles): Story {
  const records = [...files].flatMap(([path, bytes]) =>
    path.startsWith('records/') ? [parseRecord(bytes)] : [],
  );
  const bytes = [...files].flatMap(([path, one]) => (path.startsWith('records/') ? [one] : []));
  const people = openingsIn(files, PEOPLE);
  const names = new Map(
    people.map((one) => [one.c, one.state === 'disclosed' ? one.value.replace(/^\w+:/, '') : null]),
  );
  const nameOf = (c: string | null): string => {
    if (c === null) return 'the system';
    return names.get(c) ?? `somebody not disclosed (${c.slice(0, 8)})`;
  };
  const lines = records.map((record, at): StoryLine => {
    const told = TELL[record.kind as keyof typeof TELL] as Teller<LedgerRecord> | undefined;
    const { what, facts } = told?.(record, nameOf) ?? { what: plain(record.kind), facts: [] };
    return {
      seq: record.seq,
      ts: record.ts,
      what,
      who: record.actor.type === 'policy' ? 'the policy' : nameOf(record.actor.c),
      surface: record.surface,
      leafHash: leafHash(bytes[at] ?? new Uint8Array()),
      facts: [...facts, ...authFact(record)],
      texts: openingsIn(files, openingsPath(record.seq)).map((one) => ({
        path: one.path,
        state: one.state,
        text: one.state === 'disclosed' ? one.value : null,
      })),
    };
  });
  return { lines, records, nameOf };
}

function openingsIn(files: BundleFiles, path: string): readonly BundleOpening[] {
  const bytes = files.get(path);
  return bytes === undefined ? [] : parseOpenings(bytes, path);
}

function plain(word: string): string {
  return word.replace(/_/g, ' ');
}

const METHODS: Readonly<Record<string, string>> = {
  api_key: 'known by an API key',
  sample_token: 'known by a sample token',
  slack: 'known by their Slack account',
  session: 'signed in',
  passkey: 'signed with a passkey',
};

function authFact({ auth }: LedgerRecord): string[] {
  const method = METHODS[auth.method];
  return method === undefined ? [] : [`${method} (assurance level ${auth.level})`];
}

interface Told {
  readonly what: string;
  readonly facts: readonly string[];
}
type NameOf = Story['nameOf'];
type Teller<R> = (record: R, nameOf: NameOf) => Told;
type Of<K extends LedgerRecord['kind']> = Extract<LedgerRecord, { readonly kind: K }>;

const digest = (hex: string): string => `${hex.slice(0, 12)}…`;

/** The kinds that a request's story is made of; any other is told by its name. */
const TELL: { readonly [K in LedgerRecord['kind']]?: Teller<Of<K>> } = {
  requested: ({ body }, nameOf) => ({
    what: `asked for: ${body.kind}`,
    facts: [
      `risk tier ${body.tier}`,
      `action ${digest(body.action_digest)}, content ${digest(body.content_digest)}`,
      ...(body.on_behalf_of_c === null ? [] : [`on behalf of ${nameOf(body.on_behalf_of_c)}`]),
      ...(body.owner_c === null ? [] : [`the app is owned by ${nameOf(body.owner_c)}`]),
    ],
  }),
  policy_bound: ({ body, policy }) => ({
    what: `bound to policy ${policy ?? 'of the installation'}`,
    facts: [
      body.effect === 'review'
        ? `people decide, in ${body.stages} stage(s)`
        : `the policy itself says: ${body.effect}`,
      body.require_view
        ? 'whoever decides must have been shown the content'
        : 'no view was asked for',
    ],
  }),
  held: ({ body }) => ({ what: 'put on hold', facts: [plain(body.reason.toLowerCase())] }),
  released: ({ body }) => ({ what: 'released', facts: [plain(body.reason.toLowerCase())] }),
  stage_opened: ({ body }, nameOf) => ({
    what: `stage ${body.stage + 1} opened: ${body.quorum} of role ${body.role}`,
    facts: [
      body.deadline === null ? 'without a deadline' : `until ${body.deadline}`,
      `${body.eligible} could decide: ${body.eligible_c.map(nameOf).join(', ') || 'nobody named'}`,
    ],
  }),
  viewed: ({ body }, nameOf) => ({
    what: `shown to ${nameOf(body.person_c)}`,
    facts: [
      `content ${digest(body.content_digest)}`,
      ...(body.view_digest === null ? [] : [`what was shown ${digest(body.view_digest)}`]),
    ],
  }),
  decided: ({ body }, nameOf) => ({
    what: `${nameOf(body.person_c)} ${body.verdict === 'approve' ? 'approved' : 'rejected'}`,
    facts: [
      `stage ${body.stage + 1}: ${body.approvals} of ${body.needed} approvals, ${body.rejections} rejections`,
      ...(body.delegated_by_c === null ? [] : [`for ${nameOf(body.delegated_by_c)}`]),
      `content ${digest(body.content_digest)}`,
    ],
  }),
  refused: ({ body }) => ({
    what: `${plain(body.command)} was refused`,
    facts: [plain(body.reason.toLowerCase())],
  }),
  overridden: ({ body }, nameOf) => ({
    what: `overridden by ${nameOf(body.person_c)}: ${body.effect}`,
    facts: [`it was ${body.before}`],
  }),
  expired: ({ body }) => ({
    what: `time of stage ${body.stage + 1} ran out`,
    facts: [plain(body.then)],
  }),
  withdrawn: (_record) => ({ what: 'withdrawn', facts: [] }),
  escalated: ({ body }) => ({ what: `escalated to role ${body.to_role}`, facts: [body.mode] }),
  reminded: ({ body }) => ({ what: 'reminded', facts: [`${body.recipients} people`] }),
  resolved: ({ body }) => ({
    what: `resolved: ${body.resolution}${body.effect === null ? '' : ` (${body.effect})`}`,
    facts: [
      body.may_proceed ? 'the action may proceed' : 'the action may not proceed',
      `${body.decisions} decision(s), action ${digest(body.action_digest)}`,
    ],
  }),
  closed: ({ body }) => ({ what: 'closed', facts: [`${body.count} records`] }),
  exported: ({ body }) => ({
    what: 'exported as evidence',
    facts: [`${body.records} records, ${digest(body.sha256)}`],
  }),
};
