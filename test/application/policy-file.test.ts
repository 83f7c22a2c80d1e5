import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { z } from 'zod';
import { describe, expect, test } from 'vitest';
import {
  parsePolicy,
  parsePolicyDocument,
  toPolicy,
  type PolicyParse,
} from '../../application/policy-file.ts';
import { POLICY_LIMITS, policySchema } from '../../application/policy-schema.ts';

type Json = Record<string, unknown>;

const SAMPLE = `id: credit-decisions
kind: ai-decision
when: request.action.operation.startsWith("loan.")
objective: no customer is refused credit by a machine alone
controls: ["ISO/IEC 27001:2022 5.3", "EU AI Act Art. 14"]
rules:
  - name: small and sure
    when: has(request.context.confidence) && request.context.confidence > 0.98 && request.riskTier == "low"
    effect: approve            # recorded as a decision of the policy, not of a person
  - name: everything else
    effect: review
    stages:
      - name: first line
        role: credit-officer
        quorum: 2
        deadline: P1D
        reminders: [PT2H, PT8H]
        escalations: [{ after: PT4H, to: credit-manager, mode: add }]
        onTimeout: expire      # or next-stage; approve only below riskTier high
      - name: second line
        role: risk-manager
        quorum: 1
        deadline: P1D
        distinctFrom: [first line]
    requireView: true
    override: { role: override-authority, minReason: 20, effects: [stop, reverse, force] }
    slack: { channel: "#credit-approvals", decide: allowed, maxDataClass: internal }   # allowed | notify-only | step-up
    receipt: { validFor: PT1H }
`;

const aStage = (differs: Json = {}): Json => ({
  name: 'first',
  role: 'credit-officer',
  quorum: 1,
  ...differs,
});
const aRule = (differs: Json = {}): Json => ({
  name: 'all',
  effect: 'review',
  stages: [aStage()],
  ...differs,
});
const aPolicy = (differs: Json = {}): Json => ({
  id: 'p',
  kind: 'ai-decision',
  rules: [aRule()],
  ...differs,
});
const withRule = (differs: Json): Json => aPolicy({ rules: [aRule(differs)] });
const withStage = (differs: Json): Json => withRule({ stages: [aStage(differs)] });
const aGroup = (differs: Json = {}): Json => ({
  name: 'a',
  role: 'security',
  quorum: 1,
  ...differs,
});
const withGroups = (groups: readonly Json[], differs: Json = {}): Json =>
  withRule({ stages: [{ name: 'both', parallel: groups, ...differs }] });

function problemsOf(parse: PolicyParse): string[] {
  return parse.ok ? [] : parse.problems.map(({ pointer, message }) => `${pointer}: ${message}`);
}

function accepted(parse: PolicyParse): Extract<PolicyParse, { ok: true }> {
  if (!parse.ok) throw new Error(JSON.stringify(parse.problems));
  return parse;
}

