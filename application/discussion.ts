import type { Entry } from '../domain/discussion.ts';
import type { Instant } from '../domain/instant.ts';
import { commandsById } from '../prisma/command-store.ts';
import { reading } from '../prisma/directory-store.ts';
import type { RequestRow } from '../prisma/request-store.ts';
import type { CommandPayload } from './command-payload.ts';
import type { Deps } from './deps.ts';
import { commandPlace } from './places.ts';
import { withReadable } from './request-shape.ts';

/** A question, an answer or a comment with its words. */
export interface SaidShape {
  readonly kind: Entry['kind'];
  readonly id: string;
  readonly by: { readonly type: 'app' | 'person'; readonly id: string };
  readonly at: Instant;
  /** null where the words were erased. */
  readonly text: string | null;
  /** Of an answer: the question. */
  readonly questionId: string | null;
  /** Of a question: whether it stops the clock now, and until when at most. */
  readonly open: boolean | null;
  readonly due: Instant | null;
}

/** @returns everything that was said, oldest first. @throws ApplicationError UNREADABLE */
export async function discussionOf(
  deps: Deps,
  { id, dekId, state }: Pick<RequestRow, 'id' | 'dekId' | 'state'>,
): Promise<readonly SaidShape[]> {
  const { discussion } = state;
  if (discussion.length === 0) return [];
  return withReadable(deps, id, async () => {
    // What a command made has the command's own id; its words are in the command.
    const commands = await commandsById(
      deps.db,
      discussion.map((entry) => entry.id),
    );
    await deps.vault.prepare(reading(deps.db), [dekId]);
    const words = (entry: Entry): string | null => {
      const payload = commands.get(entry.id);
      if (payload === undefined) return null;
      const text = deps.vault.decrypt(dekId, commandPlace(entry.id), payload);
      return text === null ? null : textIn(JSON.parse(text) as CommandPayload); // ours
    };
    return discussion.map((entry) => ({ ...shapeOf(entry), text: words(entry) }));
  });
}

function textIn(payload: CommandPayload): string | null {
  return 'text' in payload ? payload.text : null;
}

function shapeOf(entry: Entry): Omit<SaidShape, 'text'> {
  const { kind, id, by, at } = entry;
  return {
    ...{ kind, id, by, at },
    questionId: entry.kind === 'answer' ? entry.question : null,
    open: entry.kind === 'question' ? entry.closedAt === null : null,
    due: entry.kind === 'question' ? entry.due : null,
  };
}
