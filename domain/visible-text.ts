/**
 * What shows nothing where it stands alone: blanks of every kind, controls, marks of direction and
 * joiners, fillers that Unicode lets programs ignore (U+200B, U+3164 …), code points that nobody has
 * assigned, halves of pairs, accents without a letter, and the empty Braille pattern.
 *
 * @source Unicode 17, DerivedCoreProperties.txt (Default_Ignorable_Code_Point)
 */
const INVISIBLE = /[\p{White_Space}\p{Default_Ignorable_Code_Point}\p{C}\p{M}\u2800]/gu;

/**
 * Counts what a person would: an emoji or a letter with its accents is one, what shows nothing is none.
 * Blanks inside count as one each time, however many stand together; those at the ends do not count.
 *
 * @param characters the text, split where a person sees one character end (grapheme clusters).
 * @returns 0 for a text that holds nothing to be seen. @throws never.
 * @source product contract 3.2, fine print: a reason of blanks has length 0
 */
export function visibleLength(characters: readonly string[]): number {
  let count = 0;
  let blank = false;
  for (const character of characters) {
    const isVisible = character.replace(INVISIBLE, '') !== '';
    if (isVisible) count += blank && count > 0 ? 2 : 1;
    blank = isVisible ? false : blank || /\s/u.test(character);
  }
  return count;
}