describe('a good policy', () => {
  test('reads as it is written, with what was left out filled in', () => {
    const { policy, document } = accepted(parsePolicy(SAMPLE, 'yaml'));
    expect(policy).toMatchObject({
      id: 'credit-decisions',
      version: 0,
      kind: 'ai-decision',
      enabled: true,
      tier: [],
    });
    const asksNothing = { conditions: { team: [], region: [] }, trainings: [] };
    const plainTime = { calendar: null, deadlineAt: null };
    expect(policy.rules[0]).toEqual({
      name: 'small and sure',
      when: expect.stringContaining('0.98'),
      effect: 'approve',
      controls: [],
      stages: [],
      requireView: null,
      override: null,
      slack: null,
      receipt: { validFor: 'PT1H' },
    });
    expect(policy.rules[1]).toEqual({
      name: 'everything else',
      when: null,
      effect: 'review',
      controls: [],
      stages: [
        {
          name: 'first line',
          groups: [
            {
              ...{ name: 'first line', role: 'credit-officer', quorum: 2, rejectQuorum: 1 },
              ...asksNothing,
            },
          ],
          join: 'all',
          deadline: 'P1D',
          reminders: ['PT2H', 'PT8H'],
          escalations: [{ after: 'PT4H', to: 'credit-manager', mode: 'add' }],
          onTimeout: 'expire',
          distinctFrom: [],
          assurance: 0,
          ...plainTime,
        },
        {
          name: 'second line',
          groups: [
            {
              ...{ name: 'second line', role: 'risk-manager', quorum: 1, rejectQuorum: 1 },
              ...asksNothing,
            },
          ],
          join: 'all',
          deadline: 'P1D',
          reminders: [],
          escalations: [],
          onTimeout: 'expire',
          distinctFrom: ['first line'],
          assurance: 0,
          ...plainTime,
        },
      ],
      requireView: true,
      override: {
        role: 'override-authority',
        minReason: 20,
        effects: ['stop', 'reverse', 'force'],
        assurance: 0,
        secondPerson: [],
        breakGlass: null,
      },
      slack: { channel: '#credit-approvals', decide: 'allowed', maxDataClass: 'internal' },
      receipt: { validFor: 'PT1H' },
    });
    expect(Object.keys(document)).toEqual(['id', 'kind', 'when', 'objective', 'controls', 'rules']);
    expect(JSON.parse(JSON.stringify(document))).toEqual(document);
  });

  test.each(
    readdirSync(new URL('../../policies/', import.meta.url)).filter((name) =>
      name.endsWith('.yaml'),
    ),
  )('shipped: policies/%s', (name) => {
    const text = readFileSync(new URL(`../../policies/${name}`, import.meta.url), 'utf8');
    expect(`${accepted(parsePolicy(text, 'auto')).policy.id}.yaml`).toBe(name);
  });

  test('JSON, YAML and a parsed document are the same policy', () => {
    const { document } = accepted(parsePolicy(SAMPLE, 'auto'));
    const pretty = JSON.stringify(document, null, '\t');
    for (const parse of [
      parsePolicy(pretty, 'json'),
      parsePolicy(pretty, 'auto'),
      parsePolicy(JSON.stringify(document), 'yaml'),
      parsePolicyDocument(document),
    ])
      expect(parse).toEqual(parsePolicy(SAMPLE, 'yaml'));
  });

  test('a version is put on it, also after it was stored', () => {
    const { document, policy } = accepted(parsePolicy(SAMPLE, 'yaml'));
    const stored = JSON.parse(JSON.stringify(document)) as Json;
    expect(toPolicy(stored, 4)).toEqual({ ...policy, version: 4 });
    expect(() => toPolicy({ id: 'p' }, 1)).toThrow(TypeError);
    // Checks may become stricter; what was published stays in force.
    expect(toPolicy(withRule({ when: 'of_another_time()' }), 2).rules[0]?.when).toBe(
      'of_another_time()',
    );
  });

  test('parallel groups, tiers and everything optional', () => {
    const groups = [
      aGroup(),
      aGroup({ name: undefined, role: 'privacy', quorum: 2, rejectQuorum: 2 }),
    ];
    const document = {
      ...withGroups(groups, { join: 'any', deadline: 'P1M', assurance: 3, onTimeout: 'approve' }),
      enabled: false,
      owner: 'cora',
      reviewBy: '2028-02-29',
      tier: [{ when: 'request.context.impact.affected > 100', atLeast: 'high' }],
    };
    const { policy } = accepted(parsePolicyDocument(JSON.parse(JSON.stringify(document))));
    expect(policy.rules[0]?.stages[0]).toMatchObject({
      groups: [
        { name: 'a', role: 'security', quorum: 1, rejectQuorum: 1 },
        { name: 'privacy', role: 'privacy', quorum: 2, rejectQuorum: 2 },
      ],
      join: 'any',
      deadline: 'P1M',
    });
    expect(policy).toMatchObject({ enabled: false, tier: [{ atLeast: 'high' }] });
  });

  test.each([
    { stage: { reminders: ['P1D'], deadline: 'P1D' }, why: 'a reminder at the deadline' },
    {
      stage: { reminders: ['P9D'], escalations: [{ after: 'P9D', to: 'boss' }] },
      why: 'no deadline at all',
    },
  ])('$why is no problem', ({ stage }) => {
    expect(problemsOf(parsePolicyDocument(withStage(stage)))).toEqual([]);
  });
});

