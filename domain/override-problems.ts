import type { Bench } from './outlook.ts';
import type { Rule } from './policy.ts';

/** What is empty about a rule's right to override. `pointer` is from the rule. @throws never. */
export function overrideProblems(
  { override }: Rule,
  { people, reachable, isReadable }: Bench,
): { readonly pointer: string; readonly message: string }[] {
  if (override === null) return [];
  const { role, assurance, secondPerson, breakGlass } = override;
  const holders = (one: string): readonly string[] =>
    people.filter(({ roles }) => roles.includes(one)).map(({ id }) => id);
  const nobody = (one: string, pointer: string) =>
    isReadable?.(one) === false || holders(one).length > 0
      ? []
      : [{ pointer, message: `nobody holds the role "${one}"` }];
  const problems = nobody(role, '/override/role');
  const [only, second] = holders(role);
  if (secondPerson.length > 0 && only !== undefined && second === undefined)
    problems.push({
      pointer: '/override/secondPerson',
      message: `an override needs a second person, and only ${only} holds the role "${role}"`,
    });
  if (assurance > reachable)
    problems.push({
      pointer: '/override/assurance',
      message: `assurance level ${assurance} cannot be reached here: people sign in at level ${reachable} at most`,
    });
  if (breakGlass !== null) problems.push(...nobody(breakGlass.role, '/override/breakGlass/role'));
  const reviewers = breakGlass === null ? [] : holders(breakGlass.role);
  const [reviewer] = reviewers;
  if (reviewer !== undefined && reviewers.length === 1 && holders(role).includes(reviewer))
    problems.push({
      pointer: '/override/breakGlass/role',
      message: `only ${reviewer} could review, who may break the glass too`,
    });
  return problems;
}
