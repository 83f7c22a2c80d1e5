import fc from 'fast-check';
import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import type { Deps } from '../../application/deps.ts';
import { BY_ENGINE, sealRequestEvents } from '../../application/sealing.ts';
import { createVault } from '../../application/vault.ts';
import { applyCommand } from '../../domain/apply.ts';
import type { AccountabilityEvent } from '../../domain/event.ts';
import type { RequestState } from '../../domain/request.ts';
import { parseRecord } from '../../ledger/record.ts';
import { tickAt } from '../support/builders.ts';
import type { Act } from './reference-types.ts';
import { PEOPLE, story } from './story-parts.ts';
import { tell, type Scene } from './stories.ts';

const vault = createVault(Buffer.alloc(32, 1));
const deps = { vault, origin: 'test/log', software: '0.0.0' } as Deps;
const { dekId } = vault.createKey('request');
const STREAM = randomUUID();

/** The kind of record that tells of an event: one of its own, but for a question that lapsed. */
function kindOf({ type }: AccountabilityEvent): string {
  return type === 'question_lapsed' ? 'reminded' : type;
}

/** The words that come with an act. */
function textsOf(act: Act): { path: string; value: string }[] {
  const kind = act?.command.kind ?? 'view';
  if (['ask', 'answer', 'comment'].includes(kind)) return [{ path: 'text', value: 'words' }];
  const reasoned = ['override', 'delegate', 'reassign', 'escalate', 'review'];
  return reasoned.includes(kind) ? [{ path: 'reason', value: 'a reason' }] : [];
}

/** Before an amendment time passes in a step of its own: it belongs to the rule of before. */
function inSteps({ act, before, now, applied }: Scene): readonly Omit<Scene, 'before'>[] {
  if (act?.command.kind !== 'amend') return [{ act, now, applied }];
  const timed = applyCommand(before, null, tickAt(now));
  const rest = { ...applied, events: applied.events.slice(timed.events.length) };
  return [
    { act: null, now, applied: timed },
    { act, now, applied: rest },
  ];
}

/** Seals the events of a step for real. @returns what reads back from their bytes. */
function sealed({ act, applied, now }: Omit<Scene, 'before'>) {
  const state: RequestState = { ...applied.state, requestId: STREAM };
  const asked = state.policy.rule.stages.length === 0 ? 1 : 3;
  const people = { groups: Array.from({ length: asked }, () => [...PEOPLE]), excluded: 1 };
  const auth = { level: 1, method: 'sample_token', proof: null } as const;
  const { records } = sealRequestEvents(deps, {
    ...{ state, events: applied.events, now, dekId, texts: textsOf(act), refs: [] },
    by:
      act === null
        ? BY_ENGINE
        : { actor: { type: act.actor.type, id: act.actor.id }, auth, surface: 'rest' },
    scope: randomUUID(),
    head: { seq: 4, leafHash: 'b'.repeat(64) },
    references: new Map(),
    keys: new Map(),
    eligible: new Map([0, 1, 2].map((stage) => [stage, people])),
    escalatedTo: new Map(),
  });
  return records.map(({ bytes }) => ({ bytes, record: parseRecord(bytes) }));
}

test('whatever people and time bring about can be sealed, in its order, without a name', () => {
  const kinds = new Set<string>();
  fc.assert(
    fc.property(story, (told) => {
      for (const scene of tell(told).scenes.flatMap(inSteps)) {
        if (scene.applied.events.length === 0) continue;
        const records = sealed(scene);
        expect(records.length).toBeGreaterThanOrEqual(scene.applied.events.length);
        for (const { bytes, record } of records) {
          kinds.add(record.kind);
          expect(Buffer.from(bytes).toString()).not.toMatch(/"(p[0-7]|loan-agent)"/);
        }
        const told = new Set(scene.applied.events.map(kindOf));
        expect(new Set(records.map(({ record }) => record.kind))).toEqual(told);
      }
    }),
    { numRuns: 60 },
  );
  for (const kind of ['decided', 'refused', 'asked', 'amended', 'claimed', 'delegated'])
    expect([...kinds]).toContain(kind);
});