describe('a broken policy', () => {
  const oneOf = (count: number, item: unknown): unknown[] =>
    Array.from({ length: count }, () => item);

  test.each([
    { document: null, problem: ': must be an object, not empty' },
    { document: 'x', problem: ': must be an object, not text' },
    { document: [], problem: ': must be an object, not a list' },
    { document: aPolicy({ id: undefined }), problem: '/id: is required' },
    {
      document: aPolicy({ id: 'Über' }),
      problem: '/id: must be 1 to 64 of a-z, 0-9, ".", "_", "-", a letter or digit first',
    },
    {
      document: aPolicy({ id: 'a'.repeat(65) }),
      problem: '/id: must be 1 to 64 of a-z, 0-9, ".", "_", "-", a letter or digit first',
    },
    {
      document: aPolicy({ id: 'fallback' }),
      problem: '/id: "fallback" is the name of the built-in policy for what no policy matches',
    },
    {
      document: aPolicy({ kind: 7 }),
      problem: '/kind: must be text, not a number: put it in quotes',
    },
    { document: aPolicy({ enabled: 'no' }), problem: '/enabled: must be true or false, not text' },
    {
      document: aPolicy({ when: 'request.' }),
      problem: '/when: condition: syntax error: unexpected "." (column 8)',
    },
    {
      document: aPolicy({ when: 'x'.repeat(4_001) }),
      problem: '/when: must have at most 4000 characters',
    },
    {
      document: aPolicy({ objective: 'a\nb' }),
      problem: '/objective: must be one line without control characters',
    },
    {
      document: aPolicy({ objective: '\u202Eevil' }),
      problem: '/objective: must be one line without control characters',
    },
    { document: aPolicy({ controls: 'ISO' }), problem: '/controls: must be a list, not text' },
    {
      document: aPolicy({ controls: oneOf(51, 'a') }),
      problem: '/controls: must have at most 50 entries',
    },
    { document: aPolicy({ owner: ' ' }), problem: '/owner: must not be empty' },
    { document: aPolicy({ owner: '\u200b\u2800' }), problem: '/owner: must not be empty' },
    {
      document: aPolicy({ reviewBy: '2027-02-29' }),
      problem: '/reviewBy: must be a date that exists, such as 2027-01-31',
    },
    { document: aPolicy({ tier: [{ when: 'true' }] }), problem: '/tier/0/atLeast: is required' },
    {
      document: aPolicy({ tier: [{ when: '1', atLeast: 'low' }] }),
      problem: '/tier/0/when: condition: must be true or false, but is int (column 1)',
    },
    {
      document: aPolicy({ tier: [{ when: 'true', atLeast: 'huge' }] }),
      problem: '/tier/0/atLeast: must be one of low, medium, high',
    },
    { document: aPolicy({ rules: [] }), problem: '/rules: must have at least one rule' },
    {
      document: aPolicy({
        rules: Array.from({ length: 51 }, (_, index) => aRule({ name: `r${index}` })),
      }),
      problem: '/rules: must have at most 50 entries',
    },
    {
      document: aPolicy({ rules: [aRule(), aRule()] }),
      problem: '/rules/1/name: a second rule is named "all"',
    },
    { document: aPolicy({ 'a/b~c': 1 }), problem: '/a~1b~0c: unknown field "a/b~c"' },
    {
      document: aPolicy({ context: {} }),
      problem: '/context: context schemas of a policy are not supported yet',
    },
    { document: withRule({ name: undefined }), problem: '/rules/0/name: is required' },
    {
      document: withRule({ name: 'x'.repeat(121) }),
      problem: '/rules/0/name: must have at most 120 characters',
    },
    {
      document: withRule({ when: 'has(' }),
      problem: '/rules/0/when: condition: syntax error: unexpected "(" (column 4)',
    },
    {
      document: withRule({ effect: 'allow' }),
      problem: '/rules/0/effect: must be one of approve, review, reject',
    },
    {
      document: withRule({ requireView: 'yes' }),
      problem: '/rules/0/requireView: must be true or false, not text',
    },
    {
      document: withRule({ stages: {} }),
      problem: '/rules/0/stages: must be a list, not an object',
    },
    {
      document: withRule({ stages: Array.from({ length: 21 }, () => aStage()) }),
      problem: '/rules/0/stages: must have at most 20 entries',
    },
    { document: withRule({ override: {} }), problem: '/rules/0/override/role: is required' },
    {
      document: withRule({ override: { role: 'a', minReason: 0 } }),
      problem: '/rules/0/override/minReason: must be a whole number from 1 to 1000',
    },
    {
      document: withRule({ override: { role: 'a', effects: ['pause'] } }),
      problem: '/rules/0/override/effects/0: must be one of stop, reverse, force',
    },
    {
      document: withRule({ override: { role: 'a', effects: [] } }),
      problem: '/rules/0/override/effects: must name at least one effect',
    },
    {
      document: withRule({ slack: { channel: 'credit' } }),
      problem: '/rules/0/slack/channel: must be a channel by its #name',
    },
    {
      document: withRule({ slack: { decide: 'always' } }),
      problem: '/rules/0/slack/decide: must be one of allowed, notify-only, step-up',
    },
    {
      document: withRule({ slack: { maxDataClass: 'secret' } }),
      problem:
        '/rules/0/slack/maxDataClass: must be one of public, internal, confidential, personal',
    },
    {
      document: withRule({ receipt: { validFor: 'PT0S' } }),
      problem:
        '/rules/0/receipt/validFor: must be an ISO 8601 duration above zero and up to ten years, such as PT4H or P1D',
    },
    { document: withStage({ name: undefined }), problem: '/rules/0/stages/0/name: is required' },
    { document: withStage({ role: undefined }), problem: '/rules/0/stages/0/role: is required' },
    {
      document: withStage({ role: 'Chef' }),
      problem: '/rules/0/stages/0/role: must be a role: 1 to 64 of a-z, 0-9, "-", a letter first',
    },
    {
      document: withStage({ quorum: undefined }),
      problem: '/rules/0/stages/0/quorum: is required',
    },
    {
      document: withStage({ quorum: 0 }),
      problem: '/rules/0/stages/0/quorum: must be a whole number from 1 to 100',
    },
    {
      document: withStage({ quorum: 1.5 }),
      problem: '/rules/0/stages/0/quorum: must be a whole number from 1 to 100',
    },
    {
      document: withStage({ quorum: '2' }),
      problem: '/rules/0/stages/0/quorum: must be a number, not text',
    },
    {
      document: withStage({ rejectQuorum: 101 }),
      problem: '/rules/0/stages/0/rejectQuorum: must be a whole number from 1 to 100',
    },
    {
      document: withStage({ deadline: '1 day' }),
      problem:
        '/rules/0/stages/0/deadline: must be an ISO 8601 duration above zero and up to ten years, such as PT4H or P1D',
    },
    {
      document: withStage({ deadline: 'P11Y' }),
      problem:
        '/rules/0/stages/0/deadline: must be an ISO 8601 duration above zero and up to ten years, such as PT4H or P1D',
    },
    {
      document: withStage({ deadline: 'P1D', reminders: ['PT1H', 'PT25H'] }),
      problem: '/rules/0/stages/0/reminders/1: comes after the deadline of the stage (P1D)',
    },
    {
      document: withStage({ deadline: 'P1D', escalations: [{ after: 'P2D', to: 'boss' }] }),
      problem: '/rules/0/stages/0/escalations/0/after: comes after the deadline of the stage (P1D)',
    },
    {
      document: withStage({ escalations: [{ after: 'P2D' }] }),
      problem: '/rules/0/stages/0/escalations/0/to: is required',
    },
    {
      document: withStage({ escalations: [{ after: 'P2D', to: 'boss', mode: 'also' }] }),
      problem: '/rules/0/stages/0/escalations/0/mode: must be one of add, replace',
    },
    {
      document: withStage({ onTimeout: 'reject' }),
      problem: '/rules/0/stages/0/onTimeout: must be one of expire, next-stage, approve',
    },
    {
      document: withStage({ distinctFrom: 'first' }),
      problem: '/rules/0/stages/0/distinctFrom: must be a list, not text',
    },
    {
      document: withStage({ assurance: 4 }),
      problem: '/rules/0/stages/0/assurance: must be one of 0, 1, 2, 3',
    },
    {
      document: withStage({ join: 'any' }),
      problem: '/rules/0/stages/0/join: is for parallel groups only',
    },
    {
      document: withGroups([aGroup()]),
      problem: '/rules/0/stages/0/parallel: must have at least two groups',
    },
    {
      document: withGroups([aGroup(), aGroup()]),
      problem: '/rules/0/stages/0/parallel/1/name: a second group is named "a"',
    },
    {
      document: withGroups([aGroup(), aGroup({ name: 'b', role: undefined })]),
      problem: '/rules/0/stages/0/parallel/1/role: is required',
    },
    {
      document: withGroups([aGroup(), aGroup({ name: 'b' })], { quorum: 2 }),
      problem:
        '/rules/0/stages/0/quorum: a stage with parallel groups has no quorum of its own: put it into the groups',
    },
    {
      document: withGroups([aGroup(), aGroup({ name: 'b', conditions: [] })]),
      problem: '/rules/0/stages/0/parallel/1/conditions: must be an object, not a list',
    },
  ])('$problem', ({ document, problem }) => {
    const json: unknown = JSON.parse(JSON.stringify(document));
    expect(problemsOf(parsePolicyDocument(json))).toEqual([problem]);
    const asText = problemsOf(parsePolicy(JSON.stringify(json, null, 2), 'json'));
    expect(asText).toEqual([expect.stringMatching(/ \(line \d+, column \d+\)$/)]);
    expect(asText[0]?.startsWith(problem)).toBe(true);
  });

  test('every problem at once, each with its place in the text', () => {
    const text = `id: Bad
kind: ai-decision
extra: 1
tier:
  - when: request.x >
    atLeast: high
rules:
  - name: one
    when: >-
      request.riskTier == "low" &&
      nope
    effect: review
    stages:
      - name: s
        quorum: many
        deadline: PT1H
        reminders: [PT2H]
`;
    expect(problemsOf(parsePolicy(text, 'yaml'))).toEqual([
      '/id: must be 1 to 64 of a-z, 0-9, ".", "_", "-", a letter or digit first (line 1, column 1)',
      '/rules/0/stages/0/quorum: must be a number, not text (line 15, column 9)',
      '/extra: unknown field "extra" (line 3, column 1)',
      '/tier/0/when: condition: syntax error: unexpected ">" (column 11) (line 5, column 5)',
      '/rules/0/when: condition: unknown name "nope": a condition reads request, now and facts (column 30) (line 9, column 5)',
      '/rules/0/stages/0/role: is required (line 14, column 9)',
      '/rules/0/stages/0/reminders/0: comes after the deadline of the stage (PT1H) (line 17, column 21)',
    ]);
  });

  test('a list of problems has an end', () => {
    const document = aPolicy(
      Object.fromEntries(Array.from({ length: 999 }, (_, index) => [`x${index}`, 1])),
    );
    const problems = problemsOf(parsePolicyDocument(document));
    expect(problems).toHaveLength(201);
    expect(problems.at(-1)).toBe(': and 799 more');
  });
});

