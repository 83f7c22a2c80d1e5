import type { Requester } from '../domain/request.ts';
import { dataClassOf, type Content } from './content.ts';

/**
 * What conditions read as `request`: everything submitted, who asked, and two views that spare a policy to
 * look into each kind's context. Nothing is made up: what was not supplied is null, so that `has(…)` is
 * false, a comparison with `==` does not hold, and one with `<` or `>` holds the request.
 *
 * @source docs/policies.md
 */
export function conditionView(
  content: Content,
  requester: Pick<Requester, 'type' | 'id'>,
): Readonly<Record<string, unknown>> {
  return {
    ...content,
    requester: { type: requester.type, id: requester.id },
    dataClass: dataClassOf(content),
    impact: impactOf(content),
  };
}

function impactOf(content: Content): Readonly<Record<string, unknown>> {
  const { impact } = content.kind === 'ai-decision' ? content.context : {};
  return {
    affected: impact?.affected ?? null,
    effect: impact?.effect ?? null,
    reversible: impact?.reversible ?? null,
  };
}
