/**
 * How long text is in UTF-8, without encoding it. Knows nothing of limits.
 */

/** What {@link utf8Length} answers for text with a surrogate that has no partner: no UTF-8 stands for it. */
export const NOT_WELL_FORMED = -1;

/** Bytes of UTF-8 that `text` takes, or {@link NOT_WELL_FORMED}. */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit < 0x80) continue;
    if (unit < 0x800) {
      bytes += 1;
    } else if (unit < 0xd800 || unit > 0xdfff) {
      bytes += 2;
    } else {
      const next = text.charCodeAt(at + 1);
      const paired = unit < 0xdc00 && next >= 0xdc00 && next <= 0xdfff;
      if (!paired) return NOT_WELL_FORMED;
      // Two units, four bytes.
      bytes += 2;
      at += 1;
    }
  }
  return bytes;
}
