import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openStack, type Stack } from '../support/stack.ts';
import { aLoan, aVendor, submit } from './support/calls.ts';
import {
  INVALID,
  loanText,
  loanWith,
  MALFORMED,
  refuses,
  withValue,
  type Row,
} from './support/refused.ts';

let stack: Stack;
let requestId: string;
beforeAll(async () => {
  stack = await openStack({ worker: false, dispatcher: false });
  requestId = (await submit(stack, aLoan())).id;
});
afterAll(() => stack.close());

const cases = (rows: readonly Row[]): void => refuses(() => ({ stack, requestId }), rows);

describe('what is no JSON', () => {
  cases([
    { why: 'a word', raw: 'loan', ...MALFORMED },
    { why: 'cut short', raw: JSON.stringify(aLoan()).slice(0, -1), ...MALFORMED },
    { why: 'a comma too many', raw: '{"kind":"ai-decision",}', ...MALFORMED },
    { why: 'single quotes', raw: "{'kind':'ai-decision'}", ...MALFORMED },
    { why: 'a comment', raw: '{} // loan', ...MALFORMED },
    { why: 'two documents', raw: '{}{}', ...MALFORMED },
    { why: 'NaN', raw: loanText(['"high"', 'NaN']), ...MALFORMED },
    { why: 'only blanks', raw: '  \n ', ...MALFORMED },
    { why: 'a control character in a string', raw: loanText(['loan', 'lo\nan']), ...MALFORMED },
    { why: 'a byte order mark', raw: `\ufeff${JSON.stringify(aLoan())}`, ...MALFORMED },
    { why: 'bytes that are not UTF-8', raw: new Uint8Array([0x7b, 0xff, 0x7d]), ...MALFORMED },
    {
      why: 'a surrogate half as UTF-8',
      raw: Buffer.concat([Buffer.from('{"a":"'), Buffer.from('eda080', 'hex'), Buffer.from('"}')]),
      ...MALFORMED,
    },
    {
      why: 'UTF-16',
      raw: Buffer.from(JSON.stringify(aLoan()), 'utf16le'),
      ...MALFORMED,
    },
    {
      why: '100,000 lists inside each other',
      raw: '['.repeat(100_000) + ']'.repeat(100_000),
      ...MALFORMED,
    },
    {
      why: '40,000 objects inside each other',
      raw: '{"a":'.repeat(40_000) + '1' + '}'.repeat(40_000),
      ...MALFORMED,
    },
    { why: '33 levels', raw: '['.repeat(33) + ']'.repeat(33), ...MALFORMED },
    {
      why: 'a string of quotes that never ends',
      raw: `"${'\\"'.repeat(130_000)}`,
      ...MALFORMED,
    },
  ]);
});

