import type { SearchAttributePair, SearchAttributeUpdatePair } from '@temporalio/common';
import type { Visible } from '../domain/step-result.ts';

/**
 * What people who look at Temporal may search gates by. Registered by the worker, and by the embedded
 * server at its start; everything works without them too. Only words of our own lists, role names and
 * one instant: Temporal's store holds nothing personal.
 */
export const SEARCH_ATTRIBUTES = {
  kind: { name: 'CountersignKind', type: 'KEYWORD' },
  status: { name: 'CountersignStatus', type: 'KEYWORD' },
  risk: { name: 'CountersignRisk', type: 'KEYWORD' },
  role: { name: 'CountersignRole', type: 'KEYWORD_LIST' },
  due: { name: 'CountersignDue', type: 'DATETIME' },
} as const;

/** A list of roles that Temporal's limit of 2 KiB for one value takes: a longer one would stop the gate. */
const MOST_ROLES = 24;

const rolesOf = ({ roles }: Visible): string[] => roles.slice(0, MOST_ROLES);
const dueOf = ({ due }: Visible): Date | null => (due === null ? null : new Date(due));

/** What a gate is started with. @param visible null where the starter does not know it. */
export function firstAttributes(kind: string, visible: Visible | null): SearchAttributePair[] {
  const first: SearchAttributePair[] = [{ key: SEARCH_ATTRIBUTES.kind, value: kind }];
  if (visible === null) return first;
  const due = dueOf(visible);
  return [
    ...first,
    { key: SEARCH_ATTRIBUTES.status, value: visible.status },
    { key: SEARCH_ATTRIBUTES.risk, value: visible.risk },
    { key: SEARCH_ATTRIBUTES.role, value: rolesOf(visible) },
    ...(due === null ? [] : [{ key: SEARCH_ATTRIBUTES.due, value: due }]),
  ];
}

/** What changes on a running gate; `null` takes an attribute away. */
export function laterAttributes(visible: Visible): SearchAttributeUpdatePair[] {
  const roles = rolesOf(visible);
  return [
    { key: SEARCH_ATTRIBUTES.status, value: visible.status },
    { key: SEARCH_ATTRIBUTES.risk, value: visible.risk },
    { key: SEARCH_ATTRIBUTES.role, value: roles.length === 0 ? null : roles },
    { key: SEARCH_ATTRIBUTES.due, value: dueOf(visible) },
  ];
}
