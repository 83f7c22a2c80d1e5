/** One entity tag, or a list of them; what is between quotes may hold a comma. @source RFC 9110 8.8.3 */
const LIST =
  /^[ \t]*(?:(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*")?(?:[ \t]*,[ \t]*(?:(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*")?)*[ \t]*$/;
const TAG = /(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"/g;

/**
 * @param header If-None-Match as it came; null where none was sent.
 * @returns whether it names the tag. Weak comparison: what is asked is whether a copy still serves.
 * @source RFC 9110 section 13.1.2
 */
export function noneMatchNames(header: string | null, etag: string): boolean {
  if (header === null) return false;
  return header.split(',').some((one) => {
    const tag = one.trim();
    return tag === '*' || tag.replace(/^W\//, '') === etag;
  });
}

/**
 * @param header If-Match as it came.
 * @returns `any` for `*`, else the tags that can match: strong ones. None where it is no list of tags.
 * @source RFC 9110 section 13.1.1
 */
function matchTags(header: string): 'any' | readonly string[] {
  if (header.trim() === '*') return 'any';
  if (!LIST.test(header)) return [];
  return [...header.matchAll(TAG)].map(([tag]) => tag).filter((tag) => !tag.startsWith('W/'));
}

/** Strong tag of one immutable version of a policy or a calendar. */
export function versionTag({
  id,
  version,
}: {
  readonly id: string;
  readonly version: number;
}): string {
  return `"${id}@${version}"`;
}

/**
 * @param header If-Match as it came; null where none was sent.
 * @returns the versions of `id` that it names; `any` for `*`; null where it was not sent.
 */
export function versionsNamed(header: string | null, id: string): readonly number[] | 'any' | null {
  const tags = header === null ? null : matchTags(header);
  if (tags === null || tags === 'any') return tags;
  return tags.flatMap((tag) => {
    const match = /^"(.+)@([1-9]\d{0,8})"$/.exec(tag);
    return match !== null && match[1] === id ? [Number(match[2])] : [];
  });
}
