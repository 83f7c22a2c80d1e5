import type { Actor, Command } from '../../domain/command.ts';
import type { RiskTier, Rule } from '../../domain/policy.ts';

/** A request before anything happens to it, as the reference needs it. */
export interface Setup {
  readonly rule: Rule;
  readonly tier: RiskTier;
  readonly held: boolean;
  readonly parties: readonly string[];
  /** Type and id of who asked. */
  readonly asker: string;
  readonly contentDigest: string;
}

/** Somebody acts; null = only time passes. */
export type Act = { readonly actor: Actor; readonly command: Command } | null;

/** What the reference expects of one step. */
export interface Expected {
  /** A refusal code, `counted`, `done`, `settled <word>`; null for a tick. */
  readonly answer: string | null;
  /** Types; with the deadline of a stage that opens, and the status that an override struck. */
  readonly events: readonly string[];
  readonly status: string;
  readonly openStage: number | null;
  readonly roles: readonly (readonly string[])[];
}

const instantAfter = (opened: number, duration: string): number =>
  opened + Number(/^PT(\d+)M$/.exec(duration)?.[1]) * 60_000;

/**
 * The rules once more, written from the contract alone: plain sets of names, and wall-clock numbers
 * instead of an agenda. What somebody may do is worked out anew at each step from the rule and the past.
 */
