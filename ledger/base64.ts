// Runs in a browser too: no Buffer. Node's own decoder would also accept other alphabets, white space
// and non-zero bits behind the last byte, so that one value had many texts.

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** Standard base64 with padding. @source RFC 4648 section 4 */
export function toBase64(bytes: Uint8Array): string {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

/**
 * @returns the bytes, or null where the text is not the one padded standard form of any bytes. The
 *          caller knows what was being read and throws its own code.
 * @source RFC 4648 sections 3.5 and 4
 */
export function fromBase64(text: string): Uint8Array | null {
  if (text.length % 4 !== 0 || !BASE64.test(text)) return null;
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  return toBase64(bytes) === text ? bytes : null;
}
