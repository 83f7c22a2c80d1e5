import type { AssuranceLevel } from '../domain/policy.ts';
import type { Candidate } from '../domain/reviewer.ts';
import type { Reader } from '../domain/visibility.ts';
import type { Surface } from '../ledger/record.ts';

/** An app or agent, as its key says. */
export interface AppPrincipal {
  readonly type: 'app';
  readonly id: string;
  readonly owner: string;
  readonly ownerDekId: string;
  readonly scopes: readonly string[];
  readonly kinds: readonly string[];
}

/** A person, with the roles in force when the credential was checked. The step reads them again. */
export interface PersonPrincipal extends Candidate {
  readonly type: 'person';
  readonly dekId: string;
  readonly assurance: AssuranceLevel;
  readonly method: 'sample_token';
}

/** Who is calling, as transport saw it. */
export type Principal = AppPrincipal | PersonPrincipal;

/** A principal on a surface: what a command remembers of its caller. */
export interface Caller {
  readonly principal: Principal;
  readonly surface: Surface;
}

/** What an app's key may allow. */
export const SCOPES = ['requests:submit', 'requests:read', 'requests:withdraw'] as const;

export type Scope = (typeof SCOPES)[number];

/** `app:<id>` or `person:<id>`: one name in keys, references and logs. */
export function subjectOf(principal: {
  readonly type: 'app' | 'person';
  readonly id: string;
}): string {
  return `${principal.type}:${principal.id}`;
}

/** Whose requests a principal may know of: a person's own roles, and those of people whom they stand in for. */
export function readerOf(principal: Principal): Reader {
  if (principal.type === 'app') return { type: 'app', id: principal.id };
  const { id, roles, standsFor } = principal;
  const lent = standsFor.flatMap(({ principal: one, role }) =>
    role === null ? one.roles : one.roles.filter((held) => held === role),
  );
  return { type: 'person', id, roles: [...new Set([...roles, ...lent])] };
}