describe('YAML and JSON', () => {
  const yaml = (lines: string): string =>
    `id: p\nkind: k\n${lines}\nrules: [{ name: r, effect: approve }]\n`;

  test.each([
    { text: '', problem: 'the document is empty' },
    { text: '# nothing', problem: 'must be an object, not empty' },
    { text: yaml('kind: other'), problem: 'YAML: the key "kind" occurs twice (line 3, column 1)' },
    {
      text: yaml('objective: "open'),
      problem: /^YAML: Missing closing "quote \(line \d+, column \d+\)$/,
    },
    {
      text: yaml('objective: a: b'),
      problem: /^YAML: .*compact mappings.* \(line 3, column 12\)$/,
    },
    {
      text: yaml('\tobjective: a'),
      problem: /^YAML: Tabs are not allowed as indentation \(line 3, column 1\)$/,
    },
    {
      text: yaml('objective: &a text\nowner: *a'),
      problem: 'YAML: anchors are not allowed (line 3, column 15)',
    },
    {
      text: yaml('owner: *a'),
      problem: 'YAML: aliases are not allowed: write it out (line 3, column 8)',
    },
    { text: yaml('owner: !!str 5'), problem: 'YAML: tags are not allowed (line 3, column 14)' },
    {
      text: yaml('owner: !!binary aGk='),
      problem: 'YAML: tags are not allowed (line 3, column 17)',
    },
    { text: yaml('owner: !mine x'), problem: /^YAML: Unresolved tag: !mine \(line 3, column 8\)$/ },
    { text: yaml('<<: { owner: x }'), problem: 'unknown field "<<" (line 3, column 1)' },
    { text: yaml('? [a]\n: 1'), problem: /^YAML: With stringKeys, all keys must be strings/ },
    {
      text: `%YAML 1.1\n---\n${yaml('enabled: yes')}`,
      problem: /^YAML: only version 1\.2 is read/,
    },
    { text: `${yaml('')}---\nid: q\n`, problem: /^YAML: Source contains multiple documents/ },
    { text: yaml('objective: .inf'), problem: 'YAML: a number must be finite (line 3, column 12)' },
    {
      text: yaml('objective: 1.0'),
      problem: 'must be text, not a number: put it in quotes (line 3, column 1)',
    },
    {
      text: yaml('objective: true'),
      problem: 'must be text, not true or false: put it in quotes (line 3, column 1)',
    },
    { text: yaml('enabled: yes'), problem: 'must be true or false, not text (line 3, column 1)' },
    { text: yaml(`objective: ${'[ '.repeat(70)}`), problem: 'nested too deeply' },
    {
      text: yaml(`objective: ${'[a, '.repeat(130)}x${']'.repeat(130)}`),
      problem: /nested too deeply/,
    },
    { text: `id: ${'x'.repeat(POLICY_LIMITS.bytes)}`, problem: 'a policy has at most 256 KiB' },
    {
      format: 'json',
      text: '{"id": "p",\n "kind": }',
      problem: 'not JSON: unexpected text (line 2, column 10)',
    },
    {
      format: 'json',
      text: '{"id": "p"',
      problem: /^not JSON: unexpected (end|text) \(line 1, column 11\)$/,
    },
    { format: 'json', text: yaml(''), problem: /^not JSON/ },
    {
      format: 'json',
      text: '{"id": "p", "id": "q"}',
      problem: 'YAML: the key "id" occurs twice (line 1, column 13)',
    },
  ] as const)('$problem', ({ text, problem, ...rest }) => {
    const parse = parsePolicy(text, 'format' in rest ? rest.format : 'yaml');
    const messages = parse.ok ? [] : parse.problems.map(({ message }) => message);
    const matching = typeof problem === 'string' ? problem : expect.stringMatching(problem);
    expect(messages).toContainEqual(matching);
  });

  test('a date stays the text it is', () => {
    const { document } = accepted(parsePolicy(yaml('reviewBy: 2027-01-31'), 'yaml'));
    expect(document['reviewBy']).toBe('2027-01-31');
  });

  test('a key of the language is a field like any other', () => {
    for (const key of ['__proto__', 'constructor', 'toString']) {
      expect(problemsOf(parsePolicy(yaml(`${key}: { enabled: false }`), 'yaml'))).toEqual([
        `/${key}: unknown field "${key}" (line 3, column 1)`,
      ]);
      const json = JSON.stringify(aPolicy()).replace('{', `{"${key}": {"enabled": false},`);
      expect(problemsOf(parsePolicyDocument(JSON.parse(json)))).toEqual([
        `/${key}: unknown field "${key}"`,
      ]);
    }
  });

  test.each([
    ['open brackets', '['.repeat(200_000)],
    ['open maps', '{a: '.repeat(60_000)],
    ['dashes', '- '.repeat(130_000)],
    ['keys', Array.from({ length: 25_000 }, (_, index) => `k${index}: 1`).join('\n')],
    ['the same key', 'a: 1\n'.repeat(50_000)],
    [
      'a deep staircase',
      Array.from({ length: 700 }, (_, index) => `${' '.repeat(index)}a:`).join('\n'),
    ],
    ['directives', '%a\n'.repeat(80_000)],
    [
      'a billion laughs',
      Array.from({ length: 9 }, (_, n) => `l${n + 1}: &l${n + 1} [${`*l${n}, `.repeat(9)}]`).join(
        '\n',
      ),
    ],
  ])('%s are refused soon', (_name, text) => {
    const started = performance.now();
    expect(parsePolicy(text, 'auto').ok).toBe(false);
    expect(performance.now() - started).toBeLessThan(10_000); // 1.5 s alone
  });
});