describe('what would not be the same afterwards', () => {
  cases([
    ...[
      '9007199254740993',
      '1e400',
      '-1e400',
      '0.1000000000000000055511151231257827',
      '1e-400',
    ].map((number) => ({
      why: number,
      raw: loanText(['"decline"', number]),
      ...INVALID,
      at: ['/context/output/value/decision'],
    })),
    {
      why: 'a number of 200,000 digits',
      raw: loanText(['"decline"', `0.1${'0'.repeat(200_000)}1`]),
      ...INVALID,
      at: ['/context/output/value/decision'],
    },
    {
      why: 'two numbers in a list',
      raw: loanText(['"decline"', '[1,9007199254740993,{"a/b~":1e999}]']),
      ...INVALID,
      at: ['/context/output/value/decision/1', '/context/output/value/decision/2/a~1b~0'],
    },
    {
      why: 'a name that stands twice',
      raw: loanText(['"riskTier":"high"', '"riskTier":"high","riskTier":"low"']),
      ...INVALID,
      at: ['/riskTier'],
    },
    {
      why: 'the same name written in two ways',
      raw: loanText(['"riskTier":"high"', '"riskTier":"high","risk\\u0054ier":"low"']),
      ...INVALID,
      at: ['/riskTier'],
    },
    {
      why: '__proto__',
      raw: loanText(['"amount"', '"__proto__"']),
      ...INVALID,
      at: ['/action/parameters/__proto__'],
    },
    {
      why: 'half of a surrogate pair',
      raw: loanText(['4711"', '\\ud83d"']),
      ...INVALID,
      at: ['/title'],
    },
    {
      why: 'half of a surrogate pair in a name',
      raw: loanText(['"amount"', '"\\udc00"']),
      ...INVALID,
      at: ['/action/parameters/\ufffd'],
    },
    { why: 'U+0000', raw: loanText(['4711"', '\\u0000"']), ...INVALID, at: ['/title'] },
    {
      why: 'half of a surrogate pair in a rationale',
      who: 'eve',
      path: '/v1/requests/{id}/decisions',
      raw: `{"verdict":"approve","contentDigest":"${'0'.repeat(64)}","rationale":"\\ud800"}`,
      ...INVALID,
      at: ['/rationale'],
    },
  ]);

  test('numbers and characters that stay what they are go through', async () => {
    const numbers = '[1.0,1e3,-0,0.1,12500.00,9007199254740991,5e-324,1.7976931348623157e308]';
    const raw = loanText(['"decline"', numbers]).replace('4711"', '\\ud83d\\ude00 \\u00e9"');
    const reply = await stack.call<{ title: string }>('app', '/v1/requests', { raw });
    expect(reply.status, reply.text).toBe(201);
    expect(reply.body.title).toBe('Decline loan application 😀 é');
  });
});

describe('fields of a submission', () => {
  const missing = [
    '/title',
    '/action',
    '/context',
    '/action/operation',
    '/action/target',
    '/context/system',
    '/context/model',
    '/context/model/name',
    '/context/output',
    '/context/output/value',
    '/context/rationale',
  ];
  const wrong: [string, unknown][] = [
    ['/title', 7],
    ['/title', ''],
    ['/title', ' \t'],
    ['/title', '\u200b\u2800\u3164'],
    ['/context/rationale', '\u00ad'],
    ['/title', null],
    ['/title', 'x'.repeat(301)],
    ['/summary', []],
    ['/riskTier', 'extreme'],
    ['/onBehalfOf', 'Dana Weiss'],
    ['/onBehalfOf', 'nobody'],
    ['/action', 'decline'],
    ['/action/operation', { $ne: null }],
    ['/action/parameters', []],
    ['/context/confidence', 1.5],
    ['/context/confidence', '0.9'],
    ['/context/output/dataClass', 'secret'],
    ['/context/inputs', [{ name: 'a', value: 1 }, 'b']],
    ['/context/impact', { affected: -1 }],
    ['/context/riskAssessment', { ref: 'ra', date: '2026-02-30' }],
    ['/attachments', [{ name: 'a', mediaType: 'pdf', sha256: 'x', bytes: 1 }]],
    ['/callbackUrl', 'javascript:alert(1)'],
    ['/callbackUrl', 'lender'],
  ];
  const deeper: Record<string, readonly string[]> = {
    '/context/inputs': ['/context/inputs/1'],
    '/context/impact': ['/context/impact/affected'],
    '/context/riskAssessment': ['/context/riskAssessment/date'],
    '/attachments': ['/attachments/0/mediaType', '/attachments/0/sha256'],
  };
  cases([
    { why: 'a list', body: [], ...INVALID, at: [''] },
    { why: 'null', raw: 'null', ...INVALID, at: [''] },
    { why: 'nothing at all', raw: '', ...INVALID, at: ['/kind'] },
    { why: 'no kind', body: loanWith('/kind', undefined), ...INVALID, at: ['/kind'] },
    { why: 'an unknown kind', body: loanWith('/kind', 'coffee'), ...INVALID, at: ['/kind'] },
    {
      why: 'several at once',
      body: { kind: 'ai-decision', title: 1 },
      ...INVALID,
      at: ['/title', '/action', '/context'],
    },
    ...missing.map((at) => ({
      why: `no ${at}`,
      body: loanWith(at, undefined),
      ...INVALID,
      at: [at],
    })),
    ...wrong.map(([at, value]) => ({
      why: `${at} = ${JSON.stringify(value).slice(0, 40)}`,
      body: loanWith(at, value),
      ...INVALID,
      at: deeper[at] ?? [at],
    })),
    ...[
      '/status',
      '/action/extra',
      '/context/extra',
      '/context/model/extra',
      '/context/output/x~1y',
    ].map((pointer) => ({
      why: `unknown ${pointer}`,
      body: loanWith(pointer.replace('~1', '|'), 1),
      ...INVALID,
      at: [pointer.replace('x~1y', 'x|y')],
    })),
    {
      why: 'an unknown name with a slash and a tilde',
      body: aLoan({ 'a/b~c': 1 }),
      ...INVALID,
      at: ['/a~1b~0c'],
    },
    {
      why: 'an input with value and sha256',
      body: loanWith('/context/inputs', [{ name: 'a', value: 1, sha256: 'a'.repeat(64) }]),
      ...INVALID,
      at: ['/context/inputs/0'],
    },
    {
      why: 'a vendor with nothing',
      body: withValue(aVendor(), '/context/vendor', {}),
      ...INVALID,
      at: ['/context/vendor/id'],
    },
    {
      why: 'a contract value as a number',
      body: withValue(aVendor(), '/context/contract', {
        start: '2026-01-01',
        end: '2027-01-01',
        value: 100,
      }),
      ...INVALID,
      at: ['/context/contract/value'],
    },
    {
      why: 'the context of another kind',
      body: { ...aVendor(), context: aLoan().context },
      ...INVALID,
    },
  ]);
});

