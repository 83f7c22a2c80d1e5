import type { RecordKind } from './bodies.ts';

// Which kinds of record may stand in which stream. The first record says what a stream is about.
// @source docs/record-format.md, section 7

/** What a stream is about. `register`: AI decisions without a gate; `installation`: all the rest. */
export type StreamType =
  'request' | 'person' | 'app' | 'policy' | 'vendor' | 'ai_system' | 'register' | 'installation';

/** Kinds that begin a stream, and make it what it is. Any other first record: the installation's. */
const GENESIS: ReadonlyMap<RecordKind, StreamType> = new Map([
  ['requested', 'request'],
  ['person_added', 'person'],
  ['app_changed', 'app'],
  ['policy_changed', 'policy'],
  ['vendor_changed', 'vendor'],
  ['system_changed', 'ai_system'],
  ['ai_recorded', 'register'],
]);

const REQUEST = ['request'] as const;
const PERSON = ['person'] as const;
const INSTALLATION = ['installation'] as const;
const REGISTERS = ['vendor', 'ai_system'] as const;
const EVERYWHERE = [
  'request',
  'person',
  'app',
  'policy',
  'vendor',
  'ai_system',
  'register',
  'installation',
] as const;

/** The streams of each kind. */
export const HOMES = {
  requested: REQUEST,
  policy_bound: REQUEST,
  shadow_evaluated: REQUEST,
  held: REQUEST,
  released: REQUEST,
  screened: ['request', 'register'],
  stage_opened: REQUEST,
  stage_closed: REQUEST,
  reminded: ['request', 'person', 'policy', 'vendor', 'ai_system', 'installation'],
  escalated: REQUEST,
  viewed: REQUEST,
  decided: REQUEST,
  refused: EVERYWHERE,
  overridden: REQUEST,
  review_debt: ['request', 'person'],
  expired: REQUEST,
  withdrawn: REQUEST,
  resolved: REQUEST,
  closed: EVERYWHERE,
  delegated: REQUEST,
  claimed: REQUEST,
  reassigned: REQUEST,
  commented: ['request', 'policy', 'vendor', 'ai_system', 'installation'],
  asked: ['request', 'vendor'],
  answered: ['request', 'vendor'],
  amended: REQUEST,
  precedent_cited: REQUEST,
  precedent_changed: REQUEST,
  receipt_issued: REQUEST,
  receipt_consumed: REQUEST,
  receipt_revoked: REQUEST,
  outcome: REQUEST,
  outcome_rated: ['request', 'register'],
  lease_started: REQUEST,
  lease_changed: REQUEST,
  lease_ended: REQUEST,
  notified: EVERYWHERE,
  attachment_stored: ['request', 'person', 'app', 'vendor', 'ai_system', 'installation'],
  linked: EVERYWHERE,
  task_changed: EVERYWHERE,
  link_changed: ['request', 'person', 'vendor', 'installation'],
  probed: ['request', 'app', 'installation'],
  person_added: PERSON,
  person_changed: PERSON,
  slack_linked: PERSON,
  role_granted: PERSON,
  role_ended: PERSON,
  absence_set: PERSON,
  delegation_set: PERSON,
  training: PERSON,
  credential_added: PERSON,
  credential_revoked: PERSON,
  acknowledged: EVERYWHERE,
  app_changed: ['app'],
  webhook_changed: ['app', 'installation'],
  workspace_changed: INSTALLATION,
  policy_changed: ['policy'],
  exception: ['request', 'policy', 'vendor', 'ai_system', 'installation'],
  register_changed: INSTALLATION,
  vendor_changed: ['vendor'],
  system_changed: ['ai_system'],
  evidence_added: ['request', 'vendor', 'ai_system'],
  check_evaluated: ['request', 'vendor', 'ai_system'],
  risk_assessed: [...REGISTERS, 'installation'],
  ai_recorded: ['register'],
  sample_drawn: ['register', 'installation'],
  finding: EVERYWHERE,
  reviewed: EVERYWHERE,
  alert: EVERYWHERE,
  accessed: EVERYWHERE,
  exported: EVERYWHERE,
  legal_hold_set: EVERYWHERE,
  legal_hold_released: EVERYWHERE,
  erased: EVERYWHERE,
  log_changed: INSTALLATION,
  heartbeat: INSTALLATION,
  self_check: INSTALLATION,
  key_rotated: INSTALLATION,
  incident: EVERYWHERE,
  anchored: INSTALLATION,
  reconciled: INSTALLATION,
  imported: ['vendor', 'ai_system', 'installation'],
  software_changed: INSTALLATION,
} as const satisfies { readonly [K in RecordKind]: readonly StreamType[] };

/** What a stream is about, by the kind of its first record. */
export function streamTypeOf(first: RecordKind): StreamType {
  return GENESIS.get(first) ?? 'installation';
}

/** May a record of this kind stand in such a stream? */
export function belongsIn(kind: RecordKind, type: StreamType): boolean {
  return (HOMES[kind] as readonly StreamType[]).includes(type);
}