test('the place where JSON ends being JSON is found for any cut or changed text', () => {
  const json = JSON.stringify(
    aPolicy({ objective: 'a "quoted" \\ text', quorum: [-1.5e3, true, null, {}, []] }),
    null,
    2,
  );
  fc.assert(
    fc.property(
      fc.nat(json.length),
      fc.constantFrom('', '}', ']', ',', ':', '"', '1', 'x', '\n'),
      (at, inserted) => {
        const text = json.slice(0, at) + inserted + json.slice(at + 1);
        const parse = parsePolicy(text, 'json');
        const message = parse.ok ? '' : (parse.problems[0]?.message ?? '');
        if (message.startsWith('not JSON'))
          expect(message).toMatch(/^not JSON: unexpected (end|text) \(line \d+, column \d+\)$/);
      },
    ),
    { numRuns: 300 },
  );
});

describe('any text and any JSON', () => {
  const lines = fc
    .array(
      fc.constantFrom(
        ...[
          'id: p',
          'kind: k',
          'rules:',
          '  - name: r',
          '    effect: review',
          '    stages:',
          '      - name: s',
        ],
        ...[
          '        quorum: 1',
          '        role: a',
          '    when: request.x',
          '? a',
          ': b',
          '- ',
          '{',
          '}',
          '[',
          ']',
          '|',
          '>',
        ],
        ...[
          '&a',
          '*a',
          '!!x',
          '%YAML 1.1',
          '---',
          '...',
          '"',
          "'",
          '\t',
          '#',
          '<<: 1',
          'null',
          '1.0',
        ],
      ),
      { maxLength: 20 },
    )
    .map((all) => all.join('\n'));
  const keys = fc.constantFrom(
    'id',
    'kind',
    'rules',
    'stages',
    'when',
    'name',
    'parallel',
    'tier',
    'deadline',
    'reminders',
  );
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 6 },
      fc.constantFrom(null, 1, -0.5, 'x', 'P1D', 'true', true),
      fc.array(tie('tree'), { maxLength: 3 }),
      fc.dictionary(keys, tie('tree'), { maxKeys: 5 }),
    ),
  }));

  test('never throws, and names at least one problem of what it refuses', () => {
    const check = (parse: PolicyParse): void => {
      expect(parse.ok || parse.problems.length > 0).toBe(true);
    };
    const text = fc.oneof(fc.string({ unit: 'binary' }), lines);
    fc.assert(
      fc.property(text, fc.constantFrom('yaml', 'json', 'auto'), (any, format) =>
        check(parsePolicy(any, format)),
      ),
      { numRuns: 600 },
    );
    fc.assert(
      fc.property(fc.oneof(fc.anything(), tree), (value) => check(parsePolicyDocument(value))),
      { numRuns: 600 },
    );
    fc.assert(
      fc.property(tree, (value) => check(parsePolicy(JSON.stringify(value), 'auto'))),
      { numRuns: 300 },
    );
  });
});

