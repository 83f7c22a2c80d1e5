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
