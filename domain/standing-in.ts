import type { Instant } from './instant.ts';

/**
 * Roles that carry the installation itself. They are granted, with start, end and grantor, and never passed
 * on: neither by a delegation nor to a deputy.
 */
export const SYSTEM_ROLES = [
  'auditor',
  'compliance',
  'directory-admin',
  'override-authority',
  'policy-admin',
] as const;

export type SystemRole = (typeof SYSTEM_ROLES)[number];

/** @returns whether a role carries the installation itself. */
export function isSystemRole(role: string): role is SystemRole {
  return (SYSTEM_ROLES as readonly string[]).includes(role);
}

/** A time: `from` included, `until` not; null = without end. */
export interface Span {
  readonly from: Instant;
  readonly until: Instant | null;
}

/** @returns whether two times have an instant in common. */
export function doOverlap(one: Span, other: Span): boolean {
  return startsBeforeEnd(one, other) && startsBeforeEnd(other, one);
}

function startsBeforeEnd({ from }: Span, { until }: Span): boolean {
  return until === null || from < until;
}

/** Somebody lets another person stand in for them, for a time. */
export interface Link extends Span {
  readonly person: string;
  readonly to: string;
}

/**
 * The circle that a new link would close, of any length: at one instant everybody in it would stand in for
 * the next one, and the last for the first.
 *
 * @returns the people in order, beginning with the one who makes the link; null where there is no circle.
 */
export function circleOf(links: readonly Link[], added: Link): readonly string[] | null {
  const around = links.filter((link) => doOverlap(link, added));
  // A circle that ever exists exists at the start of the last of its links to begin.
  const instants = new Set([added.from, ...around.map(({ from }) => from)]);
  for (const instant of instants) {
    if (!isInForce(added, instant)) continue;
    const way = wayTo(
      around.filter((link) => isInForce(link, instant)),
      added,
    );
    if (way !== null) return way;
  }
  return null;
}

function isInForce({ from, until }: Span, instant: Instant): boolean {
  return from <= instant && (until === null || instant < until);
}

/** From whom the new link leads to, along the links, back to the one who makes it. */
function wayTo(links: readonly Link[], { person, to }: Link): readonly string[] | null {
  const reached = new Map<string, string>([[to, person]]);
  const next = [to];
  for (const here of next) {
    if (here === person) break;
    for (const link of links) {
      if (link.person !== here || reached.has(link.to)) continue;
      reached.set(link.to, here);
      next.push(link.to);
    }
  }
  if (!reached.has(person)) return null;
  const way: string[] = [];
  for (let at = reached.get(person); at !== undefined && at !== person; at = reached.get(at))
    way.unshift(at);
  return [person, ...way];
}
