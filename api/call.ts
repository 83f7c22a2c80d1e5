import { notFound } from '../application/error.ts';
import { keyUse, type KeyUse } from '../application/idempotency.ts';
import { subjectOf, type Caller, type PersonPrincipal } from '../application/principal.ts';
import type { SealedBy } from '../application/sealing.ts';
import type { Call } from './route.ts';

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;

/** @throws ApplicationError NOT_FOUND: what is no id names nothing. */
export function requestId(call: Call): string {
  return matching(call.params['id'], UUID, 'request');
}

/** @throws ApplicationError NOT_FOUND */
export function commandId(call: Call): string {
  return matching(call.params['commandId'], UUID, 'command');
}

/** Id of a person, app, policy or calendar. @throws ApplicationError NOT_FOUND */
export function nameId(call: Call, what: 'person' | 'app' | 'policy' | 'calendar'): string {
  return matching(call.params['id'], NAME, what);
}

/** @throws ApplicationError NOT_FOUND */
export function keyId(call: Call): string {
  return matching(call.params['keyId'], /^[a-z0-9]{8,32}$/, 'key');
}

/** Id of something that belongs to a person. @throws ApplicationError NOT_FOUND */
export function rowId(call: Call, what: 'grant' | 'absence' | 'delegation' | 'training'): string {
  return matching(call.params[`${what}Id`], UUID, what);
}

/** Of a policy or a calendar, from 1. @throws ApplicationError NOT_FOUND: what is no version names nothing. */
export function versionOf(call: Call, what: 'policy' | 'calendar'): number {
  return Number(matching(call.params['version'], /^[1-9]\d{0,8}$/, `${what} version`));
}

function matching(text: string | undefined, shape: RegExp, what: string): string {
  if (text === undefined || !shape.test(text)) throw notFound(what);
  return text;
}

/**
 * @param route the route with its ids: a key used at one of them says nothing about another.
 * @returns null where the caller sent no Idempotency-Key.
 */
export function useOf(call: Call, route: string, body: unknown = call.body): KeyUse | null {
  if (call.key === null) return null;
  return keyUse({ principal: subjectOf(call.principal), route, key: call.key }, body);
}

/** The caller where only people may call. */
export function personOf({ principal }: Call): PersonPrincipal {
  if (principal.type !== 'person') throw new TypeError('the matrix lets only people call this');
  return principal;
}

/** @throws ApplicationError NOT_FOUND */
export function exceptionId(call: Call): string {
  return matching(call.params['exceptionId'], UUID, 'exception');
}

export function callerOf({ principal }: Call): Caller {
  return { principal, surface: 'rest' };
}

/** The caller as records name them. */
export function authorOf({ principal }: Call): SealedBy {
  const { type, id } = principal;
  return {
    actor: { type, id },
    auth:
      type === 'app'
        ? { level: 0, method: 'api_key', proof: null }
        : { level: principal.assurance, method: principal.method, proof: null },
    surface: 'rest',
  };
}
