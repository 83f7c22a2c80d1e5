import type { Group } from './policy.ts';

/** A training in force at the instant of reading. */
export interface Training {
  readonly course: string;
  readonly version: number;
}

/** A person as the directory has them at one instant, read in the step that decides. */
export interface Reviewer {
  readonly id: string;
  /** Roles in force. */
  readonly roles: readonly string[];
  readonly absent: boolean;
  readonly team: string | null;
  readonly region: string | null;
  /** Trainings in force; one that has ended is not among them. */
  readonly trainings: readonly Training[];
  /** Policy versions that the person has acknowledged, as `<policy id>@<version>`. */
  readonly acknowledged: readonly string[];
}

/** Somebody whom a person may stand in for at this instant, and by which right. */
export interface StandIn {
  /** Id of the delegation or of the absence that names the deputy. */
  readonly id: string;
  /** `delegation` by the directory, `absence` as the deputy of somebody who is absent, `request` for one request. */
  readonly source: 'delegation' | 'absence' | 'request';
  /** Who is stood in for, with their own rights only: nobody passes on what was passed on to them. */
  readonly principal: Reviewer;
  /** Only for this role; null = all that the principal holds. */
  readonly role: string | null;
  /** Only for requests of this kind; null = all. */
  readonly kind: string | null;
}

/** A person with everything that eligibility asks about. */
export interface Candidate extends Reviewer {
  /** In order of id. */
  readonly standsFor: readonly StandIn[];
}

/** @returns whether the person is in the team and region that a group asks for. */
export function meetsConditions({ conditions }: Group, person: Reviewer): boolean {
  return isOneOf(conditions.team, person.team) && isOneOf(conditions.region, person.region);
}

function isOneOf(asked: readonly string[], value: string | null): boolean {
  return asked.length === 0 || (value !== null && asked.includes(value));
}

/** @returns whether every training that a group asks for is in force. */
export function isTrained({ trainings }: Group, person: Reviewer): boolean {
  return trainings.every((asked) =>
    person.trainings.some(
      ({ course, version }) => course === asked.course && version >= asked.version,
    ),
  );
}