describe('fields of other bodies', () => {
  const at = (path: string, who = 'cora') => ({ path, who }) as const;
  const decisions = at('/v1/requests/{id}/decisions', 'eve');
  cases([
    {
      why: 'a decision without words',
      ...decisions,
      body: {},
      ...INVALID,
      at: ['/verdict', '/contentDigest'],
    },
    {
      why: 'another verdict',
      ...decisions,
      body: { verdict: 'abstain', contentDigest: '0'.repeat(64) },
      ...INVALID,
      at: ['/verdict'],
    },
    {
      why: 'a digest in capitals',
      ...decisions,
      body: { verdict: 'approve', contentDigest: 'A'.repeat(64) },
      ...INVALID,
      at: ['/contentDigest'],
    },
    {
      why: 'a decision for somebody else',
      ...decisions,
      body: { verdict: 'approve', contentDigest: '0'.repeat(64), person: 'omar' },
      ...INVALID,
      at: ['/person'],
    },
    {
      why: 'conditions that are no texts',
      ...decisions,
      body: { verdict: 'approve', contentDigest: '0'.repeat(64), conditions: ['a', 1] },
      ...INVALID,
      at: ['/conditions/1'],
    },
    {
      why: 'a rationale without end',
      ...decisions,
      body: { verdict: 'approve', contentDigest: '0'.repeat(64), rationale: 'x'.repeat(10_001) },
      ...INVALID,
      at: ['/rationale'],
    },
    {
      why: 'an unknown effect',
      ...at('/v1/requests/{id}/overrides', 'olga'),
      body: { effect: 'delete', reason: 'x' },
      ...INVALID,
      at: ['/effect'],
    },
    {
      why: 'an override without a reason',
      ...at('/v1/requests/{id}/overrides', 'olga'),
      body: { effect: 'stop' },
      ...INVALID,
      at: ['/reason'],
    },
    {
      why: 'a withdrawal with more',
      path: '/v1/requests/{id}/withdrawal',
      body: { reason: 'x', by: 'me' },
      ...INVALID,
      at: ['/by'],
    },
    {
      why: 'a person with a bad id',
      ...at('/v1/people'),
      body: { id: 'Ana Bell', name: 'Ana' },
      ...INVALID,
      at: ['/id'],
    },
    {
      why: 'a person without a name',
      ...at('/v1/people'),
      body: { id: 'ana' },
      ...INVALID,
      at: ['/name'],
    },
    {
      why: 'a bad role',
      ...at('/v1/people'),
      body: { id: 'ana', name: 'Ana', roles: ['Boss'] },
      ...INVALID,
      at: ['/roles/0'],
    },
    {
      why: 'a role twice',
      ...at('/v1/people'),
      body: { id: 'ana', name: 'Ana', roles: ['a', 'a'] },
      ...INVALID,
      at: ['/roles'],
    },
    {
      why: 'a person who is there',
      ...at('/v1/people'),
      body: { id: 'eve', name: 'Eve' },
      status: 409,
      code: 'CONFLICT',
    },
    {
      why: 'a grant to nobody',
      ...at('/v1/people/nobody/roles'),
      body: { role: 'security' },
      status: 404,
      code: 'NOT_FOUND',
    },
    {
      why: 'a grant without milliseconds',
      ...at('/v1/people/eve/roles'),
      body: { role: 'security', from: '2026-11-21T07:41:00Z' },
      ...INVALID,
      at: ['/from'],
    },
    {
      why: 'a grant in another zone',
      ...at('/v1/people/eve/roles'),
      body: { role: 'security', from: '2026-11-21T07:41:00.000+01:00' },
      ...INVALID,
      at: ['/from'],
    },
    {
      why: 'a grant on 30 February',
      ...at('/v1/people/eve/roles'),
      body: { role: 'security', from: '2026-02-30T00:00:00.000Z' },
      ...INVALID,
      at: ['/from'],
    },
    {
      why: 'a grant in the year 0',
      ...at('/v1/people/eve/roles'),
      body: { role: 'security', from: '0000-01-01T00:00:00.000Z' },
      ...INVALID,
      at: ['/from'],
    },
    {
      why: 'a grant in a year of two digits',
      ...at('/v1/people/eve/roles'),
      body: { role: 'security', from: '0099-01-01T00:00:00.000Z' },
      ...INVALID,
      at: ['/from'],
    },
    {
      why: 'a grant that ends before it starts',
      ...at('/v1/people/eve/roles'),
      body: {
        role: 'security',
        from: '2030-01-02T00:00:00.000Z',
        until: '2030-01-01T00:00:00.000Z',
      },
      ...INVALID,
      at: ['/until'],
    },
    {
      why: 'an app of nobody',
      ...at('/v1/apps'),
      body: { id: 'bot', name: 'Bot', owner: 'nobody', scopes: ['requests:read'], kinds: ['*'] },
      ...INVALID,
      at: ['/owner'],
    },
    {
      why: 'an app with an unknown scope',
      ...at('/v1/apps'),
      body: { id: 'bot', name: 'Bot', owner: 'mia', scopes: ['requests:decide'], kinds: ['*'] },
      ...INVALID,
      at: ['/scopes/0'],
    },
    {
      why: 'an app without scopes',
      ...at('/v1/apps'),
      body: { id: 'bot', name: 'Bot', owner: 'mia', scopes: [], kinds: ['*'] },
      ...INVALID,
      at: ['/scopes'],
    },
    {
      why: 'an app that is there',
      ...at('/v1/apps'),
      body: {
        id: 'sample-agent',
        name: 'Bot',
        owner: 'mia',
        scopes: ['requests:read'],
        kinds: ['*'],
      },
      status: 409,
      code: 'CONFLICT',
    },
    {
      why: 'a key that has expired already',
      ...at('/v1/apps/sample-agent/keys'),
      body: { expiresAt: '2020-01-01T00:00:00.000Z' },
      ...INVALID,
      at: ['/expiresAt'],
    },
    {
      why: 'a key of no app',
      ...at('/v1/apps/nobody/keys'),
      body: {},
      status: 404,
      code: 'NOT_FOUND',
    },
    {
      why: 'U+0000 in a name',
      ...at('/v1/people'),
      raw: '{"id":"ana","name":"A\\u0000"}',
      ...INVALID,
      at: ['/name'],
    },
  ]);
});
