// Markup with texts in it. What models and people wrote is text and stays text.

/** Markup that was made by `markup`, or by hand for it. */
export interface Html {
  readonly markup: string;
}

type Part = Html | string | number | null | readonly Html[];

/**
 * Writes a template; every part that is not markup itself is escaped. Not called `html`: formatters would
 * then move white space, and the page's policy names its script by digest.
 */
export function markup(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return { markup: strings.map((text, at) => text + markupOf(parts[at] ?? null)).join('') };
}

/** For what is ours: a style, a script. */
export const asMarkup = (text: string): Html => ({ markup: text });

function markupOf(part: Part): string {
  if (part === null) return '';
  if (typeof part === 'string') return escaped(part);
  if (typeof part === 'number') return String(part);
  return 'markup' in part ? part.markup : part.map((one) => one.markup).join('');
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Characters that steer the direction of text, or show nothing at all. */
const UNSEEN = /(?![\t\n])\p{Cc}|[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/gu;

function escaped(text: string): string {
  return text
    .replace(/\r\n?/g, '\n')
    .replace(
      UNSEEN,
      (one) => `[U+${(one.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}]`,
    )
    .replace(/[&<>"']/g, (one) => ESCAPES[one] ?? '');
}
