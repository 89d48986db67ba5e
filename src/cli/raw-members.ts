/**
 * The members of a JSON object as they were written. JSON.parse has proved the text valid before; this only finds where
 * values begin and end, so that they can be kept without a change.
 */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** By name, the text of each value of the object that `text` holds. The last one counts when a name comes twice. */
export function rawMembers(text: string): ReadonlyMap<string, string> {
  const members = new Map<string, string>();
  let at = skip(text, text.indexOf('{') + 1);
  while (at < text.length && text[at] !== '}') {
    const nameEnd = stringEnd(text, at);
    const name = JSON.parse(text.slice(at, nameEnd)) as string;
    const start = skip(text, skip(text, nameEnd) + 1);
    const end = valueEnd(text, start);
    members.set(name, text.slice(start, end).trimEnd());
    at = text[end] === ',' ? skip(text, end + 1) : end;
  }
  return members;
}

function skip(text: string, at: number): number {
  let next = at;
  while (next < text.length && text.charCodeAt(next) <= 0x20) next++;
  return next;
}

/** The place after the string that begins at `at`. */
function stringEnd(text: string, at: number): number {
  let next = at + 1;
  for (let code = text.charCodeAt(next); code !== QUOTE && next < text.length; code = text.charCodeAt(next)) {
    next += code === BACKSLASH ? 2 : 1;
  }
  return next + 1;
}

/** The place of the comma or bracket that ends the value at `at`. */
function valueEnd(text: string, at: number): number {
  let depth = 0;
  let next = at;
  while (next < text.length) {
    const character = text[next];
    if (character === '"') {
      next = stringEnd(text, next);
      continue;
    }
    if (character === '{' || character === '[') depth++;
    else if (character === '}' || character === ']') {
      if (depth === 0) return next;
      depth--;
    } else if (character === ',' && depth === 0) return next;
    next++;
  }
  return next;
}
