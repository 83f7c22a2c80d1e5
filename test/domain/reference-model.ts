import type { Actor, Command } from '../../domain/command.ts';
import type { Candidate } from '../../domain/reviewer.ts';
import {
  groupsOf,
  isTrained,
  openGroupsOf,
  verdictOf,
  type Voice,
  type Way,
} from './reference-quorum.ts';
import { instantOf, millisOf, THIRTY_DAYS, type Asked, type Pause } from './reference-time.ts';
import type { Act, Expected, Setup, Terms } from './reference-types.ts';

interface Handed {
  readonly person: string;
  readonly to: string;
  readonly from: number;
  readonly until: number;
}

const textOf = (instant: number): string | null =>
  Number.isFinite(instant) ? new Date(instant).toISOString() : null;
const FOUR_HOURS = 4 * 3_600_000;
const ONE_DAY = 24 * 3_600_000;

/**
 * The rules once more, written from the contract alone: plain lists of names, and elapsed time instead of an
 * agenda. What somebody may do is worked out anew at each step from the rule and the past.
 */
export function referenceOf(setup: Setup, start: number): (now: number, act: Act) => Expected {
  let terms: Terms = setup;
  let contentDigest = setup.contentDigest;
  const parties = new Set(setup.parties);
  let voices: (readonly Voice[])[] = [];
  let happened = new Set<string>();
  let status = 'pending';
  let index = -1;
  let opened = 0;
  let asked: string[][] = [];
  let barred = new Set<string>();
  let claims: { person: string; until: number }[] = [];
  const questions: Asked[] = [];
  const pauses: Pause[] = [];
  const handed: Handed[] = [];
  let amendments = 0;
  let proposals: { effect: string; person: string; at: number }[] = [];
  let debt: { person: string; role: string; due: number; status: string } | null = null;
  let clock = start;
  let events: string[] = [];

  const stageNow = () => terms.rule.stages[index]!;
  const spokenIn = (stage: number, id: string): boolean =>
    (voices[stage] ?? []).some(({ names }) => names.includes(id));
  const isPaused = (): boolean => questions.some(({ closed }) => closed === null);

  function at(after: string, stands = true): number {
    return instantOf(opened, millisOf(after), { pauses, stands });
  }
  function deadline(stands = true): number {
    const own = stageNow().deadline;
    const given = terms.deadlines[index] ?? null;
    return Math.min(
      own === null ? Infinity : at(own, stands),
      given === null ? Infinity : Date.parse(given),
    );
  }

  function openNext(now: number, cause: string): void {
    index += 1;
    opened = now;
    asked = stageNow().groups.map(({ role }) => [role]);
    [barred, claims] = [new Set(), []];
    events.push(`stage_opened ${index} until ${textOf(deadline(false)) ?? 'ever'} ${cause}`);
  }
  function end(word: string): string {
    status = word;
    events.push('resolved');
    return `settled ${word}`;
  }
  /** What follows from the rule before anybody has acted. */
  function begin(cause: string): string {
    [index, voices, happened, status] = [-1, terms.rule.stages.map(() => []), new Set(), 'pending'];
    const { effect } = terms.rule;
    if (terms.held) {
      status = 'held';
      events.push('held');
    } else if (effect !== 'review') return end(effect === 'approve' ? 'approved' : 'rejected');
    else openNext(clock, cause);
    return 'done';
  }

  /** Reminders and escalations that are still to come, the earliest first. */
  function ahead(stands: boolean): { key: string; at: number; index: number; to?: string }[] {
    const { reminders, escalations } = stageNow();
    const sorted = [...reminders].sort((a, b) => millisOf(a) - millisOf(b));
    return [
      ...sorted.map((after, i) => ({
        key: `${index} r${i}`,
        at: at(after, stands),
        index: i,
      })),
      ...escalations.map(({ after, to }, i) => {
        return { key: `${index} e${i}`, at: at(after, stands), index: i, to };
      }),
    ]
      .filter((one) => one.at < deadline(stands) && !happened.has(one.key))
      .sort((a, b) => a.at - b.at);
  }
  function escalate(which: number, cause: string): void {
    happened.add(`${index} e${which}`);
    const { to, mode } = stageNow().escalations[which]!;
    asked = asked.map((roles) => (mode === 'replace' ? [to] : [...new Set([...roles, to])]));
    events.push(`escalated ${which} by ${cause}`);
  }

  /** What time brings next, and what it does. */
  function next(): { at: number; happen: () => void } | null {
    if (status === 'overridden' && debt?.status === 'open') {
      const owed = debt;
      const happen = (): void => {
        owed.status = 'overdue';
        events.push('debt overdue');
      };
      return { at: debt.due, happen };
    }
    if (status !== 'pending') return null;
    const due: { at: number; happen: () => void }[] = [];
    const [question] = questions
      .filter(({ closed }) => closed === null)
      .sort((a, b) => a.at - b.at);
    if (question !== undefined)
      due.push({ at: question.at + THIRTY_DAYS, happen: () => lapse(question) });
    for (const claim of claims)
      due.push({ at: claim.until, happen: () => endClaim(claim.person, 'lapsed') });
    const [first] = isPaused() ? [] : ahead(true);
    if (first !== undefined) due.push({ at: first.at, happen: () => remind(first) });
    due.push({ at: deadline(), happen: timeOut });
    return due.reduce((a, b) => (b.at < a.at ? b : a));
  }
  function close(question: Asked, when: number): void {
    if (question.closed !== null) return;
    question.closed = when;
    const pause = pauses.at(-1);
    if (!isPaused() && pause !== undefined) pause.to = when;
  }
  function lapse(question: Asked): void {
    close(question, question.at + THIRTY_DAYS);
    events.push(`question_lapsed ${question.id}`);
  }
  function endClaim(person: string, change: string): void {
    claims = claims.filter((one) => one.person !== person);
    events.push(`claimed ${change} ${person}`);
  }
  function remind(one: { key: string; index: number; to?: string }): void {
    if (one.to !== undefined) return escalate(one.index, 'time');
    happened.add(one.key);
    events.push('reminded');
  }
  function timeOut(): void {
    const { onTimeout } = stageNow();
    events.push('expired');
    const silence = onTimeout === 'approve' && terms.tier !== 'high';
    const isLast = index === terms.rule.stages.length - 1;
    if (onTimeout === 'next-stage' || (silence && !isLast)) openNext(clock, 'order');
    else end(silence ? 'approved' : 'expired');
  }

  const isOfKind = (kind: string | null): boolean => kind === null || kind === 'ai-decision';
  const isParty = (who: Candidate): boolean =>
    parties.has(who.id) || lentTo(who).some(({ inName }) => inName !== null && parties.has(inName));
  /** In whose names somebody could speak at this instant. */
  function lentTo(who: Candidate): readonly Way[] {
    const here = handed.flatMap((one): Way[] => {
      const holder = setup.people.find(({ id }) => id === one.person);
      const isNow = one.to === who.id && one.from <= clock && clock < one.until;
      return holder !== undefined && isNow
        ? [{ holder, inName: one.person, roles: holder.roles }]
        : [];
    });
    const listed = who.standsFor
      .filter(({ kind }) => isOfKind(kind))
      .map(({ principal, role }): Way => {
        const roles = principal.roles.filter((one) => role === null || one === role);
        return { holder: principal, inName: principal.id, roles };
      });
    return [...here, ...listed];
  }
  const sat = (id: string): boolean =>
    terms.rule.stages.some(
      ({ name }, i) => stageNow().distinctFrom.includes(name) && spokenIn(i, id),
    );

  const groupsIn = (way: Way, among: readonly number[]): readonly number[] =>
    groupsOf(stageNow(), { asked, among, way });

  /** Why somebody may not speak in the open stage, or how they would. */
  function standing(
    who: Candidate,
  ): string | { readonly way: Way; readonly groups: readonly number[] } {
    if (isParty(who)) return 'OWN_REQUEST';
    if (spokenIn(index, who.id)) return 'ALREADY_DECIDED';
    if (who.absent || barred.has(who.id) || sat(who.id)) return 'NOT_ELIGIBLE';
    const open = openGroupsOf(stageNow(), voices[index]!);
    const every = stageNow().groups.map((_, group) => group);
    const lent = lentTo(who);
    const free = lent.filter(
      ({ inName }) => !spokenIn(index, inName!) && !barred.has(inName!) && !sat(inName!),
    );
    const ways = [{ holder: who, inName: null, roles: who.roles }, ...free];
    if (!ways.some((way) => groupsIn(way, open).length > 0)) {
      const spent = lent.some(
        (way) => spokenIn(index, way.inName!) && groupsIn(way, every).length > 0,
      );
      return spent ? 'ALREADY_DECIDED' : 'NOT_ELIGIBLE';
    }
    if (terms.mustKnow && !who.acknowledged.includes('credit-decisions@4'))
      return 'ACKNOWLEDGEMENT_MISSING';
    const trained = open.filter((group) => isTrained(stageNow(), group, who));
    const way = ways.find((one) => groupsIn(one, trained).length > 0);
    return way === undefined ? 'TRAINING_EXPIRED' : { way, groups: groupsIn(way, trained) };
  }
  const isLead = (who: Actor): boolean =>
    who.type === 'person' &&
    !who.absent &&
    [...stageNow().escalations.map(({ to }) => to), terms.rule.override?.role ?? ''].some((role) =>
      who.roles.includes(role),
    );

  type Of<K extends Command['kind']> = Extract<Command, { kind: K }>;
  function decide(actor: Actor, { verdict, contentDigest: seen }: Of<'decide'>): string {
    const may = standing(actor);
    const isLate = may === 'ACKNOWLEDGEMENT_MISSING' || may === 'TRAINING_EXPIRED';
    if (typeof may === 'string' && !isLate) return may;
    if (seen !== contentDigest) return 'STALE_DIGEST';
    if ((terms.rule.requireView ?? terms.tier === 'high') && actor.viewed === null)
      return 'NOT_VIEWED';
    if (typeof may === 'string') return may;
    if (actor.assurance < stageNow().assurance) return 'ASSURANCE_TOO_LOW';
    const { inName } = may.way;
    const names = inName === null ? [actor.id] : [actor.id, inName];
    return count({ names, groups: may.groups, isFor: verdict === 'approve' });
  }
  function count(voice: Voice): string {
    voices[index] = [...voices[index]!, voice];
    claims = claims.filter(({ person }) => person !== voice.names[0]);
    events.push(`decided ${voice.names.join(' for ')}`);
    const settled = verdictOf(stageNow(), voices[index]!);
    if (settled === 'rejected') return end('rejected');
    if (settled === 'open') return 'counted';
    if (index === terms.rule.stages.length - 1) return end('approved');
    openNext(clock, 'order');
    return 'counted';
  }

  function isEntitled(actor: Actor, { effect, breakGlass }: Of<'override'>): boolean {
    const right = terms.rule.override;
    const on = {
      stop: /held|pending/,
      reverse: /approved/,
      force: /held|pending|rejected|expired/,
    };
    if (right === null || actor.type === 'app' || actor.absent) return false;
    if (!actor.roles.includes(right.role) || !right.effects.includes(effect)) return false;
    return on[effect].test(status) && (!breakGlass || right.breakGlass !== null);
  }
  function override(actor: Actor, command: Of<'override'>): string {
    const right = terms.rule.override!;
    if (isParty(actor)) return 'OWN_REQUEST';
    if (!isEntitled(actor, command)) return 'OVERRIDE_NOT_ALLOWED';
    if (actor.owesReview) return 'REVIEW_DEBT';
    if (actor.assurance < right.assurance) return 'ASSURANCE_TOO_LOW';
    if (command.reasonLength < right.minReason) return 'REASON_TOO_SHORT';
    return command.breakGlass ? breakTheGlass(actor) : overrideWith(actor, command);
  }
  function breakTheGlass(actor: Actor): string {
    const { role, due } = terms.rule.override!.breakGlass!;
    events.push(`overridden from ${status} by ${actor.id}`);
    debt = { person: actor.id, role, due: clock + millisOf(due), status: 'open' };
    const answer = end('overridden');
    events.push('debt opened');
    return answer;
  }
  function overrideWith(actor: Actor, { effect }: Of<'override'>): string {
    const needsTwo = terms.rule.override!.secondPerson.includes(effect);
    const others = proposals.filter(
      (one) => one.effect === effect && one.person !== actor.id && clock - one.at < ONE_DAY,
    );
    if (needsTwo && others.length === 0) {
      proposals = proposals.filter((one) => one.effect !== effect || one.person !== actor.id);
      proposals.push({ effect, person: actor.id, at: clock });
      return 'SECOND_PERSON_REQUIRED';
    }
    const who = needsTwo ? `${others[0]!.person} and ${actor.id}` : actor.id;
    events.push(`overridden from ${status} by ${who}`);
    return end('overridden');
  }

  function review(actor: Actor, { reasonLength }: Of<'review'>): string {
    if (debt === null || debt.status === 'settled') return 'STAGE_CLOSED';
    if (isParty(actor) || debt.person === actor.id) return 'OWN_REQUEST';
    if (actor.type === 'app' || actor.absent || !actor.roles.includes(debt.role))
      return 'NOT_ELIGIBLE';
    if (reasonLength < 1) return 'REASON_TOO_SHORT';
    debt.status = 'settled';
    events.push('debt settled');
    return 'done';
  }

  function answerQuestion(actor: Actor, { question }: Of<'answer'>): string {
    const who = `${actor.type} ${actor.id}`;
    if (who !== setup.asker && who !== setup.speaker) return 'NOT_ELIGIBLE';
    const one = questions.find(({ id }) => id === question);
    if (one === undefined || one.isAnswered) return 'STAGE_CLOSED';
    one.isAnswered = true;
    close(one, clock);
    events.push('answered');
    return 'done';
  }

  function amend(actor: Actor, { amendment }: Of<'amend'>): string {
    if (`${actor.type} ${actor.id}` !== setup.asker || amendment === null) return 'NOT_ELIGIBLE';
    if (actor.type === 'person') parties.add(actor.id);
    const { rule, heldBy, deadlines, policy, tier } = amendment.binding;
    const tiers = ['low', 'medium', 'high'] as const;
    const higher = tiers[Math.max(tiers.indexOf(tier), tiers.indexOf(terms.tier))]!;
    amendments += 1;
    events.push(`amended ${voices.flat().length}`);
    if (status === 'pending') events.push('stage_closed');
    const mustKnow = policy.requireAcknowledgement;
    terms = { rule, tier: higher, held: heldBy.length > 0, deadlines, mustKnow };
    [contentDigest, proposals] = [amendment.contentDigest, []];
    events.push('policy_bound');
    return begin('amended');
  }

  function ask(actor: Actor, id: string): string {
    const may = standing(actor);
    const isAbove = may === 'ALREADY_DECIDED' || (may === 'NOT_ELIGIBLE' && isLead(actor));
    if (typeof may === 'string' && !isAbove) return may;
    events.push(isPaused() ? 'asked' : 'asked, clock stopped');
    if (!isPaused()) pauses.push({ from: clock, to: null });
    questions.push({ id, at: clock, closed: null, isAnswered: false });
    return 'done';
  }

  function claim(actor: Actor): string {
    const may = standing(actor);
    if (typeof may === 'string') return may;
    claims = claims.filter(({ person }) => person !== actor.id);
    claims.push({ person: actor.id, until: clock + FOUR_HOURS });
    events.push(`claimed claimed ${actor.id}`);
    return 'done';
  }
  function release(actor: Actor): string {
    if (!claims.some(({ person }) => person === actor.id)) return 'STAGE_CLOSED';
    endClaim(actor.id, 'released');
    return 'done';
  }

  function reassign(actor: Actor, { from, to, receiver, reasonLength }: Of<'reassign'>): string {
    if (isParty(actor)) return 'OWN_REQUEST';
    if (!isLead(actor)) return 'NOT_ELIGIBLE';
    if (spokenIn(index, from)) return 'ALREADY_DECIDED';
    if (from === to || typeof standing(receiver) === 'string') return 'NOT_ELIGIBLE';
    if (reasonLength < 1) return 'REASON_TOO_SHORT';
    barred.add(from);
    claims = claims.filter(({ person }) => person !== from && person !== to);
    claims.push({ person: to, until: clock + FOUR_HOURS });
    events.push(`reassigned ${from} ${to}`, `claimed claimed ${to}`);
    return 'done';
  }

  function bringForward(actor: Actor, { to, reasonLength }: Of<'escalate'>): string {
    const may = standing(actor);
    if (may === 'OWN_REQUEST') return may;
    if (typeof may === 'string' && may !== 'ALREADY_DECIDED' && !isLead(actor))
      return 'NOT_ELIGIBLE';
    const one = ahead(false).find(
      (next) => next.to !== undefined && (to === null || next.to === to),
    );
    if (one === undefined) return 'NOT_ELIGIBLE';
    if (reasonLength < 1) return 'REASON_TOO_SHORT';
    escalate(one.index, 'person');
    return 'done';
  }

  /** Everybody whom it would reach if `to` handed it on, while the times touch. */
  function reachedBy(to: string, first: number, last: number): ReadonlySet<string> {
    const touching = handed.filter((one) => one.from < last && first < one.until);
    const reached = new Set([to]);
    for (let size = 0; size < reached.size;) {
      size = reached.size;
      for (const one of touching) if (reached.has(one.person)) reached.add(one.to);
    }
    return reached;
  }
  function delegate(actor: Actor, { to, from, until, reasonLength }: Of<'delegate'>): string {
    if (isParty(actor)) return 'OWN_REQUEST';
    const kept = handed.splice(0);
    const own = standing({ ...actor, absent: false, standsFor: [] });
    handed.push(...kept);
    const lent = standing(actor);
    if (typeof own === 'string')
      return typeof lent !== 'string' && lent.way.inName !== null ? 'DELEGATION_INVALID' : own;
    const [first, last] = [Date.parse(from), Date.parse(until)];
    const isPossible = last > clock && last > first && handed.length < 20;
    if (!isPossible || parties.has(to) || reachedBy(to, first, last).has(actor.id))
      return 'DELEGATION_INVALID';
    if (reasonLength < 1) return 'REASON_TOO_SHORT';
    handed.push({ person: actor.id, to, from: first, until: last });
    events.push(`delegated ${actor.id} ${to}`);
    return 'done';
  }
  function withdraw(actor: Actor): string {
    if (`${actor.type} ${actor.id}` !== setup.asker) return 'NOT_ELIGIBLE';
    events.push('withdrawn');
    return end('withdrawn');
  }

  type Does = { readonly [K in Command['kind']]?: (by: Actor, c: Of<K>, id: string) => string };
  const always: Does = {
    view: (_, seen) =>
      (seen.amendments ?? amendments) === amendments ? say('viewed') : 'STALE_DIGEST',
    comment: () => say('commented'),
    override,
    review,
  };
  const untilTheEnd: Does = { answer: answerQuestion, amend, withdraw };
  const whileOpen: Does = {
    ...{ decide, claim, release, delegate, reassign, escalate: bringForward },
    ask: (actor, _, id) => ask(actor, id),
  };
  function answerTo({ id, actor, command }: NonNullable<Act>): string {
    // Each is found by the very kind that it takes.
    const does = (table: Does) =>
      table[command.kind] as ((by: Actor, c: Command, id: string) => string) | undefined;
    const anyTime = does(always);
    if (anyTime !== undefined) return anyTime(actor, command, id);
    if (status === 'expired') return 'EXPIRED';
    if (status !== 'held' && status !== 'pending') return 'RESOLVED';
    const early = does(untilTheEnd);
    if (early !== undefined) return early(actor, command, id);
    return status === 'held' ? 'STAGE_CLOSED' : does(whileOpen)!(actor, command, id);
  }
  function say(event: string): string {
    events.push(event);
    return 'done';
  }

  begin('order');
  return (now, act) => {
    clock = now;
    events = [];
    for (let due = next(); due !== null && due.at <= now; due = next()) due.happen();
    const answer = act === null ? null : answerTo(act);
    if (answer !== null && /^[A-Z_]+$/.test(answer)) events.push('refused');
    const isOpen = status === 'pending';
    return {
      answer,
      events,
      status,
      openStage: isOpen ? index : null,
      roles: isOpen ? asked : [],
      deadline: isOpen ? textOf(deadline(false)) : null,
      claims: isOpen ? claims.map(({ person }) => person) : [],
      wakeAt: textOf(next()?.at ?? Infinity),
    };
  };
}