describe('each single field broken', () => {
  /** A policy that says everything that can be said; the second stage has parallel groups. */
  const WHOLE = {
    ...{ id: 'whole', kind: 'ai-decision', enabled: true, when: 'true', objective: 'all of it' },
    ...{ controls: ['A'], owner: 'cora', reviewBy: '2027-01-31', mode: 'enforced' },
    ...{ effective: '2027-01-01T00:00:00.000Z', requireAcknowledgement: false },
    tier: [{ when: 'false', atLeast: 'high' }],
    rules: [
      {
        ...{ name: 'all', when: 'true', effect: 'review', controls: ['B'], requireView: true },
        stages: [
          {
            ...{ name: 'first', role: 'security', quorum: 1, rejectQuorum: 1, deadline: 'P1D' },
            ...{
              reminders: ['PT1H'],
              escalations: [{ after: 'PT2H', to: 'privacy', mode: 'add' }],
            },
            ...{
              onTimeout: 'expire',
              assurance: 0,
              calendar: 'office',
              deadlineAt: '"2027-01-31"',
            },
            ...{ conditions: { team: ['a'], region: 'eu' } },
            trainings: [{ course: 'basics', version: 1 }],
          },
          {
            name: 'second',
            parallel: [
              {
                ...{ name: 'one', role: 'security', quorum: 1, rejectQuorum: 1 },
                conditions: { team: ['a'], region: ['eu'] },
                trainings: [{ course: 'basics', version: 1 }],
              },
              { role: 'privacy', quorum: 1 },
            ],
            ...{ join: 'all', distinctFrom: ['first'] },
          },
        ],
        override: {
          ...{
            role: 'override-authority',
            minReason: 20,
            effects: ['stop', 'force'],
            assurance: 0,
          },
          ...{ secondPerson: ['force'], breakGlass: { role: 'risk-manager', due: 'P3D' } },
        },
        slack: { channel: '#all', decide: 'allowed', maxDataClass: 'internal' },
        receipt: { validFor: 'PT1H' },
      },
    ],
  };

  const NAME = 'must be 1 to 64 of a-z, 0-9, ".", "_", "-", a letter or digit first';
  const ROLE = 'must be a role: 1 to 64 of a-z, 0-9, "-", a letter first';
  const LINE = 'must be one line without control characters';
  const DURATION =
    'must be an ISO 8601 duration above zero and up to ten years, such as PT4H or P1D';
  const COUNT = 'must be a whole number from 1 to 100';
  const EFFECT = 'must be one of stop, reverse, force';
  const LEVEL = 'must be one of 0, 1, 2, 3';
  const TEAM = 'must be text or a list of texts, not a number: put it in quotes';

  /** What is wrong with each field, by its place in the schema; `*` is an entry of a list. */
  const BROKEN: Readonly<Record<string, readonly [value: unknown, message: string]>> = {
    '/id': ['Not An Id', NAME],
    '/kind': ['Not A Kind', NAME],
    '/enabled': ['yes', 'must be true or false, not text'],
    '/when': ['request.(', 'condition: syntax error: unexpected "." (column 8)'],
    '/objective': ['two\nlines', LINE],
    '/controls': ['A', 'must be a list, not text'],
    '/controls/*': ['', 'must not be empty'],
    '/owner': [7, 'must be text, not a number: put it in quotes'],
    '/reviewBy': ['2027-02-30', 'must be a date that exists, such as 2027-01-31'],
    '/effective': ['2027-01-01', 'must be an instant such as 2027-01-31T00:00:00.000Z'],
    '/mode': ['silent', 'must be one of enforced, shadow'],
    '/requireAcknowledgement': ['no', 'must be true or false, not text'],
    '/tier': [{}, 'must be a list, not an object'],
    '/tier/*': ['high', 'must be an object, not text'],
    '/tier/*/when': ['1', 'condition: must be true or false, but is int (column 1)'],
    '/tier/*/atLeast': ['huge', 'must be one of low, medium, high'],
    '/rules': ['none', 'must be a list, not text'],
    '/rules/*': [1, 'must be an object, not a number'],
    '/rules/*/name': ['\u202Eevil', LINE],
    '/rules/*/when': [
      'nobody',
      'condition: unknown name "nobody": a condition reads request, now and facts (column 1)',
    ],
    '/rules/*/effect': ['allow', 'must be one of approve, review, reject'],
    '/rules/*/controls': [true, 'must be a list, not true or false'],
    '/rules/*/controls/*': [null, 'must be text, not empty'],
    '/rules/*/requireView': [1, 'must be true or false, not a number'],
    '/rules/*/stages': ['first', 'must be a list, not text'],
    '/rules/*/stages/*': [[], 'must be an object, not a list'],
    '/rules/*/stages/*/name': ['', 'must not be empty'],
    '/rules/*/stages/*/role': ['Chef', ROLE],
    '/rules/*/stages/*/quorum': [0, COUNT],
    '/rules/*/stages/*/rejectQuorum': [101, COUNT],
    '/rules/*/stages/*/deadline': ['soon', DURATION],
    '/rules/*/stages/*/reminders': ['PT1H', 'must be a list, not text'],
    '/rules/*/stages/*/reminders/*': ['1 hour', DURATION],
    '/rules/*/stages/*/escalations': ['privacy', 'must be a list, not text'],
    '/rules/*/stages/*/escalations/*': ['privacy', 'must be an object, not text'],
    '/rules/*/stages/*/escalations/*/after': ['P2D', 'comes after the deadline of the stage (P1D)'],
    '/rules/*/stages/*/escalations/*/to': ['Boss', ROLE],
    '/rules/*/stages/*/escalations/*/mode': ['also', 'must be one of add, replace'],
    '/rules/*/stages/*/onTimeout': [
      'approve',
      'would pass the stage at a time that the requester chooses (deadlineAt): let it expire',
    ],
    '/rules/*/stages/*/assurance': [4, LEVEL],
    '/rules/*/stages/*/calendar': ['The Office', NAME],
    '/rules/*/stages/*/deadlineAt': [
      '5',
      'deadline: must be a timestamp or a text, but is int (column 1)',
    ],
    '/rules/*/stages/*/conditions': ['eu', 'must be an object, not text'],
    '/rules/*/stages/*/conditions/team': [7, TEAM],
    '/rules/*/stages/*/conditions/team/*': ['', 'must not be empty'],
    '/rules/*/stages/*/conditions/region': ['e\nu', LINE],
    '/rules/*/stages/*/conditions/region/*': [7, 'must be text, not a number: put it in quotes'],
    '/rules/*/stages/*/trainings': ['basics', 'must be a list, not text'],
    '/rules/*/stages/*/trainings/*': ['basics', 'must be an object, not text'],
    '/rules/*/stages/*/trainings/*/course': ['The Basics', NAME],
    '/rules/*/stages/*/trainings/*/version': [0, 'must be a whole number from 1 to 1000000'],
    '/rules/*/stages/*/parallel': [{}, 'must be a list, not an object'],
    '/rules/*/stages/*/parallel/*': ['one', 'must be an object, not text'],
    '/rules/*/stages/*/parallel/*/name': ['', 'must not be empty'],
    '/rules/*/stages/*/parallel/*/role': ['Chef', ROLE],
    '/rules/*/stages/*/parallel/*/quorum': ['2', 'must be a number, not text'],
    '/rules/*/stages/*/parallel/*/rejectQuorum': [1.5, COUNT],
    '/rules/*/stages/*/parallel/*/conditions': [1, 'must be an object, not a number'],
    '/rules/*/stages/*/parallel/*/conditions/team': [
      false,
      'must be text or a list of texts, not true or false: put it in quotes',
    ],
    '/rules/*/stages/*/parallel/*/conditions/team/*': ['', 'must not be empty'],
    '/rules/*/stages/*/parallel/*/conditions/region': [
      {},
      'must be text or a list of texts, not an object',
    ],
    '/rules/*/stages/*/parallel/*/conditions/region/*': ['', 'must not be empty'],
    '/rules/*/stages/*/parallel/*/trainings': [1, 'must be a list, not a number'],
    '/rules/*/stages/*/parallel/*/trainings/*': [1, 'must be an object, not a number'],
    '/rules/*/stages/*/parallel/*/trainings/*/course': [
      1,
      'must be text, not a number: put it in quotes',
    ],
    '/rules/*/stages/*/parallel/*/trainings/*/version': ['1', 'must be a number, not text'],
    '/rules/*/stages/*/join': ['some', 'must be one of all, any'],
    '/rules/*/stages/*/distinctFrom': ['first', 'must be a list, not text'],
    '/rules/*/stages/*/distinctFrom/*': ['', 'must not be empty'],
    '/rules/*/override': ['nobody', 'must be an object, not text'],
    '/rules/*/override/role': ['Boss', ROLE],
    '/rules/*/override/minReason': [0, 'must be a whole number from 1 to 1000'],
    '/rules/*/override/effects': ['stop', 'must be a list, not text'],
    '/rules/*/override/effects/*': ['pause', EFFECT],
    '/rules/*/override/assurance': ['high', LEVEL],
    '/rules/*/override/secondPerson': [true, 'must be a list, not true or false'],
    '/rules/*/override/secondPerson/*': ['reverse', '"reverse" is none of the effects'],
    '/rules/*/override/breakGlass': [true, 'must be an object, not true or false'],
    '/rules/*/override/breakGlass/role': ['', ROLE],
    '/rules/*/override/breakGlass/due': ['P11Y', DURATION],
    '/rules/*/slack': ['#all', 'must be an object, not text'],
    '/rules/*/slack/channel': ['all', 'must be a channel by its #name'],
    '/rules/*/slack/decide': ['always', 'must be one of allowed, notify-only, step-up'],
    '/rules/*/slack/maxDataClass': [
      'secret',
      'must be one of public, internal, confidential, personal',
    ],
    '/rules/*/receipt': ['PT1H', 'must be an object, not text'],
    '/rules/*/receipt/validFor': ['PT0S', DURATION],
  };

  interface Shape {
    readonly properties?: Readonly<Record<string, Shape>>;
    readonly items?: Shape;
    readonly anyOf?: readonly Shape[];
  }

  /** Every place of the schema: fields of objects, entries of lists. */
  function placesOf(shape: Shape, at = ''): string[] {
    const fields = Object.entries(shape.properties ?? {}).flatMap(([name, inner]) => [
      `${at}/${name}`,
      ...placesOf(inner, `${at}/${name}`),
    ]);
    const items = shape.items === undefined ? [] : [`${at}/*`, ...placesOf(shape.items, `${at}/*`)];
    return [...fields, ...items, ...(shape.anyOf ?? []).flatMap((one) => placesOf(one, at))];
  }

  const places = placesOf(
    z.toJSONSchema(policySchema, { io: 'input', unrepresentable: 'any' }) as Shape,
  );

  test('every field of the schema has a case, and every case a field', () => {
    expect(places.length).toBeGreaterThan(80);
    expect(Object.keys(BROKEN).toSorted()).toEqual([...new Set(places)].toSorted());
    expect(problemsOf(parsePolicy(stringify(WHOLE), 'yaml'))).toEqual([]);
  });

  /** The place in the whole policy: groups are in its second stage. */
  function pointerOf(place: string): string {
    const second = /\/stages\/\*\/(?:parallel|join|distinctFrom)/.test(place);
    return place.replace('/stages/*', second ? '/stages/1' : '/stages/0').replaceAll('*', '0');
  }

  function put(document: Json, pointer: string, value: unknown): Json {
    const copy = structuredClone(document);
    const steps = pointer.split('/').slice(1);
    const last = steps.pop() ?? '';
    const holder = steps.reduce<Json>((inner, step) => inner[step] as Json, copy);
    // One text may stand for a list of them.
    if (typeof holder === 'string') return put(document, `/${steps.join('/')}`, [value]);
    holder[last] = value;
    return copy;
  }

  test.each(Object.entries(BROKEN))('%s', (place, [value, message]) => {
    const pointer = pointerOf(place);
    const text = stringify(put(WHOLE, pointer, value));
    const parse = parsePolicy(text, 'yaml');
    const problems = parse.ok ? [] : parse.problems;
    expect(problems.map((one) => one.pointer)).toEqual([pointer]);
    const match = /^(.*) \(line (\d+), column (\d+)\)$/s.exec(problems[0]?.message ?? '');
    expect(match?.[1]).toBe(message);
    // The place is that of the field, or of the entry of the list.
    const line = text.split('\n')[Number(match?.[2]) - 1] ?? '';
    const key = place.split('/').at(-1) ?? '';
    const here = line.slice(Number(match?.[3]) - 1);
    if (key === '*') expect(line.slice(0, Number(match?.[3]) - 1)).toMatch(/- $/);
    else expect(here.startsWith(`${key}:`), `${line} at ${match?.[3]}`).toBe(true);
  });
});
