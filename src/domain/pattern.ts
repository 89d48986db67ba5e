/**
 * Regular expressions that callers send, made safe to run: RE2 syntax in linear time, and bounded before they are compiled as
 * well as after, since a short pattern with nested repeats compiles to a million instructions. Pure.
 */
import { RE2JS, RE2JSException } from 're2js';
import { StoreError } from './errors.ts';
import { limits } from './limits.ts';

/** A compiled pattern. */
export interface Pattern {
  /** Instructions of the compiled program: what a match may cost for each character of the text. */
  readonly cost: number;
  /** Whether the pattern matches somewhere in the text. */
  test(text: string): boolean;
}

/**
 * Compiles a pattern. INVALID_ARGUMENT, naming `field` and the reason, when it is empty, longer than `limits.regexBytes`, not
 * RE2 syntax, or compiles to more than `limits.regexInstructions`.
 */
export function compilePattern(text: string, field: string): Pattern {
  const bytes = new TextEncoder().encode(text).length;
  if (bytes === 0 || bytes > limits.regexBytes) {
    throw invalid(field, `must have 1 to ${limits.regexBytes} bytes, but has ${bytes}`);
  }
  if (estimateInstructions(text) > limits.regexInstructions * ESTIMATE_SLACK) {
    throw invalid(field, `is too large: its repeats expand to more than ${limits.regexInstructions} instructions`);
  }
  const compiled = compile(text, field);
  const cost = compiled.programSize();
  if (cost > limits.regexInstructions) {
    throw invalid(field, `is too large: ${cost} instructions, of which ${limits.regexInstructions} are allowed`);
  }
  return { cost, test: (input) => compiled.test(input) };
}

/** The estimate may be above the truth (optional groups, classes), hardly ever by more than this factor. */
const ESTIMATE_SLACK = 4;

function compile(text: string, field: string): RE2JS {
  try {
    return RE2JS.compile(text);
  } catch (error) {
    if (error instanceof RE2JSException) throw invalid(field, `is not RE2 syntax: ${error.message}`, error);
    throw error;
  }
}

function invalid(field: string, rule: string, cause?: Error): StoreError<'INVALID_ARGUMENT'> {
  return new StoreError('INVALID_ARGUMENT', `${field} ${rule}`, { field, limit: rule }, cause ? { cause } : undefined);
}

/**
 * About how many instructions a pattern compiles to: one for each atom, multiplied by the counted repeats around it. Syntax
 * errors do not matter here, since the compiler finds them; it only has to be small enough for the compiler to look at.
 */
export function estimateInstructions(pattern: string): number {
  const enclosing: number[] = [];
  let total = 0;
  let atom = 0;
  let at = 0;
  while (at < pattern.length) {
    const character = pattern.charAt(at);
    const repeat = character === '{' ? REPEAT.exec(pattern.slice(at, at + 16)) : null;
    if (repeat) {
      const times = Math.max(Number(repeat[1]), Number(repeat[2] ?? 0), 1);
      total += atom * (times - 1);
      atom *= times;
      at += repeat[0].length;
    } else if (character === '(') {
      enclosing.push(total);
      total = 0;
      at += 1;
    } else if (character === ')') {
      atom = total + 1;
      total = (enclosing.pop() ?? 0) + atom;
      at += 1;
    } else {
      const end = atomEnd(pattern, at);
      // A quoted run is one atom for each character; only its last character is repeated, but counting all is safe.
      atom = pattern.startsWith('\\Q', at) ? end - at : 1;
      total += atom;
      at = end;
    }
  }
  return enclosing.reduce((sum, size) => sum + size, total);
}

const REPEAT = /^\{(\d{1,4})(?:,(\d{1,4})?)?\}/;

/** Where the atom that begins at `at` ends: an escape, a quoted run, a character class or one character. */
function atomEnd(pattern: string, at: number): number {
  const character = pattern.charAt(at);
  if (character === '\\') {
    if (pattern.charAt(at + 1) !== 'Q') return at + 2;
    const end = pattern.indexOf('\\E', at + 2);
    return end < 0 ? pattern.length : end + 2;
  }
  if (character !== '[') return at + 1;
  let end = at + 1;
  if (pattern.charAt(end) === '^') end += 1;
  if (pattern.charAt(end) === ']') end += 1;
  while (end < pattern.length && pattern.charAt(end) !== ']') {
    if (pattern.startsWith('[:', end)) {
      const closed = pattern.indexOf(':]', end + 2);
      end = closed < 0 ? end + 1 : closed + 2;
    } else end += pattern.charAt(end) === '\\' ? 2 : 1;
  }
  return end + 1;
}
