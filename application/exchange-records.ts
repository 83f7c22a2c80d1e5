import { openQuestions } from '../domain/discussion.ts';
import {
  actingPerson,
  caller,
  engine,
  listed,
  personRef,
  type EventOf,
  type Telling,
  type Unkeyed,
} from './telling.ts';

// What people say, hand over and take over while a request runs. Words are commitments beside the record.
// @source docs/record-format.md, section 6.1

/** An amended content ended the stage that was open. */
export function stageClosed(
  { stage, approvals, rejections }: EventOf<'stage_closed'>,
  telling: Telling,
): Unkeyed {
  return {
    ...engine(telling),
    kind: 'stage_closed',
    body: { stage, group: null, cause: 'amended', approvals, rejections },
  };
}

export function asked(
  { question, due, clockStopped }: EventOf<'asked'>,
  telling: Telling,
): Unkeyed {
  return {
    ...caller(telling, 'reviewer'),
    kind: 'asked',
    erasable: telling.sealing.texts,
    body: {
      question,
      to: 'requester',
      to_c: null,
      person_c: actingPerson(telling),
      clock_stopped: clockStopped,
      due,
    },
  };
}

export function answered(
  { question, clockResumed }: EventOf<'answered'>,
  telling: Telling,
): Unkeyed {
  return {
    ...caller(telling, 'requester'),
    kind: 'answered',
    erasable: telling.sealing.texts,
    body: {
      question,
      person_c: actingPerson(telling),
      clock_resumed: clockResumed,
      attachments: 0,
    },
  };
}

/** Nobody answered in time. The format has no word for it: it is the last reminder, and the clock goes on. */
export function questionLapsed({ ordinal }: EventOf<'question_lapsed'>, telling: Telling): Unkeyed {
  const { state } = telling.sealing;
  const { owner } = state.requester;
  const recipients = owner === null ? [state.requester.id] : [owner];
  return {
    ...engine(telling),
    kind: 'reminded',
    body: {
      about: 'question',
      stage: state.stage?.index ?? null,
      group: null,
      ordinal,
      recipients: recipients.length,
      recipients_c: listed(recipients, telling.ref),
      due: openQuestions(state)[0]?.due ?? null,
    },
  };
}

export function commented({ comment, replyTo }: EventOf<'commented'>, telling: Telling): Unkeyed {
  return {
    ...caller(telling, 'none'),
    kind: 'commented',
    erasable: telling.sealing.texts,
    body: { comment, reply_to: replyTo, person_c: actingPerson(telling) },
  };
}

export function amended(event: EventOf<'amended'>, telling: Telling): Unkeyed {
  const { sealing } = telling;
  const { state, submitted } = sealing;
  return {
    ...caller(telling, 'requester'),
    kind: 'amended',
    refs: sealing.refs,
    body: {
      revision: state.amendments,
      tier: state.tier,
      tier_asked: submitted?.tierAsked ?? null,
      data_class: submitted?.dataClass ?? null,
      action_digest: state.actionDigest,
      content_digest: state.contentDigest,
      before_action_digest: event.beforeActionDigest,
      before_content_digest: event.beforeContentDigest,
      attachments: submitted?.attachments ?? 0,
      voided: event.voided,
      person_c: actingPerson(telling),
    },
  };
}

export function claimed(
  { change, stage, person, until }: EventOf<'claimed'>,
  telling: Telling,
): Unkeyed {
  return {
    ...(change === 'lapsed' ? engine(telling) : caller(telling, 'reviewer')),
    kind: 'claimed',
    body: { change, stage, group: null, person_c: telling.ref(personRef(person)), until },
  };
}

export function delegated({ delegation, stage }: EventOf<'delegated'>, telling: Telling): Unkeyed {
  const { id, person, to, from, until } = delegation;
  const { ref } = telling;
  return {
    ...caller(telling, 'reviewer'),
    kind: 'delegated',
    erasable: telling.sealing.texts,
    body: {
      delegation: id,
      change: 'set',
      person_c: ref(personRef(person)),
      to_c: ref(personRef(to)),
      role: null,
      from,
      until,
      stage,
    },
  };
}

export function reassigned({ stage, from, to }: EventOf<'reassigned'>, telling: Telling): Unkeyed {
  const { ref } = telling;
  return {
    ...caller(telling, 'override_authority'),
    kind: 'reassigned',
    erasable: telling.sealing.texts,
    body: {
      stage,
      group: null,
      from_c: ref(personRef(from)),
      to_c: ref(personRef(to)),
      to_role: null,
      reason: 'MANUAL',
    },
  };
}

export function reviewDebt({ change, debt }: EventOf<'review_debt'>, telling: Telling): Unkeyed {
  const { ref } = telling;
  const byPerson = change === 'settled';
  return {
    ...(byPerson ? caller(telling, 'reviewer') : engine(telling)),
    kind: 'review_debt',
    ...(byPerson ? { erasable: telling.sealing.texts } : {}),
    body: {
      debt: debt.id,
      change,
      person_c: ref(personRef(debt.person)),
      reviewer_c: debt.reviewedBy === null ? null : ref(personRef(debt.reviewedBy)),
      verdict: debt.verdict,
      due: debt.due,
    },
  };
}