export function referenceOf(setup: Setup, start: number): (now: number, act: Act) => Expected {
  const { rule } = setup;
  const yes = rule.stages.map((stage) => stage.groups.map(() => new Set<string>()));
  const no = rule.stages.map((stage) => stage.groups.map(() => new Set<string>()));
  const happened = new Set<string>();
  let status: string = setup.held ? 'held' : 'pending';
  let index = -1;
  let opened = 0;
  /** The latest instant seen in the open stage, and the present one: clocks may step back. */
  let latest = 0;
  let clock = start;
  let events: string[] = [];

  function openNext(now: number): void {
    index += 1;
    opened = latest = now;
    const until = deadline() === Infinity ? 'ever' : new Date(deadline()).toISOString();
    events.push(`stage_opened ${index} until ${until}`);
  }

  function end(word: string): string {
    status = word;
    events.push('resolved');
    return `settled ${word}`;
  }

  const stageNow = () => rule.stages[index]!;
  const deadline = (): number =>
    stageNow().deadline === null ? Infinity : instantAfter(opened, stageNow().deadline!);

  /** Everything of the open stage that is due by `now`, the earliest first; reminders before escalations. */
  function due(now: number): readonly { at: number; key: string; type: string }[] {
    const { reminders, escalations } = stageNow();
    const reminded = reminders.map((after, i) => ({
      after,
      key: `${index} r${i}`,
      type: 'reminded',
    }));
    const escalated = escalations.map(({ after }, i) => ({
      after,
      key: `${index} e${i}`,
      type: 'escalated',
    }));
    return [...reminded, ...escalated]
      .map((one) => ({ ...one, at: instantAfter(opened, one.after) }))
      .filter((one) => one.at <= now && one.at < deadline() && !happened.has(one.key))
      .sort((a, b) => a.at - b.at);
  }

  function passTime(now: number): void {
    while (status === 'pending') {
      latest = Math.max(latest, now);
      for (const one of due(now)) {
        happened.add(one.key);
        events.push(one.type);
      }
      if (deadline() > now) return;
      const { onTimeout } = stageNow();
      events.push('expired');
      const silence = onTimeout === 'approve' && setup.tier !== 'high';
      const isLast = index === rule.stages.length - 1;
      if (onTimeout === 'next-stage' || (silence && !isLast)) openNext(now);
      else end(silence ? 'approved' : 'expired');
    }
  }

  function rolesOf(group: number): readonly string[] {
    let roles = new Set([stageNow().groups[group]!.role]);
    const inTime = stageNow()
      .escalations.map((one) => ({ ...one, at: instantAfter(opened, one.after) }))
      .filter(({ at }) => at <= latest && at < deadline())
      .sort((a, b) => a.at - b.at);
    for (const { to, mode } of inTime) roles = mode === 'add' ? roles.add(to) : new Set([to]);
    return [...roles];
  }

  const isFor = (group: number): boolean =>
    yes[index]![group]!.size >= stageNow().groups[group]!.quorum;
  const isAgainst = (group: number): boolean =>
    no[index]![group]!.size >= stageNow().groups[group]!.rejectQuorum;
  const decidedIn = (stage: number, id: string): boolean =>
    [...yes[stage]!, ...no[stage]!].some((names) => names.has(id));

  /** The group in which somebody's answer would count; none for who is away or sat in a stage before. */
  function seatOf(actor: Actor): number | undefined {
    const { groups, distinctFrom } = stageNow();
    const sat = rule.stages.some(
      (stage, i) => distinctFrom.includes(stage.name) && decidedIn(i, actor.id),
    );
    const isAsked = (group: number): boolean =>
      rolesOf(group).some((role) => actor.roles.includes(role));
    if (actor.absent || sat) return undefined;
    return groups
      .map((_, group) => group)
      .find((group) => !isFor(group) && !isAgainst(group) && isAsked(group));
  }

  function decide(actor: Actor, command: Extract<Command, { kind: 'decide' }>): string {
    if (status === 'held') return 'STAGE_CLOSED';
    if (setup.parties.includes(actor.id)) return 'OWN_REQUEST';
    if (decidedIn(index, actor.id)) return 'ALREADY_DECIDED';
    const group = seatOf(actor);
    if (group === undefined) return 'NOT_ELIGIBLE';
    if (command.contentDigest !== setup.contentDigest) return 'STALE_DIGEST';
    if ((rule.requireView ?? setup.tier === 'high') && actor.viewed === null) return 'NOT_VIEWED';
    if (actor.assurance < stageNow().assurance) return 'ASSURANCE_TOO_LOW';
    (command.verdict === 'approve' ? yes : no)[index]![group]!.add(actor.id);
    events.push('decided');
    return count();
  }

  function count(): string {
    const { join } = stageNow();
    const groups = stageNow().groups.map((_, group) => group);
    const against = join === 'all' ? groups.some(isAgainst) : groups.every(isAgainst);
    if (against) return end('rejected');
    const inFavour = join === 'all' ? groups.every(isFor) : groups.some(isFor);
    if (!inFavour) return 'counted';
    if (index === rule.stages.length - 1) return end('approved');
    openNext(clock);
    return 'counted';
  }

  function override(actor: Actor, command: Extract<Command, { kind: 'override' }>): string {
    const right = rule.override;
    if (setup.parties.includes(actor.id)) return 'OWN_REQUEST';
    const useful = {
      stop: /held|pending/,
      reverse: /approved/,
      force: /held|pending|rejected|expired/,
    }[command.effect].test(status);
    const entitled = actor.roles.includes(right?.role ?? '') && actor.type === 'person';
    if (!right?.effects.includes(command.effect) || !entitled || !useful || actor.absent)
      return 'OVERRIDE_NOT_ALLOWED';
    if (command.reasonLength < right.minReason) return 'REASON_TOO_SHORT';
    events.push(`overridden from ${status}`);
    return end('overridden');
  }

  function answerTo({ actor, command }: NonNullable<Act>): string {
    if (command.kind === 'view') return 'done';
    if (command.kind === 'override') return override(actor, command);
    if (status === 'expired') return 'EXPIRED';
    if (status !== 'held' && status !== 'pending') return 'RESOLVED';
    if (command.kind === 'decide') return decide(actor, command);
    if (`${actor.type} ${actor.id}` !== setup.asker) return 'NOT_ELIGIBLE';
    events.push('withdrawn');
    return end('withdrawn');
  }

  if (status === 'pending') openNext(start);
  return (now, act) => {
    clock = now;
    events = [];
    passTime(now);
    const answer = act === null ? null : answerTo(act);
    if (answer === 'done') events.push('viewed');
    else if (answer !== null && /^[A-Z_]+$/.test(answer)) events.push('refused');
    const isOpen = status === 'pending';
    const roles = isOpen ? stageNow().groups.map((_, group) => rolesOf(group)) : [];
    return { answer, events, status, openStage: isOpen ? index : null, roles };
  };
}
