import type { Request } from 'express';
import type { Authenticator } from '../application/identity.ts';
import type { Principal } from '../application/principal.ts';
import { ApplicationError } from '../application/error.ts';
import type { Permission } from './permissions.ts';
import { TransportError } from './problem.ts';

/**
 * What proxies, tunnels and content networks add to calls that they pass on, by pattern, because nobody
 * has the whole list: `Via`, `Forwarded`, `X-Forwarded-*`, `X-Original-*`, whatever names the real
 * caller's address (`X-Real-IP`, `CF-Connecting-IP`, `True-Client-IP`, `X-Azure-ClientIP` …), and the
 * marks of single products. A header too many costs a sample token; one too few gives it away.
 */
const ADDED_BY_PROXIES =
  /^(?:via|cdn-loop|x-proxy.*|proxy-client.*|(?:x-)?forwarded(?:-.*)?|x-original-.*|x-envoy-.*|x-amzn-.*|cf-.*|(?:.*-)?(?:real|client|connecting|remote|originating|user|source|peer|socket)-?(?:ip|addr|address|host))$/;

/** @returns whether the caller is a program on this machine. */
export function isFromLoopback(request: {
  readonly socket: { readonly remoteAddress?: string | undefined };
  readonly headers: Readonly<Record<string, unknown>>;
}): boolean {
  // A proxy on this machine passes on callers who are not.
  if (Object.keys(request.headers).some((name) => ADDED_BY_PROXIES.test(name))) return false;
  const address = request.socket.remoteAddress ?? '';
  return address === '::1' || /^(::ffff:)?127\./.test(address);
}

/** @source RFC 6750 section 3 */
const CHALLENGE = 'Bearer realm="countersign"';

/** @throws TransportError UNAUTHENTICATED when nobody stands behind the credential. */
export async function authenticate(
  request: Request,
  authenticator: Authenticator,
): Promise<Principal> {
  const match = /^Bearer +([A-Za-z0-9._~+/=-]{1,4096})$/i.exec(request.get('authorization') ?? '');
  const principal =
    match === null
      ? null
      : await authenticator.authenticate(match[1] as string, isFromLoopback(request));
  if (principal !== null) return principal;
  throw new TransportError(
    'UNAUTHENTICATED',
    match === null
      ? 'Send a credential: Authorization: Bearer <key or token>.'
      : 'The credential is unknown, has expired or was revoked.',
    {
      headers: {
        'WWW-Authenticate': match === null ? CHALLENGE : `${CHALLENGE}, error="invalid_token"`,
      },
    },
  );
}

/** @throws ApplicationError FORBIDDEN when the caller is not entitled to ask this at all. */
export function authorize(
  principal: Principal,
  permission: Permission,
  params: Readonly<Record<string, string>>,
): void {
  if (principal.type === 'app') {
    if (permission.app === false) throw forbidden('This is for people; an app can never do it.');
    if (permission.app !== 'any' && !principal.scopes.includes(permission.app))
      throw forbidden(`The key of this app lacks the scope "${permission.app}".`);
    return;
  }
  const { person, self } = permission;
  if (self === true && params['id'] === principal.id) return;
  if (person === false) throw forbidden('This is for apps.');
  if (person !== 'any' && !person.some((role) => principal.roles.includes(role)))
    throw forbidden(`This needs the role ${person.map((role) => `"${role}"`).join(' or ')}.`);
}

function forbidden(message: string): ApplicationError {
  return new ApplicationError('FORBIDDEN', message);
}
